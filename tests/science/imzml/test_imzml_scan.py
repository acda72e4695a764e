"""The fast scan of imzML files: it reads what the walk reads, or leaves the file to the walk."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import header
from ionbox_science.imzml.scan import (
    SIGNED,
    TEXT,
    UNSIGNED,
    match_spectra,
    read_template,
    scan_spectra,
)
from ionbox_science.imzml.xml import Document

from tests.imzml_builder import SPECTRA, Pair, build_pair
from tests.imzml_mutations import mutate
from tests.oracles import imzml_scan as oracle

SOUND = build_pair()
CONTINUOUS = build_pair([(SPECTRA[0][0], [1.0, 2.0, 3.0])] * 3, mode="continuous")
MZ_REF = '<referenceableParamGroupRef ref="mzArray"/>'
START = SOUND.source.index(b"<spectrum ")


def outcome(source: bytes, document: Document | None) -> dict[str, Any] | str:
    """Return the header, or the words of the refusal, read from a scan or without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "scan_spectra", lambda _: document)
        try:
            return vars(header.read_header(source, "a.imzML"))
        except InvalidDataset as error:
            return str(error)


def is_scanned(source: bytes) -> bool:
    """Tell whether the scan reads a file; what it reads must be what the walk reads."""
    document = scan_spectra(source)
    if document is not None:
        assert_equal(outcome(source, document), outcome(source, None))
    return document is not None


def assert_equal(scanned: dict[str, Any] | str, walked: dict[str, Any] | str) -> None:
    if isinstance(scanned, str) or isinstance(walked, str):
        assert scanned == walked
        return
    assert scanned.keys() == walked.keys()
    for name, value in scanned.items():
        np.testing.assert_array_equal(value, walked[name], strict=isinstance(value, np.ndarray))


def in_first(new: str, before: str = "<scanList") -> Pair:
    return SOUND.edited(before, new + before, 1)


def in_all(new: str, before: str = "<scanList") -> Pair:
    return SOUND.edited(before, new + before)


def number(new: str, old: str = 'offset" value="52"') -> Pair:
    return SOUND.edited(old, re.sub("[0-9]+", lambda _: new, old))


def hidden(opening: str, closing: str) -> Pair:
    """Hide the first tag of the first spectrum, so that it reads unlike all that repeat it."""
    before = f'<spectrumList count="3"><spectrum>{opening}<spectrumList'
    text = SOUND.imzml.replace("<spectrumList", before, 1)
    return Pair(text.replace('id="spectrum=', f'id="{closing}spectrum='), b"")


def nested() -> Pair:
    """Put into each spectrum another one, which XML takes for the same by another prefix."""
    spectra = re.compile("(<spectrum .*?>)(.*?)</spectrum>", re.DOTALL)

    def doubled(match: re.Match[str]) -> str:
        inner = re.sub("<(/?)", r"<\1m:", f"<spectrum>{match[2]}</spectrum>")
        inner = inner.replace("<m:spectrum", '<m:spectrum xmlns:m="http://psi.hupo.org/ms/mzml"', 1)
        return match[1] + inner + match[2] + "</spectrum>"

    return Pair(spectra.sub(doubled, SOUND.imzml), b"")


def first_arrays(*values: str) -> Pair:
    """Give every m/z array the term of external data, with these values in turn."""
    parts = SOUND.imzml.split(MZ_REF)
    terms = [f'<cvParam accession="IMS:1000101" name="external data" value="{v}"/>' for v in values]
    return Pair(
        parts[0] + "".join(MZ_REF + t + p for t, p in zip(terms, parts[1:], strict=True)), b""
    )


def each_number_twice() -> Pair:
    """State again what each spectrum says in numbers, with zeros before it."""
    number = re.compile(
        r'<cvParam accession="IMS:1000(?:05[0-2]|10[2-4])"[^>]*? value="(?P<value>[0-9]+)"[^>]*/>'
    )
    assert number.search(SOUND.imzml)
    doubled = number.sub(
        lambda m: m[0] + m[0].replace(f'="{m["value"]}"', f'="00{m["value"]}"'), SOUND.imzml
    )
    return Pair(doubled, b"")


# --- files that are scanned -----------------------------------------------------------------------


def test_reads_what_the_walk_reads() -> None:
    document = scan_spectra(SOUND.source)
    assert document is not None
    header = outcome(SOUND.source, document)
    assert not isinstance(header, str)
    assert header["mz_offset"].tolist() == [16, 52, 76]
    assert header["intensity_count"].tolist() == [3, 2, 4]
    assert header["x"].tolist() == [1, 2, 1]
    assert_equal(header, outcome(SOUND.source, None))


SCANNED = {
    "continuous": CONTINUOUS,
    "one spectrum": build_pair(SPECTRA[:1], [(1, 1)]),
    "z": build_pair(coordinates=[(1, 1, 1), (2, 1, 1), (1, 2, 1)]),
    "CRLF": SOUND.edited("\n", "\r\n"),
    "no white space between tags": Pair(re.sub(r">\s+<", "><", SOUND.imzml), b""),
    "any white space between spectra": SOUND.edited("</spectrum>", "</spectrum>\n\t \r\n", 1),
    "negative positions": SOUND.edited('x" value="', 'x" value="-'),
    "leading zeros": SOUND.edited('value="52"', 'value="00052"'),
    "offsets wrapped at 32 bits": SOUND.edited('value="76"', 'value="-2147483000"').edited(
        'value="52"', 'value="2147483600"'
    ),
    "text that varies": SOUND.edited('current" value="9.0"', 'current" value="n/a > +1e9"'),
    "text that is empty": SOUND.edited('current" value="9.0"', 'current" value=""'),
    "data type in the arrays": SOUND.edited(
        MZ_REF,
        '<cvParam accession="MS:1000514" name="m/z array"/>'
        '<cvParam accession="MS:1000521" name="32-bit float"/>',
    ),
    "external data": first_arrays("true", "true", "true"),
    "no encoded length": SOUND.edited("IMS:1000104", "none"),
    "wrong encoded length": SOUND.edited('value="24"', 'value="23"'),
    "each number given twice": each_number_twice(),
    "comments outside the list": SOUND.edited(
        "<run", "<!-- <spectrumList> <spectrum> --><run", 1
    ).edited("</mzML>", "</mzML><!-- end -->"),
    "character reference in the head": SOUND.edited("pyimzml exporter", "&amp;"),
    "chromatograms": SOUND.edited("</run>", '<chromatogramList count="0"/></run>'),
    "index": SOUND.edited("<mzML", "<indexedmzML><mzML", 1).edited(
        "</mzML>", '</mzML><indexList><offset idRef="1">75</offset></indexList></indexedmzML>'
    ),
    "byte order mark": SOUND.edited("<?xml", "\xef\xbb\xbf<?xml").edited("ISO-8859-1", "utf-8"),
    "no declaration": Pair(re.sub(r"<\?xml.*?\?>", "", SOUND.imzml), b""),
    "references that vary": Pair(
        re.sub(r' id="spectrum=(\d)"', r' id="spectrum=\1" sourceFileRef="sf\1"', SOUND.imzml), b""
    ),
    "letters beyond ASCII": SOUND.edited('name="total ion current"', 'name="Übersumme"'),
}
REFUSED = {
    "position beyond 32 bits": SOUND.edited('x" value="2"', 'x" value="99999999999"'),
    "several z planes": build_pair(coordinates=[(1, 1, 1), (2, 1, 1), (1, 1, 5)]),
    "far away": SOUND.edited('x" value="2"', 'x" value="2000000000"'),
    "negative offset": SOUND.edited('offset" value="52"', 'offset" value="-52"'),
    "huge length": SOUND.edited('length" value="2"', f'length" value="{10**17}"'),
    "integer m/z": build_pair(mz_dtype=np.int32),
    "no data type": SOUND.edited('accession="MS:1000523"', 'accession="MS:1"'),
}


@pytest.mark.parametrize("case", SCANNED)
def test_regular_files_are_scanned(case: str) -> None:
    assert is_scanned(SCANNED[case].source)
    assert isinstance(outcome(SCANNED[case].source, None), dict)


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_of_regular_files_name_spectrum_and_line_too(case: str) -> None:
    source = REFUSED[case].source
    assert is_scanned(source)
    refusal = outcome(source, scan_spectra(source))
    assert isinstance(refusal, str)


def test_refusal_names_the_line() -> None:
    source = REFUSED["negative offset"].source
    assert str(outcome(source, scan_spectra(source))).startswith(
        "a.imzML, spectrum index 1 (line 107): the external offset of the m/z array is -52"
    )


def test_every_file_of_the_corpus_is_scanned(reference: Path) -> None:
    paths = [*(reference / "imzml-corpus").glob("*/*.[iI][mM][zZ][mM][lL]")]
    assert len(paths) == 68
    assert [path for path in paths if not is_scanned(path.read_bytes())] == []


def test_memory_is_a_fraction_of_the_file() -> None:
    first, spectrum, rest = re.split(
        r"(<spectrum .*?</spectrum>)", SOUND.imzml, maxsplit=1, flags=re.DOTALL
    )
    tail = rest[rest.rindex("</spectrum>") + len("</spectrum>") :]
    source = (first.replace('count="3" def', 'count="3000" def') + spectrum * 3000 + tail).encode()
    tracemalloc.start()
    document = scan_spectra(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document is not None
    assert document.spectra.n_spectra == 3000
    assert peak < 0.15 * len(source)


# --- files that are left to the walk --------------------------------------------------------------


POSITION = '<cvParam accession="IMS:1000050" name="position x" value="9"/>'
GROUPS = '<referenceableParamGroupList count="0"></referenceableParamGroupList>'
WALKED = {
    "comment in one spectrum": in_first("<!-- note -->"),
    "comment in all spectra": in_all("<!-- note -->"),
    "comment between spectra": SOUND.edited("</spectrum>", "</spectrum><!-- note -->", 1),
    "CDATA": in_all("<![CDATA[ ]]>"),
    "processing instruction": in_all("<?note?>"),
    "processing instruction in the head": SOUND.edited("<run", "<?note?><run"),
    "character reference": number("&#53;2"),
    "character reference in all": SOUND.edited('x" value="', 'x" value="&#49;'),
    "entity": SOUND.edited("<mzML", '<!DOCTYPE mzML [<!ENTITY one "1">]><mzML', 1),
    "default attribute": SOUND.edited(
        "<mzML", '<!DOCTYPE mzML [<!ATTLIST cvParam value CDATA "1">]><mzML', 1
    ),
    "list in a comment": SOUND.edited(
        "<run", '<!-- <spectrumList count="1"> <spectrum id="1"></spectrum> --><run', 1
    ),
    "comment that ends inside an attribute": hidden("<!-- ", "-->"),
    "CDATA that ends inside an attribute": hidden("<![CDATA[", "]]>"),
    "instruction that ends inside an attribute": hidden("<?note ", "?>"),
    "more spectra than declared": SOUND.edited('List count="3"', 'List count="2"'),
    "fewer spectra than declared": SOUND.edited('List count="3"', 'List count="4"'),
    "absurd count": SOUND.edited('List count="3"', 'List count="9999999999"'),
    "no count": SOUND.edited('spectrumList count="3"', "spectrumList"),
    "count in other digits": SOUND.edited('spectrumList count="3"', 'spectrumList count="03"'),
    "one more parameter": in_first('<userParam name="note" value="1"/>'),
    "position outside the scan in one spectrum": in_first(POSITION),
    "one tag less": SOUND.edited("<binary/>", "", 1),
    "other accession": SOUND.edited('"IMS:1000103"', '"IMS:1000104"', 1),
    "other order of attributes": SOUND.edited(
        'accession="IMS:1000050" cvRef="IMS"', 'cvRef="IMS" accession="IMS:1000050"', 1
    ),
    "other quotes": SOUND.edited('"IMS:1000050"', "'IMS:1000050'"),
    "other white space in a spectrum": in_first(" "),
    "other line ends in a spectrum": SOUND.edited("<binary/>\n", "<binary/>\r\n", 1),
    "polarity of one spectrum": in_first('<cvParam accession="MS:1000129" name="negative scan"/>'),
    "array stored in the XML": first_arrays("true", "false", "true"),
    "plus sign": number("+52"),
    "exponent": number("5.2e1"),
    "decimal point": number("52.0"),
    "white space in a number": number(" 52"),
    "underscore": number("5_2"),
    "no digits": number(""),
    "sign only": number("-"),
    "more digits than fit": number("9" * 19),
    "digits of another script": Pair(
        SOUND.imzml.replace("ISO-8859-1", "utf-8").replace(
            'value="52"', 'value="٥٢"'.encode().decode("latin-1")
        ),
        b"",
    ),
    "negative encoded length": number("-24", 'encoded length" value="24"'),
    "separator that XML does not know": SOUND.edited("</spectrum>", "</spectrum>\v", 1),
    "tab in a value": SOUND.edited('value="9.0"', 'value="9\t"'),
    "quote in a value": SOUND.edited('value="9.0"', 'value="9\'"'),
    "letter beyond ASCII in a value": SOUND.edited('value="9.0"', 'value="9µ"'),
    "second list": SOUND.edited(
        "</run>", '<spectrumList count="1"><spectrum id="1"/></spectrumList></run>'
    ),
    "list before": SOUND.edited("<spectrumList ", '<spectrumList count="3"/><spectrumList ', 1),
    "something after the spectra": SOUND.edited("</spectrumList>", "<userParam/></spectrumList>"),
    "spectrum of another prefix in each": nested(),
    "empty list before": SOUND.edited(
        "<spectrumList ", '<spectrumList count="0"/><spectrumList ', 1
    ),
    "spectra of another vocabulary, and one of ours": SOUND.edited(
        "<spectrumList ", '<spectrumList xmlns="other" '
    ).edited(
        "</run>",
        '<m:spectrum xmlns:m="http://psi.hupo.org/ms/mzml">'
        + re.sub("<(/?)", r"<\1m:", re.search("<scanList.*?</spectrum>", SOUND.imzml, re.S)[0])  # type: ignore[index]
        + "</run>",
        1,
    ),
    "groups after the run": SOUND.edited("</mzML>", GROUPS + "</mzML>"),
    "second run": SOUND.edited("</run>", "</run><run></run>"),
    "nested spectrum": in_all("<spectrum></spectrum>"),
    "prefixed names": Pair(
        re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1m:", SOUND.imzml).replace("xmlns=", "xmlns:m="), b""
    ),
    "no end": Pair(SOUND.imzml[: SOUND.imzml.index("</run>")], b""),
    "no end of any spectrum": Pair(SOUND.imzml[: SOUND.imzml.index("</spectrum>")], b""),
    "broken tail": SOUND.edited("</mzML>", "</mzML"),
    "encoding that is not quite ASCII": SOUND.edited("ISO-8859-1", "mac-roman"),
    "unknown encoding": SOUND.edited("ISO-8859-1", "EBCDIC-CP-BE"),
    "position given twice, differently": SOUND.edited(
        "</scan>", '<cvParam accession="IMS:1000050" value="5"/></scan>'
    ),
    "numbers given twice, one of them differently in one spectrum": each_number_twice().edited(
        'value="0052"', 'value="0053"'
    ),
    "missing position": SOUND.edited('"IMS:1000050"', '"none"'),
    "compressed": in_all('<cvParam accession="MS:1000574" name="zlib"/>', MZ_REF),
}


@pytest.mark.parametrize("case", WALKED)
def test_other_files_are_walked(case: str) -> None:
    assert scan_spectra(WALKED[case].source) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-7"])
def test_encodings_that_are_not_ascii_are_walked(encoding: str) -> None:
    text = SOUND.imzml.replace("ISO-8859-1", encoding.upper())
    assert scan_spectra(text.encode(encoding)) is None


@pytest.mark.parametrize("source", [b"", b"<mzML/>", b"<spectrumList ", SOUND.source[: START + 20]])
def test_fragments_are_walked(source: bytes) -> None:
    assert scan_spectra(source) is None


def test_groups_after_the_run_are_not_taken_for_the_head() -> None:
    """ElementTree parses ahead by blocks, so the walk's head depends on the size of the file."""
    moved = re.search(
        r"<instrumentConfigurationList.*?</instrumentConfigurationList>", SOUND.imzml, re.DOTALL
    )
    assert moved is not None
    pair = SOUND.edited(moved[0], "").edited("</mzML>", moved[0] + "</mzML>")
    assert scan_spectra(pair.source) is None


# --- mutated files --------------------------------------------------------------------------------

TEXTS = [
    SOUND.imzml,
    CONTINUOUS.imzml,
    build_pair([([5.0], [1.0])] * 5, [(i, -i, 1) for i in range(5)], polarity=None).imzml,
    SCANNED["data type in the arrays"].imzml,
    SCANNED["no white space between tags"].imzml,
]


def assert_never_wrong(texts: list[str], seeds: range) -> None:
    """Mutate, scan and walk; some of the mutated files must be scanned, or this proves nothing."""
    n_scanned: Counter[bool] = Counter()
    for seed in seeds:
        text = texts[seed % len(texts)]
        source = mutate(text, seed).encode(Random(seed).choice(["utf-8", "latin-1"]), "replace")
        n_scanned[is_scanned(source)] += 1
    assert n_scanned[True] > 0.05 * len(seeds)
    assert n_scanned[False] > 0.5 * len(seeds)


@pytest.mark.parametrize("block", range(10))
def test_mutated_files_are_never_read_wrongly(block: int) -> None:
    assert_never_wrong(TEXTS, range(300 * block, 300 * (block + 1)))


def test_mutated_files_of_the_corpus_are_never_read_wrongly(reference: Path) -> None:
    paths = sorted((reference / "imzml-corpus").glob("*/*.[iI][mM][zZ][mM][lL]"))
    texts = [path.read_text("latin-1") for path in paths if path.stat().st_size < 40_000]
    assert_never_wrong(texts, range(40 * len(texts)))


# --- the kernel and its oracle --------------------------------------------------------------------


def assert_matches_like_oracle(source: bytes, max_spectra: int = 10) -> int:
    template = read_template(source, START)
    assert template is not None
    values, end = match_spectra(source, template, max_spectra)
    expected, expected_end = oracle.match_spectra(source, template, max_spectra)
    np.testing.assert_array_equal(values, expected, strict=True)
    assert end == expected_end
    n_spectra: int = values.shape[1]
    return n_spectra


def test_kinds_of_slots() -> None:
    template = read_template(SOUND.source, START)
    assert template is not None
    kinds = template.kinds.tolist()
    assert (kinds.count(SIGNED), kinds.count(UNSIGNED)) == (6, 2)
    assert kinds[:3] == [TEXT] * 3
    pieces = [SOUND.source[begin:end] for begin, end in template.literals]
    assert pieces[0] == b'<spectrum defaultArrayLength="'
    assert pieces[-1].endswith(b"</spectrum>")


@pytest.mark.parametrize("max_spectra", [0, 1, 2, 3, 4])
def test_kernel_stops_at_the_most_spectra_asked_for(max_spectra: int) -> None:
    assert assert_matches_like_oracle(SOUND.source, max_spectra) == min(max_spectra, 3)


def test_kernel_stops_where_the_file_is_cut() -> None:
    second = SOUND.source.index(b"</spectrum>") + len(b"</spectrum>")
    for cut in range(second, len(SOUND.source), 7):
        assert_matches_like_oracle(SOUND.source[:cut])


@given(
    at=st.integers(START + 1, len(SOUND.source) - 1),
    length=st.integers(0, 4),
    new=st.one_of(
        st.binary(max_size=4), st.text("0123456789-+ \n\"'<>&", max_size=25).map(str.encode)
    ),
)
@settings(max_examples=500)
def test_kernel_matches_like_oracle(at: int, length: int, new: bytes) -> None:
    source = SOUND.source[:at] + new + SOUND.source[at + length :]
    if read_template(source, START) is not None:
        assert_matches_like_oracle(source)


SLOTS = [match.span() for match in re.finditer(rb'(?<=value=")[0-9.]+', SOUND.source)]


@given(
    span=st.sampled_from([span for span in SLOTS if span[0] > START]),
    value=st.one_of(
        st.integers(-(10**19), 10**19).map(lambda number: b"%d" % number),
        st.from_regex(rb"-?0{0,3}[0-9]{0,20}", fullmatch=True),
        st.integers(0, 255).map(lambda byte: bytes([byte])),
    ),
)
@settings(max_examples=1000)
def test_kernel_reads_numbers_like_oracle(span: tuple[int, int], value: bytes) -> None:
    source = SOUND.source[: span[0]] + value + SOUND.source[span[1] :]
    if read_template(source, START) is not None:
        assert_matches_like_oracle(source)
