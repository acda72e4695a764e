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
from ionbox_science.imzml.checks import Problem, check_dataset, check_peaks
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.options import ReadOptions
from pyimzml.compression import ZlibCompression

from tests.imzml_builder import COORDINATES, SPECTRA, Pair, build_pair, range_reader

SOUND = build_pair()
DECLARED_UUID = re.search(r'value="\{([^}]*)\}"', SOUND.imzml)[1]  # type: ignore[index]


def header_of(pair: Pair) -> ImzmlHeader:
    return read_header(pair.source, "a.imzML")


def refusal(pair: Pair | bytes) -> list[str]:
    source = pair if isinstance(pair, bytes) else pair.source
    with pytest.raises(InvalidDataset) as caught:
        read_header(source, "a.imzML")
    return str(caught.value).splitlines()


def problems_of(pair: Pair, **changes: object) -> list[Problem]:
    values: dict[str, object] = {
        "name": "a.imzML",
        "ibd_name": "a.ibd",
        "ibd_size": len(pair.ibd),
        "ibd_uuid": pair.ibd[:16],
        "accept_profile": False,
    }
    return check_dataset(header_of(pair), **(values | changes))  # type: ignore[arg-type]


def errors(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems if problem.severity == "error"]


def warnings(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems if problem.severity == "warning"]


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
LENGTH = 'accession="IMS:1000103" cvRef="IMS" name="external array length"'
X = 'accession="IMS:1000050" cvRef="IMS" name="position x"'

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
    "ion mobility of scans": (
        SOUND.edited(
            f"<cvParam {X}",
            '<cvParam accession="MS:1002815" name="inverse reduced ion mobility" value="1.1"/>'
            f"<cvParam {X}",
        ),
        "a.imzML, spectrum index 0 (line 75): carries ion mobility (inverse reduced ion mobility),"
        " which ionbox does not read, and 2 more like it; export the dataset with the mobility"
        " dimension summed.",
    ),
    "ion mobility array": (
        SOUND.edited(
            "</binaryDataArrayList>",
            '<binaryDataArray><cvParam accession="MS:1003006" name="x"/></binaryDataArray>'
            "</binaryDataArrayList>",
            1,
        ),
        "a.imzML, spectrum index 0 (line 75): carries ion mobility (mean inverse reduced ion"
        " mobility array), which ionbox does not read; export the dataset with the mobility"
        " dimension summed.",
    ),
    "damaged XML": (
        SOUND.edited("<scanList", "<<scanList", 1),
        "a.imzML: the XML is damaged (not well-formed (invalid token): line 82, column 9); correct"
        " that place (a stray < or &, or a letter outside the declared encoding).",
    ),
}


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
        coordinates=[(1, 1, 1), (2, 1, 2), (1, 2, 1)],
        intensity_dtype=np.float16,
        compression=ZlibCompression(),
    )
    pair = pair.edited(f'{X} value="2"', f'{X} value=""').edited("</mzML>", "")
    lines = refusal(pair)
    for part in ("m/z array is compressed", "intensity array is compressed", "16-bit float"):
        assert sum(part in line for line in lines) == 1
    for part in ("2 z planes", "position x is ''", "XML breaks off"):
        assert sum(part in line for line in lines) == 1
    assert len(lines) == 6


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


# --- checks of the pair ---------------------------------------------------------------------------


def test_sound_dataset_has_no_problems() -> None:
    assert problems_of(SOUND) == []
    assert check_peaks(header_of(SOUND), range_reader(SOUND.ibd), ibd_name="a.ibd") == []


def test_missing_and_empty_ibd() -> None:
    assert errors(problems_of(SOUND, ibd_size=None, ibd_uuid=None)) == [
        "a.ibd is missing: put it beside a.imzML."
    ]
    assert errors(problems_of(SOUND, ibd_size=0, ibd_uuid=b"")) == [
        "a.ibd is empty (0 bytes): copy or upload it again."
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (123, "lacks 1; 1 of 3 spectra do not fit, the first is spectrum index 2;"),
        (75, "lacks 49; 2 of 3 spectra do not fit, the first is spectrum index 1;"),
        (60, "lacks 64; 2 of 3 spectra do not fit, the first is spectrum index 1;"),
        (1, "lacks 123; 3 of 3 spectra do not fit, the first is spectrum index 0;"),
    ],
)
def test_truncated_ibd_names_the_first_spectrum_that_does_not_fit(size: int, text: str) -> None:
    assert len(SOUND.ibd) == 124
    found = errors(problems_of(SOUND, ibd_size=size, ibd_uuid=SOUND.ibd[: min(size, 16)]))
    assert found == [f"a.ibd is truncated: it has {size} bytes and {text} copy or upload it again."]


def test_bytes_after_the_last_array_are_fine() -> None:
    assert problems_of(SOUND, ibd_size=200) == []


def test_other_uuid_is_a_warning_while_the_sizes_agree() -> None:
    problems = problems_of(SOUND, ibd_uuid=bytes(16))
    declared = header_of(SOUND).uuid
    assert errors(problems) == []
    assert warnings(problems) == [
        f"a.ibd has UUID {'0' * 32} but a.imzML says {declared}; the sizes agree, so check that"
        " both come from one export."
    ]


@pytest.mark.parametrize("size", [100, 200])
def test_other_uuid_and_other_size_is_another_dataset(size: int) -> None:
    declared = header_of(SOUND).uuid
    assert errors(problems_of(SOUND, ibd_uuid=bytes(16), ibd_size=size)) == [
        f"a.ibd belongs to another imzML: its UUID is {'0' * 32} and it has {size} bytes, but"
        f" a.imzML says {declared} and describes 124; give the two files of one export."
    ]


def test_uuid_in_windows_byte_order_is_the_same() -> None:
    uuid = SOUND.ibd[:16]
    mixed = uuid[3::-1] + uuid[5:3:-1] + uuid[7:5:-1] + uuid[8:]
    assert problems_of(SOUND, ibd_uuid=mixed) == []


def test_profile_spectra_are_an_error_unless_accepted() -> None:
    profile = build_pair(spectrum_type="profile")
    assert errors(problems_of(profile)) == [
        "a.imzML declares profile spectra: pass --centroid to have their peaks picked, or"
        " --accept-profile if the spectra are centroided in fact."
    ]
    accepted = problems_of(profile, accept_profile=True)
    assert errors(accepted) == []
    assert warnings(accepted) == [
        "a.imzML declares profile spectra: every sample point counts as a peak, so scores and ion"
        " images are less reliable than with centroided data."
    ]


PROFILE = build_pair(spectrum_type="profile")
CENTROIDED_TERM = '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum" value=""/>'
PROFILE_TERM = CENTROIDED_TERM.replace("MS:1000127", "MS:1000128").replace("centroid", "profile")
SILENT_GROUP = PROFILE.edited(f"      {PROFILE_TERM}\n", "", 1).edited(
    'accession="MS:1000128"', 'accession="MS:1"'
)


def say(pair: Pair, index: int, term: str) -> Pair:
    """Write a term into one spectrum, which is then unlike the others."""
    start = f'id="spectrum={index + 1}" index="{index + 1}">'
    return pair.edited(start, f"{start}\n        {term}")


def picked_of(pair: Pair, *, centroid: bool = True, ms_level: int = 1) -> list[bool] | None:
    options = ReadOptions(ms_level, centroid=centroid)
    header = read_header(pair.source, "a.imzML", options)
    return None if header.picked is None else header.picked.tolist()


def test_profile_spectra_are_picked_if_asked() -> None:
    assert picked_of(PROFILE) == [True, True, True]
    assert picked_of(PROFILE, centroid=False) is None
    assert picked_of(SOUND) is None


def test_spectra_that_declare_they_are_centroided_are_not_picked() -> None:
    assert picked_of(say(PROFILE, 1, CENTROIDED_TERM)) == [True, False, True]
    assert picked_of(say(SOUND, 1, PROFILE_TERM)) == [False, True, False]


def test_spectra_that_say_nothing_are_picked_if_asked() -> None:
    silent = read_header(SILENT_GROUP.source, "a.imzML")
    assert silent.spectrum_type is None
    assert picked_of(SILENT_GROUP) == [True, True, True]
    assert picked_of(say(SILENT_GROUP, 0, CENTROIDED_TERM)) is None
    some = say(say(SILENT_GROUP, 0, CENTROIDED_TERM), 1, PROFILE_TERM)
    assert picked_of(some) == [False, True, True]


def test_what_spectra_of_another_level_are_does_not_matter() -> None:
    second = '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="2"/>'
    pair = say(say(SOUND, 1, PROFILE_TERM), 1, second)
    assert read_header(pair.source, "a.imzML").spectrum_type == "centroid"
    assert read_header(pair.source, "a.imzML", ReadOptions(2)).spectrum_type == "profile"
    assert picked_of(pair) is None
    assert picked_of(pair, ms_level=2) == [True]


def test_what_is_picked_is_stored_with_the_header() -> None:
    for pair in (say(PROFILE, 1, CENTROIDED_TERM), SOUND):
        header = read_header(pair.source, "a.imzML", ReadOptions(centroid=True))
        again = ImzmlHeader.from_arrays(header.to_arrays())
        np.testing.assert_array_equal(again.picked, header.picked)


def check_picked(pair: Pair) -> list[Problem]:
    return check_dataset(
        read_header(pair.source, "a.imzML", ReadOptions(centroid=True)),
        name="a.imzML",
        ibd_name="a.ibd",
        ibd_size=len(pair.ibd),
        ibd_uuid=pair.ibd[:16],
        accept_profile=False,
        centroid=True,
    )


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (PROFILE, "a.imzML declares profile spectra: ionbox picks the peaks of 3 of 3 spectra."),
        (
            say(PROFILE, 2, CENTROIDED_TERM),
            "a.imzML declares profile spectra: ionbox picks the peaks of 2 of 3 spectra.",
        ),
        (
            SILENT_GROUP,
            "a.imzML does not say whether its spectra are centroided: ionbox picks the peaks of 3 "
            "of 3 spectra.",
        ),
        (
            SOUND,
            "a.imzML declares centroided spectra: there are no peaks to pick, and they are read as "
            "they are.",
        ),
    ],
    ids=["profile", "mixed", "silent", "centroided"],
)
def test_what_is_picked_is_a_warning(pair: Pair, sentence: str) -> None:
    assert check_picked(pair) == [Problem("warning", sentence)]


def test_centroided_spectra_that_are_declared_as_profiles_are_noticed() -> None:
    random = np.random.RandomState(1)
    uneven = sorted(random.uniform(100, 900, 200).tolist())
    even = np.linspace(100, 101, 200).tolist()
    found = []
    for mz in (uneven, even):
        pair = build_pair([(mz, [1.0] * 200)] * len(COORDINATES), spectrum_type="profile")
        header = read_header(pair.source, "a.imzML", ReadOptions(centroid=True))
        found.append(warnings(check_peaks(header, range_reader(pair.ibd), ibd_name="a.ibd")))
    assert found == [
        [
            "a.ibd: 3 of 3 spectra looked at have m/z as uneven as those of centroided spectra, of "
            "which picking keeps a part; if they are centroided in fact, pass --accept-profile "
            "instead of --centroid."
        ],
        [],
    ]


def test_unknown_spectrum_type_and_polarity_are_warnings() -> None:
    pair = build_pair(polarity=None).edited('accession="MS:1000127"', 'accession="MS:1"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML does not say whether its spectra are centroided; ionbox takes them as such.",
        ),
        Problem(
            "warning",
            "a.imzML does not say its polarity: give --polarity positive or negative.",
            settled_by="polarity",
        ),
    ]


def test_both_polarities_are_an_error() -> None:
    negative = '<cvParam accession="MS:1000129" name="negative scan"/><scanList'
    pair = SOUND.edited("<scanList", negative, 1)
    assert errors(problems_of(pair)) == [
        "a.imzML has spectra of both polarities: export one file per polarity."
    ]


def test_arrays_of_unequal_length_are_an_error() -> None:
    pair = SOUND.edited(f'{LENGTH} value="2"', f'{LENGTH} value="3"', 1)
    assert errors(problems_of(pair)) == [
        "a.imzML: 1 of 3 spectra have m/z and intensity arrays of unequal length, the first is"
        " spectrum index 1 with 3 m/z values and 2 intensities; export the dataset again."
    ]


def test_dataset_without_peaks_is_an_error() -> None:
    pair = Pair(re.sub(f'{LENGTH} value="[0-9]+"', f'{LENGTH} value="0"', SOUND.imzml), SOUND.ibd)
    assert header_of(pair).ibd_end == 0
    assert errors(problems_of(pair)) == [
        "a.imzML: none of the 3 spectra has a peak; check the peak picking of the export."
    ]


def test_repeated_positions_are_a_warning() -> None:
    pair = build_pair(coordinates=[(1, 1), (2, 2), (1, 1)])
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML: 1 of 3 spectra repeat the position of another; their intensities will be"
            " summed.",
        )
    ]


def test_sparse_grid_and_first_pixel_are_no_problem() -> None:
    assert problems_of(build_pair(coordinates=[(70, 90), (75, 99), (72, 95)])) == []


def test_more_pixels_than_declared_are_a_warning() -> None:
    pair = SOUND.edited('"max count of pixels x" value="2"', '"max count of pixels x" value="1"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML declares 1 x 2 pixels, but its spectra span 2 x 2; ionbox goes by the"
            " spectra.",
        )
    ]


def test_odd_encoded_length_and_count_are_warnings() -> None:
    pair = SOUND.edited('encoded length" value="8"', 'encoded length" value="9"')
    pair = pair.edited('spectrumList count="3"', 'spectrumList count="5"')
    assert problems_of(pair) == [
        Problem(
            "warning",
            "a.imzML: the spectrum list declares 5 spectra but has 3; check that the export was"
            " complete.",
        ),
        Problem(
            "warning",
            "a.imzML: 1 of 3 spectra (first: spectrum index 1) give an encoded length of the"
            " intensity array that is not its length times 4 bytes (9 for 2 values); ionbox goes by"
            " the length.",
        ),
    ]


def test_errors_come_first() -> None:
    problems = problems_of(build_pair(polarity=None, spectrum_type="profile"), ibd_size=None)
    assert [problem.severity for problem in problems] == ["error", "error", "warning"]


# --- checks of the values -------------------------------------------------------------------------


def peak_problems(pair: Pair, **changes: int) -> list[Problem]:
    return check_peaks(header_of(pair), range_reader(pair.ibd), ibd_name="a.ibd", **changes)


@pytest.mark.parametrize("mz", [np.nan, np.inf, -1.0, 0.0, 1e9])
def test_implausible_mz_is_an_error(mz: float) -> None:
    pair = build_pair([SPECTRA[0], ([100.0, mz], [1.0, 1.0]), SPECTRA[2]])
    (message,) = errors(peak_problems(pair))
    assert message == (
        f"a.ibd: spectrum index 1 has an m/z value of {mz:.6g}, so the imzML declares a wrong data"
        " type or belongs to another ibd; export the dataset again."
    )


def test_padding_without_intensity_is_fine() -> None:
    pair = build_pair([([0.0, 100.0], [0.0, 1.0]), *SPECTRA[1:]])
    assert peak_problems(pair) == []


@pytest.mark.parametrize("mz_dtype", [np.float32, np.float64])
def test_wrong_data_type_shows_in_the_values(mz_dtype: type[np.generic]) -> None:
    rng = np.random.default_rng(1)
    spectrum = np.sort(rng.uniform(100, 1000, 40)), rng.uniform(1, 9, 40)
    pair = build_pair([spectrum] * 3, mz_dtype=mz_dtype, intensity_dtype=np.int32)
    terms = ['"MS:1000521" name="32-bit float"', '"MS:1000523" name="64-bit float"']
    declared, other = terms if mz_dtype is np.float32 else terms[::-1]
    wrong = Pair(pair.edited(declared, other).imzml, pair.ibd + bytes(1000))
    assert len(errors(peak_problems(wrong))) == 1


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # pyimzml's writer
def test_odd_values_are_warnings() -> None:
    pair = build_pair(
        [
            ([200.0, 100.0, 300.0], [-1.0, 1.0, 2.0]),
            ([100.0, 200.0], [np.nan, 1.0]),
            ([100.0, 200.0], [np.inf, -1.0]),
        ]
    )
    assert peak_problems(pair) == [
        Problem("warning", f"a.ibd: {text}")
        for text in (
            "1 of 3 spectra looked at have m/z values that do not ascend; ionbox sorts them.",
            "2 of 3 spectra looked at have negative intensities, which are dropped.",
            "1 of 3 spectra looked at have intensities that are not a number, which are dropped.",
            "1 of 3 spectra looked at have infinite intensities, which are kept and spoil the"
            " images they fall in.",
        )
    ]


def test_part_never_filled_is_an_error() -> None:
    pair = Pair(SOUND.imzml, SOUND.ibd[:76] + bytes(48))
    assert errors(peak_problems(pair)) == [
        "a.ibd: spectrum index 2 holds only zeros, so the file is not complete; copy or upload it"
        " again."
    ]


def test_no_intensity_above_zero_is_a_warning() -> None:
    pair = build_pair([([100.0, 200.0], [0.0, 0.0])] * 3)
    assert warnings(peak_problems(pair)) == [
        "a.ibd: 3 of 3 spectra looked at have no intensity above zero."
    ]


def test_only_a_few_spectra_are_looked_at() -> None:
    pair = build_pair(SPECTRA * 40, [(x, y) for x in range(40) for y in range(3)])
    read: list[int] = []
    read_range = range_reader(pair.ibd)

    def counting(offset: int, length: int) -> bytes:
        read.append(offset)
        return read_range(offset, length)

    assert check_peaks(header_of(pair), counting, ibd_name="a.ibd", n_sampled=10) == []
    assert len(read) == 10
    assert read[0] == 16
    assert read[-1] == header_of(pair).mz_offset[-1]


def test_builder_default_has_a_position_per_spectrum() -> None:
    assert len(SPECTRA) == len(COORDINATES)
