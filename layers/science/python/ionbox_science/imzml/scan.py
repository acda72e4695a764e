"""The fast way to read an imzML file: one spectrum is understood, all others compared with it.

In: the bytes of the file. Out: the `Document` that the walk of `ionbox_science.imzml.xml` would
make of it, or None if the file is in any way unusual and has to be walked.
`ionbox_science.imzml.header` tries this first.

The spectra of a file mostly differ only in some attribute values. The first one is cut into
literals, which every spectrum must repeat byte by byte, and the slots between them; a kernel
(``kernels/imzml/imzml.c``) matches all spectra and reads the numbers in their slots. Then a brief
is made, the same file with the first spectrum only, in which each number is replaced by a mark, a
number of its own. The walk reads the brief; where it puts a mark, the numbers of all spectra
belong.

Why the walk would have read the same from the whole file:

- A spectrum is tags and text, no comment, and what may stand in a slot cannot end an attribute.
  So after every spectrum the XML parser is in the state it was in after the first.
- The walk takes what stands in a slot for a number, or does not look at it.
- Which slot is which column is not decided here: the walk tells, by where it puts the marks.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.terms import (
    ENCODED,
    EXTERNAL_DATA,
    MS_LEVEL,
    PLACES,
    POSITION_X,
    POSITION_Y,
    POSITION_Z,
)
from ionbox_science.imzml.xml import Defects, Document, SpectrumParser, parse
from ionbox_science.kernel_calls import call_kernel

Int64Array = npt.NDArray[np.int64]

TEXT, SIGNED, UNSIGNED = 0, 1, 2  # as in imzml.c
_NUMBERS = {
    **dict.fromkeys((POSITION_X, POSITION_Y, POSITION_Z, *PLACES), SIGNED),
    ENCODED: UNSIGNED,
    MS_LEVEL: UNSIGNED,
}
_VARYING = {
    *("id", "index", "nativeID", "spotID", "defaultArrayLength", "sourceFileRef"),  # of spectrum
    "spectrumRef",  # of scan and precursor
    *("arrayLength", "encodedLength"),  # of binaryDataArray
    "value",  # of cvParam and userParam
}

# The mark of the first number in the brief; the next ones count on. The walk never fills in
# numbers of this size where a file has none (it fills in 0, 1 and -1).
_MARK = 1_000_000

# Of these encodings, bytes below 128 are ASCII wherever they stand.
_ENCODINGS = rb"(?i:utf-8|us-ascii|iso-8859-\d+|windows-125\d)"
_DECLARATION = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml\s+version=[\"']1\.0[\"']"
    rb"(?:\s+encoding=[\"']" + _ENCODINGS + rb"[\"'])?"
    rb"(?:\s+standalone=[\"'](?:yes|no)[\"'])?\s*\?>)?"
)
_LIST_START = re.compile(
    rb'<spectrumList\s[^<>]*?\bcount="(?P<count>[0-9]{1,10})"[^<>]*>\s*(?=<spectrum\s)'
)
_LIST_END = re.compile(rb"\s*</spectrumList\s*>")
_SPECTRUM_END = re.compile(rb"</spectrum\s*>")
_SPECTRUM = re.compile(rb"<(?:[^\s<>/]*:)?spectrum[\s/>]")
_RUN_END = re.compile(rb"</run\b(?P<of_file>\s*>\s*</mzML\s*>)?")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)

_ATTRIBUTE = re.compile(r'\s+(?P<name>[\w:.-]+)\s*=\s*"(?P<value>[^"<&]*)"', re.ASCII)
_TAG_OR_TEXT = re.compile(
    r'</?[\w:.-]+(?P<attributes>(?:\s+[\w:.-]+\s*=\s*"[^"<&]*")*)\s*/?>|[^<&]+', re.ASCII
)


@dataclass(frozen=True)
class Template:
    """What all spectra repeat of the first, and where they may differ from it.

    Attributes
    ----------
    literals : (n_slots + 1, 2) int64, bytes
        Where each literal begins, and one past its last byte, in the file; slot i lies between
        literals i and i + 1.
    kinds : (n_slots,) uint8
        What may stand in a slot: SIGNED ``-?[0-9]{1,18}``, UNSIGNED ``[0-9]{1,18}``, TEXT printable
        ASCII without quotes, ``<`` and ``&``.
    """

    literals: Int64Array
    kinds: npt.NDArray[np.uint8]

    @property
    def start(self) -> int:
        """First byte of the first spectrum."""
        return int(self.literals[0, 0])

    @property
    def n_literal_bytes(self) -> int:
        """Bytes that every spectrum has at least: a bound for how many fit a file."""
        return int((self.literals[:, 1] - self.literals[:, 0]).sum())

    @property
    def n_numbers(self) -> int:
        """Number of slots that hold numbers."""
        return int(np.count_nonzero(self.kinds))


def scan_spectra(source: bytes) -> Document | None:
    """Read an imzML file whose spectra are all like the first.

    Parameters
    ----------
    source : bytes
        The whole imzML file.

    Returns
    -------
    Document or None
        What `imzml.xml.parse` returns for the same file, if that notes no defect. None where the
        file is in any way unusual, which says nothing about whether it is sound.
    """
    list_start = _LIST_START.search(source)
    if list_start is None or not _is_regular_head(source[: list_start.end()]):
        return None
    template = read_template(source, list_start.end())
    n_spectra = int(list_start["count"])
    # The second test keeps a wrong count from allocating memory for spectra that cannot be there.
    if template is None or n_spectra * template.n_literal_bytes > len(source):
        return None
    values, end = match_spectra(source, template, n_spectra)
    if values.shape[1] != n_spectra or not _is_regular_tail(source, end):
        return None
    defects = Defects()
    document = parse(_brief(source, template, values, end), defects)
    if defects or document is None or document.spectra.n_spectra != 1:
        return None
    if document.declared_count != str(n_spectra):
        return None
    _fill(document.spectra, values)
    return document


def _is_regular_head(head: bytes) -> bool:
    """Tell whether the bytes before the first spectrum leave an XML parser where we take it to be.

    That is between two tags, in the file's first list of spectra, reading ASCII as ASCII.
    """
    declaration = _DECLARATION.match(head)
    rest = _tags_and_text(head[declaration.end() if declaration else 0 :])
    return rest is not None and rest.count(b"spectrumList") == 1


def _is_regular_tail(source: bytes, start: int) -> bool:
    """Tell whether the list of spectra ends at a byte, and after the run nothing follows.

    What follows the run might describe the dataset too. ElementTree parses ahead of what it hands
    out, so the walk of a short file would see it when it reads the head, that of a long file not;
    a brief is short, so it could not stand for its file.
    """
    list_end = _LIST_END.match(source, start)
    rest = None if list_end is None else _tags_and_text(source[list_end.end() :])
    if rest is None or _SPECTRUM.search(rest):
        return False
    run_end = _RUN_END.search(rest)
    return run_end is not None and run_end["of_file"] is not None


def _tags_and_text(markup: bytes) -> bytes | None:
    """Return markup without its comments; None if there is CDATA, a doctype or an instruction."""
    rest = _COMMENT.sub(b" ", markup)
    return None if b"<!" in rest or b"<?" in rest else rest


def read_template(source: bytes, start: int) -> Template | None:
    """Cut the spectrum that starts at a byte into literals and slots.

    Returns
    -------
    Template or None
        None if the spectrum has no end, or if there is more in it than tags and text.
    """
    last_tag = _SPECTRUM_END.search(source, start)
    if last_tag is None:
        return None
    spectrum = source[start : last_tag.end()].decode("latin-1")  # one character for each byte
    bounds, kinds, at = [start], [], 0
    while at < len(spectrum):
        part = _TAG_OR_TEXT.match(spectrum, at)
        if part is None:
            return None
        for begin, end, kind in _slots(part):
            bounds += [start + begin, start + end]
            kinds.append(kind)
        at = part.end()
    bounds.append(last_tag.end())
    literals = np.array(bounds, dtype=np.int64).reshape(-1, 2)
    return Template(literals, np.array(kinds, dtype=np.uint8))


def _slots(part: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Yield begin, end and kind of those attribute values of one tag that may differ.

    Positions count from the start of the spectrum. The value that says whether arrays are in the
    ibd has to be the same for all: the walk looks at it, and it is no number.
    """
    if not part["attributes"]:
        return
    attributes = list(_ATTRIBUTE.finditer(part.string, *part.span("attributes")))
    accession = next((a["value"] for a in attributes if a["name"] == "accession"), "")
    for attribute in attributes:
        if attribute["name"] not in _VARYING or accession == EXTERNAL_DATA:
            continue
        kind = _NUMBERS.get(accession, TEXT) if attribute["name"] == "value" else TEXT
        yield *attribute.span("value"), kind


def match_spectra(source: bytes, template: Template, max_spectra: int) -> tuple[Int64Array, int]:
    """Match spectra, with white space between them, until one deviates from the template.

    Parameters
    ----------
    source : bytes
        The whole imzML file.
    template : Template
        What `read_template` made of its first spectrum.
    max_spectra : int
        Most spectra to match.

    Returns
    -------
    values : (n_numbers, n_spectra) int64
        What the slots other than TEXT hold in the spectra that match.
    end : int
        One past the last byte of the last spectrum that matches.
    """
    values = np.empty((template.n_numbers, max_spectra), dtype=np.int64)
    end = np.empty(1, np.int64)
    n_spectra = call_kernel(
        "ionbox_match_spectra",
        np.frombuffer(source, dtype=np.uint8),
        len(source),
        template.start,
        np.ascontiguousarray(template.literals),
        template.kinds,
        len(template.kinds),
        values,
        max_spectra,
        end,
    )
    return values[:, :n_spectra], int(end[0])


def _brief(source: bytes, template: Template, values: Int64Array, end: int) -> bytes:
    """Return the file with its first spectrum only, and in this a mark for each number.

    Slots with the same numbers in all spectra have the same mark, so that what each spectrum states
    twice does not look like a contradiction to the walk.
    """
    marks = _marks(values)
    parts, n_marks = [source[: template.start]], 0
    for kind, (begin, stop), (after, _) in zip(
        template.kinds, template.literals, template.literals[1:], strict=False
    ):
        parts.append(source[begin:stop])
        parts.append(source[stop:after] if kind == TEXT else b"%d" % marks[n_marks])
        n_marks += int(kind != TEXT)
    begin, stop = template.literals[-1]
    return b"".join((*parts, source[begin:stop], source[end:]))


def _marks(values: Int64Array) -> list[int]:
    """Return a mark for each slot that holds numbers: that of the first slot with the same ones."""
    firsts: list[int] = []
    for slot, numbers in enumerate(values):
        alike = (first for first in firsts if np.array_equal(values[first], numbers))
        firsts.append(next(alike, slot))
    return [_MARK + slot for slot in firsts]


def _fill(spectra: SpectrumParser, values: Int64Array) -> None:
    """Replace each mark by the numbers of all spectra; repeat what the first has otherwise."""
    n_numbers, n_spectra = values.shape
    columns = [spectra.x, spectra.y, spectra.z, spectra.level, spectra.kind]
    for of_role in spectra.arrays.values():
        columns += [of_role.offset, of_role.count, of_role.encoded]
    for column in columns:
        slot = column[0] - _MARK
        if 0 <= slot < n_numbers:
            column[:] = array("q", values[slot].tobytes())
        else:
            column *= n_spectra
    spectra.n_spectra = n_spectra
    spectra.n_without_arrays *= n_spectra
    spectra.mobility = Counter(dict.fromkeys(spectra.mobility, n_spectra))
