"""Reading the imzML header: what it says, and what is refused with which words."""

from __future__ import annotations

import io
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.checks import check_dataset
from ionbox_science.imzml.header import ImzmlHeader, read_header
from pyimzml.compression import ZlibCompression

from tests.imzml_builder import SPECTRA, Pair, build_pair
from tests.science.imzml.header_examples import LENGTH, SOUND, header_of, problems_of

DECLARED_UUID = re.search(r'value="\{([^}]*)\}"', SOUND.imzml)[1]  # type: ignore[index]


def refusal(pair: Pair | bytes) -> list[str]:
    source = pair if isinstance(pair, bytes) else pair.source
    with pytest.raises(InvalidDataset) as caught:
        read_header(source, "a.imzML")
    return str(caught.value).splitlines()


# --- what a header says ---------------------------------------------------------------------------


def test_header_says_where_every_array_lies() -> None:
    header = header_of(SOUND)
    assert header.n_spectra == 3
    assert header.n_peaks == 9
    assert header.mz_count.tolist() == header.intensity_count.tolist() == [3, 2, 4]
    assert header.mz_offset.tolist() == [16, 52, 76]
    assert header.intensity_offset.tolist() == [40, 68, 108]
    assert header.ibd_end == len(SOUND.ibd)
    assert header.mode == "processed"


def test_header_says_what_kind_of_spectra_these_are() -> None:
    header = header_of(build_pair(polarity="negative", spectrum_type="profile"))
    assert header.polarity == "negative"
    assert header.spectrum_type == "profile"
    assert header.checksum is not None
    assert header.checksum[0] == "sha1"
    assert header.declared_size == (2, 2)


def test_uuid_is_compared_whatever_its_spelling() -> None:
    plain = DECLARED_UUID.replace("-", "").lower()
    for spelling in (DECLARED_UUID, plain, f" {{{plain.upper()}}} "):
        pair = SOUND.edited(f"{{{DECLARED_UUID}}}", spelling)
        assert header_of(pair).uuid == plain == pair.ibd[:16].hex()


@pytest.mark.parametrize("text", ["", "none", "1234"])
def test_unreadable_uuid_and_checksum_are_none(text: str) -> None:
    pair = SOUND.edited(f"{{{DECLARED_UUID}}}", text)
    pair = Pair(re.sub(r'(name="ibd SHA-1" value=)"\w+"', rf'\1"{text}"', pair.imzml), pair.ibd)
    assert header_of(pair).uuid is None
    assert header_of(pair).checksum is None
    assert problems_of(pair) == []


def test_pixels_are_row_major_in_the_bounding_box() -> None:
    header = header_of(build_pair(coordinates=[(7, 9), (9, 9), (7, 10)]))
    assert header.x.tolist() == [7, 9, 7]
    assert (header.width, header.height) == (3, 2)
    assert header.pixel_index.tolist() == [0, 2, 3]
    assert header.pixel_index.dtype == np.uint32
    assert header.mask.tolist() == [[True, False, True], [True, False, False]]


@pytest.mark.parametrize("mz_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("intensity_dtype", [np.float32, np.float64, np.int32, np.int64])
def test_data_types(mz_dtype: type[np.generic], intensity_dtype: type[np.generic]) -> None:
    header = header_of(build_pair(mz_dtype=mz_dtype, intensity_dtype=intensity_dtype))
    assert header.mz_dtype == np.dtype(mz_dtype).newbyteorder("<")
    assert header.intensity_dtype == np.dtype(intensity_dtype).newbyteorder("<")


def test_imaging_vocabulary_integers_are_known_too() -> None:
    pair = build_pair(intensity_dtype=np.int32).edited("MS:1000519", "IMS:1000141")
    assert header_of(pair).intensity_dtype == np.dtype("<i4")


def test_swapped_float_accessions_are_read_by_name() -> None:
    pair = SOUND.edited('"MS:1000521" name="32-bit', '"MS:1000523" name="32-bit')
    assert header_of(pair).intensity_dtype == np.dtype("<f4")


def test_mode_is_what_the_offsets_say() -> None:
    one_mz = [(SPECTRA[0][0], [1.0, 2.0, 3.0])] * 3
    continuous = build_pair(one_mz, mode="continuous")
    assert header_of(continuous).mode == "continuous"
    mislabelled = continuous.edited('"IMS:1000030" name="continuous"', '"IMS:1000031" name="x"')
    assert header_of(mislabelled).mode == "continuous"
    mislabelled = SOUND.edited('"IMS:1000031" name="processed"', '"IMS:1000030" name="x"')
    assert header_of(mislabelled).mode == "processed"


def test_single_spectrum_has_the_mode_it_declares() -> None:
    for mode in ("continuous", "processed"):
        assert header_of(build_pair(SPECTRA[:1], [(1, 1)], mode=mode)).mode == mode


def test_spectra_are_believed_before_the_file_description() -> None:
    pair = SOUND.edited('"MS:1000127" name="centroid spectrum"', '"MS:1000128" name="x"', 1)
    assert header_of(pair).spectrum_type == "centroid"
    unsaid = pair.edited(
        '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum"', "<x"
    )
    assert header_of(unsaid).spectrum_type == "profile"


def test_one_profile_spectrum_makes_a_profile_dataset() -> None:
    extra = '<cvParam cvRef="MS" accession="MS:1000128" name="profile spectrum"/><scanList'
    assert header_of(SOUND.edited("<scanList", extra, 1)).spectrum_type == "profile"


def test_instrument_names_and_resolving_power() -> None:
    pair = SOUND.edited(
        '<instrumentConfiguration id="IC1">',
        """<instrumentConfiguration id="IC1">
        <cvParam accession="MS:1000031" name="instrument model" value="Q Exactive HF"/>
        <cvParam accession="MS:1000529" name="instrument serial number" value="Exploris 7"/>
        <userParam name="source" value="AP-SMALDI"/>
        <componentList count="1"><analyzer order="1">
          <cvParam accession="MS:1000484" name="orbitrap"/>
          <cvParam accession="MS:1000800" name="mass resolving power" value="240000"/>
        </analyzer></componentList>""",
    )
    header = header_of(pair)
    assert header.instruments == ("Q Exactive HF", "source", "AP-SMALDI", "orbitrap")
    assert header.resolving_power == 240000


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-8", "utf-16", "ascii"])
def test_any_encoding(encoding: str) -> None:
    pair = SOUND.edited("ISO-8859-1", encoding.upper())
    name = "Gießen" if encoding != "ascii" else "Giessen"
    source = pair.imzml.replace("pyimzml exporter", name).encode(encoding)
    assert read_header(source, "a.imzML").n_spectra == 3


def test_indexed_wrapper_and_namespace_prefix_do_not_matter() -> None:
    head, mzml, body = SOUND.imzml.partition("<mzML")
    wrapped = f"{head}<indexedmzML>{mzml}{body}</indexedmzML>"
    assert read_header(wrapped.encode(), "a.imzML").n_spectra == 3
    prefixed = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1m:", SOUND.imzml).replace("xmlns=", "xmlns:m=")
    assert read_header(prefixed.encode(), "a.imzML").n_spectra == 3


def test_missing_scan_size_is_fine() -> None:
    pair = SOUND.edited('"IMS:1000042"', '"IMS:1000999"')
    assert header_of(pair).declared_size is None
    assert problems_of(pair) == []


@pytest.mark.parametrize(
    ("terms", "size"),
    [
        ("", None),
        ('{46}value="50"/>{47}value="25.5"/>', (50.0, 25.5)),
        ('{46}value="20"/>', (20.0, 20.0)),
        ('{46}value="0.1" unitAccession="UO:0000016"/>', (100.0, 100.0)),
        ('{46}value="4406.25" unitAccession="UO:0000018"/>', (4.40625, 4.40625)),
        ('{46}value="1" unitAccession="UO:0000017"/>', (1.0, 1.0)),
        ('{46}value="1.000000"/>{47}value="1.000000"/>', None),
        ('{46}value="20"/>{47}value="Inf"/>', None),
        ('{46}value="-5"/>', None),
        ('{46}value="wide"/>', None),
        ('{46}value="2" unitAccession="UO:0000099"/>', None),
    ],
)
def test_pixel_size_is_read_in_micrometres_where_it_is_one(
    terms: str, size: tuple[float, float] | None
) -> None:
    for number in ("46", "47"):
        start = f'<cvParam cvRef="IMS" accession="IMS:10000{number}" name="pixel size" '
        terms = terms.replace(f"{{{number}}}", start)
    pair = SOUND.edited("</scanSettings>", f"{terms}</scanSettings>")
    assert header_of(pair).pixel_size_um == size
    assert problems_of(pair) == []


def test_offsets_wrapped_at_32_bits_are_unwrapped() -> None:
    pair = SOUND.edited('external offset" value="76"', 'external offset" value="-2147483000"')
    pair = pair.edited('external offset" value="52"', 'external offset" value="2147483600"')
    assert header_of(pair).mz_offset.tolist() == [16, 2147483600, 2**32 - 2147483000]


def test_header_survives_storage_without_pickle() -> None:
    header = header_of(SOUND.edited('spectrumList count="3"', 'spectrumList count="4"'))
    stored = io.BytesIO()
    np.savez(stored, allow_pickle=False, **header.to_arrays())
    stored.seek(0)
    with np.load(stored, allow_pickle=False) as arrays:
        again = ImzmlHeader.from_arrays(arrays)
    assert_same_header(again, header)
    assert again.warnings == header.warnings != ()


def assert_same_header(one: ImzmlHeader, other: ImzmlHeader) -> None:
    for name, value in vars(one).items():
        np.testing.assert_equal(value, getattr(other, name))
        assert type(value) is type(getattr(other, name))


def test_spectra_are_not_kept_in_memory() -> None:
    first, spectrum, rest = re.split(
        r"(<spectrum .*?</spectrum>)", SOUND.imzml, maxsplit=1, flags=re.DOTALL
    )
    source = (first + spectrum * 3000 + rest).encode()
    tracemalloc.start()
    read_header(source, "a.imzML")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * len(source)


# --- what is refused while reading ----------------------------------------------------------------

OFFSET = 'accession="IMS:1000102" cvRef="IMS" name="external offset"'
X = 'accession="IMS:1000050" cvRef="IMS" name="position x"'
Y, Z = X.replace("50", "51").replace("x", "y"), X.replace("50", "52").replace("x", "z")

REFUSED = {
    "no pixel position": (
        SOUND.edited(X, 'accession="none"'),
        "a.imzML, spectrum index 0 (line 75): position x is missing, and 2 more like it; plain mzML"
        " has no pixel positions, convert it to imzML with its position file.",
    ),
    "position is no number": (
        SOUND.edited(f'{X} value="2"', f'{X} value="two"'),
        "a.imzML, spectrum index 1 (line 107): position x is 'two', not a whole number; export the"
        " dataset again.",
    ),
    "position beyond 32 bits": (
        SOUND.edited(f'{X} value="2"', f'{X} value="99999999999"'),
        "a.imzML, spectrum index 1 (line 107): position x is 99999999999, far too large; export the"
        " dataset again.",
    ),
    "position far away": (
        SOUND.edited(f'{X} value="2"', f'{X} value="2000000000"'),
        "a.imzML: 3 spectra span 2000000000 x 2 pixels, so some position must be wrong; correct the"
        " positions, or split the dataset by region.",
    ),
    "several z planes": (
        build_pair(coordinates=[(1, 1, 1), (2, 1, 1), (1, 1, 5)]),
        "a.imzML: the spectra lie in 2 z planes (1 to 5); ionbox annotates one plane at a time,"
        " split the file by z.",
    ),
    "no offset": (
        SOUND.edited(f'{OFFSET} value="40"', 'accession="none"'),
        "a.imzML, spectrum index 0 (line 75): external offset of the intensity array is missing;"
        " export the dataset again.",
    ),
    "negative offset": (
        SOUND.edited(f'{OFFSET} value="52"', f'{OFFSET} value="-52"'),
        "a.imzML, spectrum index 1 (line 107): the external offset of the m/z array is -52, which"
        " cannot be; export the dataset again.",
    ),
    "huge length": (
        SOUND.edited(f'{LENGTH} value="2"', f'{LENGTH} value="2000000000000000000"', 1),
        "a.imzML, spectrum index 1 (line 107): the length of the m/z array is 2000000000000000000,"
        " which cannot be; export the dataset again.",
    ),
    "length of too many digits": (
        SOUND.edited(f'{LENGTH} value="2"', f'{LENGTH} value="{"9" * 5000}"', 1),
        "a.imzML, spectrum index 1 (line 107): length of the m/z array is"
        f" '{'9' * 37}...', not a whole number; export the dataset again.",
    ),
    "no intensity array": (
        SOUND.edited('<referenceableParamGroupRef ref="intensityArray"/>', "", 1),
        "a.imzML, spectrum index 0 (line 75): has no intensity array; export the dataset again.",
    ),
    "unknown group": (
        SOUND.edited('Ref ref="mzArray"', 'Ref ref="mz"', 1),
        "a.imzML, spectrum index 0 (line 75): an array refers to the parameter group 'mz', which"
        " the file does not define; export the dataset again.",
    ),
    "no data type": (
        SOUND.edited('accession="MS:1000523"', 'accession="MS:1"'),
        "a.imzML, spectrum index 0 (line 75): the m/z array declares no data type; export the"
        " dataset again.",
    ),
    "unsupported data type": (
        build_pair(intensity_dtype=np.float16),
        "a.imzML, spectrum index 0 (line 75): the intensity array is stored as 16-bit float, which"
        " ionbox does not read, and 2 more like it; export it as 32-bit or 64-bit float.",
    ),
    "integer m/z": (
        build_pair(mz_dtype=np.int32),
        "a.imzML: the m/z arrays are stored as 32-bit integer; export them as 32-bit or 64-bit"
        " float.",
    ),
    "two data types": (
        SOUND.edited("IMS:1000104", "none").edited(
            f'{LENGTH} value="2"',
            f'accession="MS:1000521" name="32-bit float"/><cvParam {LENGTH} value="2"',
            1,
        ),
        "a.imzML, spectrum index 1 (line 107): the m/z array is declared as 32-bit float and 64-bit"
        " float, and its encoded length does not tell which; export the dataset again.",
    ),
    "zlib": (
        build_pair(compression=ZlibCompression()),
        "a.imzML, spectrum index 0 (line 75): the m/z array is compressed (zlib), and 2 more like"
        " it; ionbox reads uncompressed arrays, export with compression switched off.",
    ),
    "zlib in one array": (
        SOUND.edited(
            f'<cvParam {LENGTH} value="2"',
            f'<cvParam accession="MS:1000574" name="zlib compression"/><cvParam {LENGTH} value="2"',
            1,
        ),
        "a.imzML, spectrum index 1 (line 107): the m/z array is compressed (zlib); ionbox reads"
        " uncompressed arrays, export with compression switched off.",
    ),
    "values in the XML": (
        SOUND.edited('"external data" value="true"', '"external data" value="false"', 1),
        "a.imzML, spectrum index 0 (line 75): the m/z array is stored in the XML, not in the ibd,"
        " and 2 more like it; export the dataset again.",
    ),
    "damaged XML": (
        SOUND.edited("<scanList", "<<scanList", 1),
        "a.imzML: the XML is damaged (not well-formed (invalid token): line 82, column 9); correct"
        " that place (a stray < or &, or a letter outside the declared encoding).",
    ),
}


SECOND = SOUND.imzml.index('<spectrum defaultArrayLength="0" id="spectrum=2"')
TWICE = {
    # what the second spectrum states as well, before which of its tags
    "position x": ("</scan>", [(X, "5")], "position x is stated twice, as '2' and as '5'"),
    "position y": ("</scan>", [(Y, "x")], "position y is stated twice, as '1' and as 'x'"),
    "position z": (
        "</scan>",
        [(Z, "1"), (Z, "01"), (Z, "2")],
        "position z is stated twice, as '1' and as '2'",
    ),
    "offset": (
        "<binary/>",
        [(OFFSET, "40")],
        "external offset of the m/z array is stated twice, as '52' and as '40'",
    ),
    "length": (
        "<binary/>",
        [(LENGTH, "2.5")],
        "length of the m/z array is stated twice, as '2' and as '2.5'",
    ),
    "encoded length": (
        "<binary/>",
        [('accession="IMS:1000104"', "")],
        "encoded length of the m/z array is stated twice, as '16' and as ''",
    ),
    "MS level": (
        "<scanList",
        [('accession="MS:1000511"', "1"), ('accession="MS:1000511"', "2")],
        "MS level is stated twice, as '1' and as '2'",
    ),
    "kind of spectrum": (
        "<scanList",
        [('accession="MS:1000579"', ""), ('accession="MS:1000580"', "")],
        "is said to be an MS1 and an MSn spectrum",
    ),
}


def in_second(new: str, before: str) -> Pair:
    """Add something before a tag of the second spectrum."""
    at = SOUND.imzml.index(before, SECOND)
    return Pair(SOUND.imzml[:at] + new + SOUND.imzml[at:], SOUND.ibd)


@pytest.mark.parametrize("case", TWICE)
def test_what_a_spectrum_states_twice_and_differently_is_refused(case: str) -> None:
    before, stated, text = TWICE[case]
    params = "".join(f'<cvParam {term} value="{value}"/>' for term, value in stated)
    assert refusal(in_second(params, before)) == [
        f"a.imzML, spectrum index 1 (line 107): {text}; export the dataset again."
    ]


def test_what_a_spectrum_states_twice_and_alike_is_read() -> None:
    params = f'<cvParam {X} value="2.0"/><cvParam {Y} value="+1"/>'
    header = header_of(in_second(params, "</scan>"))
    assert (header.x.tolist(), header.y.tolist()) == ([1, 2, 1], [1, 1, 2])


def test_two_arrays_of_one_kind_are_refused_unless_they_are_the_same() -> None:
    begin = SOUND.imzml.index("<binaryDataArray ", SECOND)
    array = SOUND.imzml[begin : SOUND.imzml.index("</binaryDataArrayList>", begin)]
    mz = array[: array.index("</binaryDataArray>")] + "</binaryDataArray>"
    list_end = "</binaryDataArrayList>"
    assert header_of(in_second(mz, list_end)).mz_offset.tolist() == [16, 52, 76]
    other = mz.replace('value="52"', 'value="40"')
    sentence = (
        "a.imzML, spectrum index 1 (line 107): has two m/z arrays that differ; export the dataset"
        " again."
    )
    assert refusal(in_second(other, list_end)) == [sentence]
    lists = f'{list_end}<binaryDataArrayList count="1">{other}'
    assert refusal(in_second(lists, list_end)) == [sentence]


def test_of_several_scans_the_first_says_the_position() -> None:
    scan = f'<scan><cvParam {X} value="9"/><cvParam {Y} value="9"/></scan>'
    for new, before in ((scan, "</scanList>"), (f"<scanList>{scan}</scanList>", "</spectrum>")):
        assert header_of(in_second(new, before)).x.tolist() == [1, 2, 1]


def test_a_spectrum_of_both_polarities_is_of_mixed_polarity() -> None:
    negative = in_second('<cvParam accession="MS:1000129" name="negative scan"/>', "<scanList")
    assert header_of(negative).polarity == "mixed"


def test_lines_in_messages_are_lines_of_the_file() -> None:
    lines = SOUND.imzml.splitlines()
    assert [i for i, line in enumerate(lines, 1) if "<spectrum " in line][:2] == [75, 107]


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_says_what_where_and_what_to_do(case: str) -> None:
    pair, sentence = REFUSED[case]
    assert sentence in refusal(pair)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"", "a.imzML: the file is empty (0 bytes); copy or upload it again."),
        (
            b"\x93<\x00\x9d>" * 20,
            "a.imzML: this is not XML (not well-formed (invalid token): line 1, column 0); give the"
            " imzML file of the pair.",
        ),
        (
            b"<html><body/></html>",
            "a.imzML: the XML is <html>, not <mzML>, so this is not an imzML file; give the imzML"
            " of a dataset.",
        ),
        (b"<mzML/>", "a.imzML: the file has no spectra; give the imzML of a dataset."),
        (
            b'<mzML><run><spectrumList count="0"/></run></mzML>',
            "a.imzML: the file has no spectra; give the imzML of a dataset.",
        ),
        (
            SOUND.source[: SOUND.source.index(b"<softwareList")],
            "a.imzML: the XML breaks off (no element found: line 43, column 2; the file has",
        ),
        (
            b'<?xml version="1.0" encoding="EBCDIC-CP-BE"?><mzML/>',
            "a.imzML: the text encoding cannot be read",
        ),
    ],
)
def test_refusal_of_what_is_not_an_imzml(source: bytes, sentence: str) -> None:
    (line,) = refusal(source)
    assert line.startswith(sentence)


def test_all_problems_are_named_at_once() -> None:
    pair = build_pair(
        intensity_dtype=np.float16,
        compression=ZlibCompression(),
    )
    pair = pair.edited(f'{X} value="2"', f'{X} value=""').edited("</mzML>", "")
    lines = refusal(pair)
    for part in ("m/z array is compressed", "intensity array is compressed", "16-bit float"):
        assert sum(part in line for line in lines) == 1
    for part in ("position x is ''", "XML breaks off"):
        assert sum(part in line for line in lines) == 1
    assert len(lines) == 5


def test_two_types_are_told_apart_by_the_encoded_length() -> None:
    both = 'name="64-bit float" value=""/><cvParam accession="MS:1000521" name="32-bit float"'
    pair = SOUND.edited('name="64-bit float" value=""', both)
    assert header_of(pair).mz_dtype == np.dtype("<f8")


def test_types_that_differ_between_spectra_are_refused() -> None:
    ref = '<referenceableParamGroupRef ref="mzArray"/>'
    second = re.compile(rf"(<spectrum .*?<spectrum .*?){ref}", re.DOTALL)
    own = '<cvParam accession="MS:1000514" name="m/z array"/><cvParam accession="MS:1000521"/>'
    pair = Pair(second.sub(rf"\1{own}", SOUND.imzml, count=1), SOUND.ibd)
    assert refusal(pair) == [
        "a.imzML, spectrum index 1 (line 107): the m/z array is 32-bit float, but 64-bit float in"
        " others; export all spectra with one data type."
    ]


# --- any file is either read or refused -----------------------------------------------------------


def assert_read_or_refused(source: bytes) -> None:
    try:
        header = read_header(source, "a.imzML")
    except InvalidDataset as error:
        assert str(error).startswith("a.imzML")
        return
    problems = check_dataset(
        header, name="a", ibd_name="b", ibd_size=9, ibd_uuid=bytes(9), accept_profile=True
    )
    assert all(problem.message for problem in problems)
    assert header.pixel_index.max() < header.width * header.height
    assert_same_header(ImzmlHeader.from_arrays(header.to_arrays()), header)


ATTRIBUTES = [match.span() for match in re.finditer(r' [\w:]+="[^"]*"', SOUND.imzml)]
NUMBERS = [match.span() for match in re.finditer(r'(?<=value=")[0-9.]+', SOUND.imzml)]
ELEMENTS = [match.span() for match in re.finditer(r"<(?!/|\?)[^>]*/>", SOUND.imzml)]


def test_any_attribute_or_empty_element_may_be_missing() -> None:
    for start, end in ATTRIBUTES + ELEMENTS:
        assert_read_or_refused((SOUND.imzml[:start] + SOUND.imzml[end:]).encode())


@given(
    span=st.sampled_from(NUMBERS),
    value=st.one_of(
        st.integers(-(2**65), 2**65).map(str),
        st.sampled_from(["", "-1", "1e9", "nan", "inf", "0x10", "٣", " 7 ", "1_0", "9" * 5000]),
    ),
)
@settings(max_examples=300)
def test_any_number_may_be_anything(span: tuple[int, int], value: str) -> None:
    assert_read_or_refused(
        (SOUND.imzml[: span[0]] + value + SOUND.imzml[span[1] :]).encode("utf-8")
    )


@given(cut=st.integers(0, len(SOUND.source) - 1))
@settings(max_examples=300)
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    complete = SOUND.source.rstrip()
    assert refusal(complete[: min(cut, len(complete) - 1)])


@given(
    at=st.integers(0, len(SOUND.source) - 1), length=st.integers(0, 80), junk=st.binary(max_size=8)
)
@settings(max_examples=500)
def test_any_bytes_may_be_damaged(at: int, length: int, junk: bytes) -> None:
    assert_read_or_refused(SOUND.source[:at] + junk + SOUND.source[at + length :])
