"""One walk through an imzML file: its spectra become columns, its defects sentences.

In: the bytes of any file. Out: a `Document` (the head, and columns over the spectra), of which
`ionbox_science.imzml.header` makes the header, and `Defects`, of which it makes the message if the
file is refused. Regular files are read by `ionbox_science.imzml.scan`, which hands this walk a file
of one spectrum; others are walked in full.

pyimzml reads a sound file the same way (a test compares every file of the corpus), but it stops at
the first defect with a bare ``TypeError``, cannot say where, and looks neither at compression nor
at data types declared inside the arrays. Here a defect is noted and reading goes on, so that the
user sees all of them at once.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from ionbox_science.imzml.terms import (
    ARRAY_ROLES,
    CENTROID,
    COMPRESSIONS,
    COUNT,
    ENCODED,
    EXTERNAL_DATA,
    INTENSITY,
    ION_MOBILITY,
    MS_LEVEL,
    MZ,
    OFFSET,
    PLACES,
    POSITION_X,
    POSITION_Y,
    POSITION_Z,
    PROFILE,
    SPECTRUM_LEVELS,
    SPECTRUM_TERMS,
    UNSUPPORTED_TYPES,
    VALUE_TYPES,
    Head,
    Tags,
    Term,
    read_head,
)

RE_EXPORT = "export the dataset again"

MOST_ELEMENTS = 1_000_000
"""How many may stand before the spectra, or in one spectrum: so many are in memory at once."""

_LONGEST_TAG = 4_000_000  # bytes
_LONGEST_NUMBER = 40  # digits; a longer text is no number that anybody means
_READABLE = "save it as UTF-8 or ISO-8859-1"

Stated = Mapping[str | None, Sequence[str | None]]
"""Values by accession, in the order of the file: more than one where a term is repeated."""

_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"  # byte order marks and white space


class Defects:
    """What is wrong with a file, one entry per kind, so that a million alike give one sentence."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int | None, str, str]] = {}
        self._seen: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._first)

    def note(self, kind: str, text: str, advice: str, index: int | None = None) -> None:
        """Record one defect.

        Parameters
        ----------
        kind : str
            Defects of one kind are reported together, by the text of the first.
        text, advice : str
            What is wrong, and what to do about it; no full stops.
        index : int or None
            The spectrum, in the order of the file; None if it is not about one.
        """
        self._first.setdefault(kind, (index, text, advice))
        self._seen[kind] += 1

    def sentences(self, name: str, line_of: Callable[[int], int | None]) -> list[str]:
        """Return a sentence per kind: file, spectrum, line, what, how many more, what to do.

        Parameters
        ----------
        name : str
            File name.
        line_of : callable
            Finds the line of the file that a spectrum, by index, starts on; None if it cannot.
        """
        lines = []
        for kind, (index, text, advice) in self._first.items():
            line = None if index is None else line_of(index)
            place = "" if index is None else f", spectrum index {index}"
            place += "" if line is None else f" (line {line})"
            others = self._seen[kind] - 1
            more = f", and {others} more like it" if others else ""
            lines.append(f"{name}{place}: {text}{more}; {advice}.")
        return lines


@dataclass(frozen=True)
class ArrayFormat:
    """What the file declares about an array, and shares with many others.

    Attributes
    ----------
    role : {"m/z", "intensity"} or None
        None for arrays of another kind.
    types : frozenset of str
        numpy types of the values; more than one is a contradiction.
    unsupported, compression, mobility : str or None
        Name of a type, compression or mobility term that ionbox does not read, if there is one.
    inline : bool
        Whether the values are in the XML instead of the ibd.
    unknown_group : str or None
        A parameter group that is referred to and not there.
    """

    role: str | None
    types: frozenset[str] = frozenset()
    unsupported: str | None = None
    compression: str | None = None
    mobility: str | None = None
    inline: bool = False
    unknown_group: str | None = None


@dataclass
class ArrayColumns:
    """Where the m/z or the intensity arrays of all spectra lie in the ibd.

    Attributes
    ----------
    offset, count, encoded : array of int64, one per spectrum
        First byte, elements, and bytes; -1 where the last is not given.
    formats : dict
        Each format that occurs, and the first spectrum that has it.
    """

    offset: array[int] = field(default_factory=lambda: array("q"))
    count: array[int] = field(default_factory=lambda: array("q"))
    encoded: array[int] = field(default_factory=lambda: array("q"))
    formats: dict[ArrayFormat, int] = field(default_factory=dict)


class SpectrumParser:
    """Collects columns from spectrum elements, one row per spectrum.

    A spectrum with defects gets its row too, so that rows and spectra keep the same numbers.
    """

    def __init__(self, tags: Tags, head: Head, defects: Defects) -> None:
        self.x, self.y, self.z = array("q"), array("q"), array("q")
        self.level = array("q")  # MS level; 1 where a spectrum states none
        self.kind = array("q")  # centroid or profile: see `kind_of`
        self.arrays = {MZ: ArrayColumns(), INTENSITY: ArrayColumns()}
        self.terms: set[str] = set()  # accessions of spectrum type and polarity
        self.group_refs: set[str] = set()
        self.mobility: Counter[str] = Counter()  # spectra by the mobility term they have
        self.n_without_arrays = 0
        self.n_spectra = 0
        self._tags, self._head, self._defects = tags, head, defects
        self._formats: dict[tuple[tuple[str, ...], ...], ArrayFormat] = {}
        self._level_of_group = {
            name: level
            for name, terms in head.groups.items()
            if (level := _level(terms)) is not None
        }
        self._kind_of_group = {
            name: kind_of(term.accession for term in terms) for name, terms in head.groups.items()
        }

    def add(self, spectrum: Element) -> None:
        """Read one ``<spectrum>``."""
        tags, scans = self._tags, None
        arrays: list[Element] = []
        own: defaultdict[str | None, list[str | None]] = defaultdict(list)
        level: int | None = None
        kind = SILENT
        for child in spectrum:
            tag = child.tag
            if tag == tags.cv_param:
                own[child.get("accession")].append(child.get("value"))
                if child.get("accession") in SPECTRUM_TERMS:
                    self.terms.add(Term.of(child).accession)
            elif tag == tags.group_ref:
                ref = child.get("ref", "")
                self.group_refs.add(ref)
                # of groups that contradict each other, the one that keeps it out of the images
                level = max(self._level_of_group.get(ref, 0), level or 0) or None
                kind = max(kind, self._kind_of_group.get(ref, SILENT))
            elif tag == tags.scan_list:
                scans = child if scans is None else scans
            elif tag == tags.array_list:
                arrays += child
        self._add_level(own, level)
        self.kind.append(kind_of(own) or kind)
        self._add_position(None if scans is None else scans.find(tags.scan), own)
        self._add_arrays(arrays)
        self.n_spectra += 1

    def _add_level(self, own: Stated, of_group: int | None) -> None:
        """Note the MS level: the spectrum's own word, else its groups', else that of a survey."""
        if MS_LEVEL in own:
            self.level.append(self._whole_number(own[MS_LEVEL], "MS level"))
            return
        said = {SPECTRUM_LEVELS[term] for term in own if term in SPECTRUM_LEVELS}
        if len(said) > 1:
            self._note("two MS levels", "is said to be an MS1 and an MSn spectrum")
        self.level.append(next(iter(said), of_group or 1))

    def _note(self, kind: str, text: str, advice: str = RE_EXPORT) -> None:
        self._defects.note(kind, text, advice, self.n_spectra)

    def _whole_number(
        self, texts: Sequence[str | None], what: str, missing_advice: str = RE_EXPORT
    ) -> int:
        """Read a number that may be stated again and again, if it is the same each time."""
        self._note_contradiction(texts, what)
        text = texts[0] if texts else None
        if text is None:
            self._note(f"missing {what}", f"{what} is missing", missing_advice)
            return 0
        value = _parse_whole(text)
        if value is None:
            self._note(f"bad {what}", f"{what} is {_quoted(text)}, not a whole number")
            return 0
        # columns are int64, and text may say any number
        if not -(2**63) < value < 2**63:
            self._note(f"bad {what}", f"{what} is {_quoted(text)}, far too large")
            return 0
        return value

    def _note_contradiction(self, texts: Sequence[str | None], what: str) -> None:
        """Note it if a number is stated more than once and not the same each time."""
        if len(texts) < 2:
            return
        first = texts[0]
        other = next((text for text in texts if not _is_same_number(text, first)), first)
        if other is not first:
            said = f"{_quoted(first or '')} and as {_quoted(other or '')}"
            self._note(f"contradictory {what}", f"{what} is stated twice, as {said}")

    def _add_position(self, scan: Element | None, own: Stated) -> None:
        """Note the position, which stands in the scan, or in some files in the spectrum itself."""
        position: Stated = {}
        if scan is not None:
            position = _stated(child for child in scan if child.tag == self._tags.cv_param)
        if not ION_MOBILITY.keys().isdisjoint(position):
            self.mobility[next(ION_MOBILITY[a] for a in position if a in ION_MOBILITY)] += 1
        if POSITION_X not in position and POSITION_Y not in position:
            position = {**position, **{a: own[a] for a in _POSITIONS if a in own}}
        advice = "plain mzML has no pixel positions, convert it to imzML with its position file"
        self.x.append(self._whole_number(position.get(POSITION_X, ()), "position x", advice))
        self.y.append(self._whole_number(position.get(POSITION_Y, ()), "position y", advice))
        z = position.get(POSITION_Z, ())
        self.z.append(1 if set(z) <= {None} else self._whole_number(z, "position z"))

    def _add_arrays(self, arrays: Iterable[Element]) -> None:
        found: dict[str | None, tuple[ArrayFormat, Stated]] = {}
        for element in arrays:
            if element.tag == self._tags.array:
                array_format, places = self._read_array(element)
                role, described = array_format.role, (array_format, places)
                if role and found.setdefault(role, described) != described:
                    self._note(f"two {role}", f"has two {role} arrays that differ")
                found[role] = described
                self._note_format(array_format)
        if not found:  # a pixel where nothing was measured
            self.n_without_arrays += 1
            for columns in self.arrays.values():
                self._append(columns, 0, 0, -1)
            return
        for role, columns in self.arrays.items():
            if role not in found:
                self._note(f"no {role}", f"has no {role} array")
                self._append(columns, 0, 0, -1)
                continue
            array_format, places = found[role]
            columns.formats.setdefault(array_format, self.n_spectra)
            self._append(
                columns,
                self._whole_number(places.get(OFFSET, ()), f"external offset of the {role} array"),
                self._whole_number(places.get(COUNT, ()), f"length of the {role} array"),
                self._number_or_unknown(places.get(ENCODED, ()), role),
            )

    def _number_or_unknown(self, texts: Sequence[str | None], role: str) -> int:
        """Read the encoded length, which may be missing; -1 where there is no such number."""
        self._note_contradiction(texts, f"encoded length of the {role} array")
        text = texts[0] if texts else None
        return int(text) if text is not None and re.fullmatch("[0-9]{1,18}", text) else -1

    @staticmethod
    def _append(columns: ArrayColumns, offset: int, count: int, encoded: int) -> None:
        columns.offset.append(offset)
        columns.count.append(count)
        columns.encoded.append(encoded)

    def _read_array(self, element: Element) -> tuple[ArrayFormat, Stated]:
        tags = self._tags
        places: defaultdict[str | None, list[str | None]] = defaultdict(list)
        groups: list[str] = []
        others: list[tuple[str, ...]] = []
        for child in element:
            if child.tag == tags.cv_param:
                accession = child.get("accession")
                if accession in PLACES:
                    places[accession].append(child.get("value"))
                else:
                    term = Term.of(child)
                    others.append((term.accession, term.name, term.value))
            elif child.tag == tags.group_ref:
                groups.append(child.get("ref", ""))
        # Millions of arrays share a handful of descriptions: each is interpreted once.
        key = (tuple(groups), *others)
        if key not in self._formats:
            self._formats[key] = self._understand(groups, [Term(*other) for other in others])
        return self._formats[key], places

    def _understand(self, groups: list[str], own: list[Term]) -> ArrayFormat:
        terms = own + [term for group in groups for term in self._head.groups.get(group, ())]
        values = {term.accession: term.value for term in terms}
        unknown = [group for group in groups if group not in self._head.groups]
        return ArrayFormat(
            role=_first(values, ARRAY_ROLES),
            types=frozenset(VALUE_TYPES[a] for a in values if a in VALUE_TYPES),
            unsupported=_first(values, UNSUPPORTED_TYPES),
            compression=_first(values, COMPRESSIONS),
            mobility=_first(values, ION_MOBILITY),
            inline=values.get(EXTERNAL_DATA, "true").lower() == "false",
            unknown_group=unknown[0] if unknown else None,
        )

    def _note_format(self, found: ArrayFormat) -> None:
        role = found.role or "other"
        if found.unknown_group is not None:
            text = f"an array refers to the parameter group {_quoted(found.unknown_group)}"
            self._note("unknown group", f"{text}, which the file does not define")
        if found.mobility and found.role is None:
            self.mobility[found.mobility] += 1
        if found.role and found.compression:
            advice = "ionbox reads uncompressed arrays, export with compression switched off"
            self._note(
                f"{role} compression",
                f"the {role} array is compressed ({found.compression})",
                advice,
            )
        if found.role and found.inline:
            self._note(f"{role} inline", f"the {role} array is stored in the XML, not in the ibd")
        if found.role and found.unsupported:
            text = f"the {role} array is stored as {found.unsupported}, which ionbox does not read"
            self._note(f"{role} type", text, "export it as 32-bit or 64-bit float")


_POSITIONS = (POSITION_X, POSITION_Y, POSITION_Z)

SILENT, CENTROIDED, PROFILED = 0, 1, 2
"""What a spectrum says it is."""


def kind_of(accessions: Iterable[str | None]) -> int:
    """Return what terms say of a spectrum: `PROFILED` if one does, else `CENTROIDED`, `SILENT`."""
    kinds = {CENTROID: CENTROIDED, PROFILE: PROFILED}
    return max((kinds[each] for each in accessions if each in kinds), default=SILENT)


def _stated(params: Iterable[Element]) -> Stated:
    """Gather the values of cvParams by accession."""
    values: defaultdict[str | None, list[str | None]] = defaultdict(list)
    for param in params:
        values[param.get("accession")].append(param.get("value"))
    return values


def _level(terms: Iterable[Term]) -> int | None:
    """Return the MS level that a group states, the highest if several; None if it states none."""
    terms = list(terms)
    stated = [_parse_whole(term.value) for term in terms if term.accession == MS_LEVEL]
    said = [SPECTRUM_LEVELS[t.accession] for t in terms if t.accession in SPECTRUM_LEVELS]
    return max((level for level in stated or said if level is not None), default=None)


def _is_same_number(text: str | None, other: str | None) -> bool:
    """Tell whether two texts are equal, or state the same whole number."""
    if text == other or text is None or other is None:
        return text == other
    number = _parse_whole(text)
    return number is not None and number == _parse_whole(other)


def _parse_whole(text: str) -> int | None:
    """Read a whole number, also one written as a real number (1.0, 1e+05); None if it is none."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _first(values: Iterable[str], names: dict[str, str]) -> str | None:
    return next((names[accession] for accession in values if accession in names), None)


def _quoted(text: str) -> str:
    """Show a value of unknown length and content on one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


@dataclass(frozen=True)
class Document:
    """A file as read: what stands before the spectra, their columns, their declared number."""

    head: Head
    spectra: SpectrumParser
    declared_count: str | None


def parse(source: bytes, defects: Defects) -> Document | None:
    """Walk through a file once.

    Parameters
    ----------
    source : bytes
        The whole file, whatever it is.
    defects : Defects
        Receives what is wrong; if it receives nothing, the document is complete.

    Returns
    -------
    Document or None
        What was read up to where the XML breaks, if it does; None if there is no list of spectra.
    """
    root = mzml = document = None
    n_held = 0  # elements in memory
    for event, element in _events(source, defects):
        n_held += event == "start"
        if n_held > MOST_ELEMENTS:
            text = f"more than {MOST_ELEMENTS:,} elements stand in one place"
            defects.note("xml", text, "give the imzML of a dataset")
            break
        if document is None:
            if event == "start":
                root = element if root is None else root
                mzml = element if _local_name(element) == "mzML" else mzml
                if mzml is not None and _local_name(element) == "spectrumList":
                    tags, spectrum_list = Tags(mzml), element
                    spectrum_tag = tags.of("spectrum")
                    head = read_head(mzml, tags)
                    spectra = SpectrumParser(tags, head, defects)
                    document = Document(head, spectra, element.get("count"))
        elif event == "end" and element.tag == spectrum_tag:
            spectra.add(element)
            spectrum_list.clear()  # forget the spectrum: memory stays that of one, and the columns
            n_held = 0
    if not defects and (document is None or document.spectra.n_spectra == 0):
        defects.note("no spectra", _why_no_spectra(root, mzml), "give the imzML of a dataset")
    return document


def _events(source: bytes, defects: Defects) -> Iterator[tuple[str, Element]]:
    """Yield parser events to the end, or to where the XML breaks, which becomes a defect."""
    if not source:
        defects.note("xml", "the file is empty (0 bytes)", "copy or upload it again")
        return
    if (start := _endless_tag(source)) is not None:
        text = f"no tag ends in the {_LONGEST_TAG:,} bytes after byte {start:,}"
        defects.note("xml", text, "give the imzML file of the pair")
        return
    try:
        yield from ElementTree.iterparse(BytesIO(source), events=("start", "end"))
    except ElementTree.ParseError as error:
        defects.note("xml", *_why_no_xml(source, error))
    except (LookupError, ValueError) as error:
        defects.note("xml", f"the text encoding cannot be read ({error})", _READABLE)


def _endless_tag(source: bytes) -> int | None:
    """Return where a stretch without ``>`` begins that is longer than any tag, None if none is.

    The parser looks through an unfinished tag again for each further block of it, so that one of
    50 MB takes a minute.
    """
    start = 0
    while len(source) - start > _LONGEST_TAG:
        end = source.rfind(b">", start, start + _LONGEST_TAG)
        if end < 0:
            return start
        start = end + 1
    return None


_OTHER_FILES = {
    b"\x1f\x8b": ("this is a gzip file", "unpack it"),
    b"PK\x03\x04": ("this is a zip file", "unpack it"),
    b"BZh": ("this is a bzip2 file", "unpack it"),
    b"\xfd7zXZ": ("this is an xz file", "unpack it"),
}


def _why_no_xml(source: bytes, error: ElementTree.ParseError) -> tuple[str, str]:
    for start, said in _OTHER_FILES.items():
        if source.startswith(start):
            return said
    if source[:2] in (b"<\x00", b"\x00<"):
        return "the text is UTF-16 without a byte order mark", _READABLE
    if not source[:1024].lstrip(_BEFORE_XML).startswith(b"<"):
        return f"this is not XML ({error})", "give the imzML file of the pair"
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]:
        return f"the text encoding cannot be read ({error})", _READABLE
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]:
        advice = "correct that place (a stray < or &, or a letter outside the declared encoding)"
        return f"the XML is damaged ({error})", advice
    text = f"the XML breaks off ({error}; the file has {len(source)} bytes)"
    return text, "it may be cut off, copy or upload it again"


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _why_no_spectra(root: Element | None, mzml: Element | None) -> str:
    if root is not None and mzml is None:
        return f"the XML is <{_local_name(root)}>, not <mzML>, so this is not an imzML file"
    return "the file has no spectra"


def line_of_spectrum(source: bytes, index: int) -> int | None:
    """Return the line that a spectrum starts on, from 1, or None; ElementTree does not know it.

    Searches the whole file again, so it is for messages only.
    """
    starts = re.finditer(rb"<(?:\w+:)?spectrum[\s/>]", source)
    start = next(islice(starts, index, None), None)
    return None if start is None else source.count(b"\n", 0, start.start()) + 1
