"""The XML side of imzML: its vocabulary, its head, and its spectra one element at a time.

pyimzml reads a sound file the same way (a test compares every file of the corpus), but it stops at
the first defect with a bare ``TypeError``, cannot say where, and looks neither at compression nor at
data types declared inside the arrays. Here a defect is noted and reading goes on, so that the user
sees all of them at once. Only the list of accessions that exporters are known to confuse is
pyimzml's.

Accessions are those of the PSI-MS and imaging MS vocabularies (psi-ms.obo, imagingMS.obo) as used
by the imzML 1.1.0 specification, https://ms-imaging.org/imzml/.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from pyimzml.ontology.ontology import ACCESSION_FIX_MAPPING

RE_EXPORT = "export the dataset again"
MZ, INTENSITY = "m/z", "intensity"

CENTROID, PROFILE = "MS:1000127", "MS:1000128"
NEGATIVE, POSITIVE = "MS:1000129", "MS:1000130"
CONTINUOUS, PROCESSED = "IMS:1000030", "IMS:1000031"
UUID = "IMS:1000080"
CHECKSUMS = {"IMS:1000092": "sha256", "IMS:1000091": "sha1", "IMS:1000090": "md5"}

VALUE_TYPES = {
    "MS:1000521": "<f4",
    "MS:1000523": "<f8",
    "MS:1000519": "<i4",
    "MS:1000522": "<i8",
    "IMS:1000141": "<i4",
    "IMS:1000142": "<i8",
}
TYPE_NAMES = {
    "<f4": "32-bit float",
    "<f8": "64-bit float",
    "<i4": "32-bit integer",
    "<i8": "64-bit integer",
}
_UNSUPPORTED_TYPES = {
    "MS:1000520": "16-bit float",
    "MS:1001479": "null-terminated ASCII string",
    "IMS:1100000": "8-bit integer",
    "IMS:1100001": "16-bit integer",
}
_COMPRESSIONS = {
    "MS:1000574": "zlib",
    "MS:1002312": "MS-Numpress linear",
    "MS:1002313": "MS-Numpress positive integer",
    "MS:1002314": "MS-Numpress short logged float",
    "MS:1002746": "MS-Numpress linear and zlib",
    "MS:1002747": "MS-Numpress positive integer and zlib",
    "MS:1002748": "MS-Numpress short logged float and zlib",
    "MS:1003088": "truncation and zlib",
    "MS:1003089": "truncation, delta prediction and zlib",
    "MS:1003090": "truncation, linear prediction and zlib",
}
_ION_MOBILITY = {
    "MS:1002476": "ion mobility drift time",
    "MS:1002477": "mean drift time array",
    "MS:1002815": "inverse reduced ion mobility",
    "MS:1002816": "mean ion mobility array",
    "MS:1002893": "ion mobility array",
    "MS:1003006": "mean inverse reduced ion mobility array",
    "MS:1003007": "raw ion mobility array",
    "MS:1003008": "raw inverse reduced ion mobility array",
    "MS:1003153": "raw ion mobility drift time array",
    "MS:1003154": "deconvoluted ion mobility array",
    "MS:1003155": "deconvoluted inverse reduced ion mobility array",
    "MS:1003156": "deconvoluted ion mobility drift time array",
}
_ARRAY_ROLES = {"MS:1000514": MZ, "MS:1000515": INTENSITY}
_EXTERNAL_DATA = "IMS:1000101"
_OFFSET, _COUNT, _ENCODED = "IMS:1000102", "IMS:1000103", "IMS:1000104"
_PLACES = frozenset((_OFFSET, _COUNT, _ENCODED))
_X, _Y, _Z = "IMS:1000050", "IMS:1000051", "IMS:1000052"
_MAX_X, _MAX_Y = "IMS:1000042", "IMS:1000043"
_SPECTRUM_TERMS = frozenset((CENTROID, PROFILE, NEGATIVE, POSITIVE))
_SERIAL_NUMBER = "MS:1000529"
_RESOLVING_POWERS = ("MS:1000800", "MS:1000234", "MS:1000011")


class Defects:
    """What is wrong with a file, one entry per kind, so a million alike give one sentence."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int | None, str, str]] = {}
        self._seen: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._first)

    def note(self, kind: str, text: str, advice: str, index: int | None = None) -> None:
        """Record one defect; ``index`` is the spectrum's index in file order."""
        self._first.setdefault(kind, (index, text, advice))
        self._seen[kind] += 1

    def sentences(self, name: str, line_of: Callable[[int], int | None]) -> list[str]:
        """Describe every kind once: file, spectrum, line, what, how many more, what to do."""
        lines = []
        for kind, (index, text, advice) in self._first.items():
            line = None if index is None else line_of(index)
            place = "" if index is None else f", spectrum index {index}"
            place += "" if line is None else f" (line {line})"
            others = self._seen[kind] - 1
            more = f", and {others} more like it" if others else ""
            lines.append(f"{name}{place}: {text}{more}; {advice}.")
        return lines


class Tags:
    """The element names of one file, with the XML namespace its root uses."""

    def __init__(self, root: Element) -> None:
        self.namespace = root.tag[: root.tag.rfind("}") + 1]
        self.cv_param = self.of("cvParam")
        self.group_ref = self.of("referenceableParamGroupRef")
        self.scan_list = self.of("scanList")
        self.scan = self.of("scan")
        self.array_list = self.of("binaryDataArrayList")
        self.array = self.of("binaryDataArray")

    def of(self, *path: str) -> str:
        """Qualify a path of element names."""
        return "/".join(self.namespace + step for step in path)


@dataclass(frozen=True)
class Term:
    """One cvParam."""

    accession: str
    name: str
    value: str

    @staticmethod
    def of(element: Element) -> Term:
        """Read a cvParam, with the accession its name says where exporters confuse the two."""
        accession, name = element.get("accession", ""), element.get("name", "")
        accession = ACCESSION_FIX_MAPPING.get((accession, name), accession)
        return Term(accession, name, element.get("value", ""))


@dataclass(frozen=True)
class Head:
    """What an imzML says before its first spectrum."""

    file_terms: dict[str, str]  # accession -> value, of fileContent
    groups: dict[str, tuple[Term, ...]]  # referenceable parameter groups by id
    instruments: tuple[str, ...]
    resolving_power: float | None
    declared_size: tuple[int, int] | None  # pixels in x and y


def read_head(mzml: Element, tags: Tags) -> Head:
    """Read the children of ``<mzML>`` that come before ``<run>``."""
    groups = {
        group.get("id", ""): tuple(Term.of(child) for child in group.iterfind(tags.cv_param))
        for group in mzml.iterfind(tags.of("referenceableParamGroupList", "*"))
    }
    content = mzml.find(tags.of("fileDescription", "fileContent"))
    file_terms = {} if content is None else _terms(content, tags, groups)
    configurations = mzml.findall(tags.of("instrumentConfigurationList", "instrumentConfiguration"))
    return Head(
        file_terms=file_terms,
        groups=groups,
        instruments=tuple(dict.fromkeys(_instrument_names(configurations, tags, groups))),
        resolving_power=_resolving_power(configurations, tags),
        declared_size=_declared_size(mzml, tags, groups),
    )


def _terms(element: Element, tags: Tags, groups: dict[str, tuple[Term, ...]]) -> dict[str, str]:
    """Values by accession, of the element's own cvParams and the groups it refers to."""
    found = {}
    for ref in element.iterfind(tags.group_ref):
        found.update({term.accession: term.value for term in groups.get(ref.get("ref", ""), ())})
    for child in element.iterfind(tags.cv_param):
        term = Term.of(child)
        found[term.accession] = term.value
    return found


def _instrument_names(
    configurations: list[Element], tags: Tags, groups: dict[str, tuple[Term, ...]]
) -> Iterable[str]:
    """Names and values that may tell the model or the analyzer, in file order."""
    for configuration in configurations:
        for ref in configuration.iterfind(tags.group_ref):
            for term in groups.get(ref.get("ref", ""), ()):
                yield from filter(None, (term.name, term.value))
        for child in configuration:
            described = child.tag in (tags.cv_param, tags.of("userParam"))
            if described and child.get("accession") != _SERIAL_NUMBER:
                yield from filter(None, (child.get("name"), child.get("value")))
        for child in configuration.iterfind(tags.of("componentList", "analyzer", "cvParam")):
            yield from filter(None, (child.get("name"),))


def _resolving_power(configurations: list[Element], tags: Tags) -> float | None:
    for configuration in configurations:
        values = {child.get("accession"): child.get("value") for child in configuration.iter()}
        for accession in _RESOLVING_POWERS:
            try:
                power = float(values.get(accession) or "")
            except ValueError:
                continue
            if 0 < power < float("inf"):
                return power
    return None


def _declared_size(
    mzml: Element, tags: Tags, groups: dict[str, tuple[Term, ...]]
) -> tuple[int, int] | None:
    """Pixels in x and y; with several scan settings the largest, for each may be one region."""
    sizes = []
    for settings in mzml.iterfind(tags.of("scanSettingsList", "scanSettings")):
        terms = _terms(settings, tags, groups)
        try:
            sizes.append((int(terms[_MAX_X]), int(terms[_MAX_Y])))
        except (KeyError, ValueError):
            continue
    if not sizes:
        return None
    return max(x for x, _ in sizes), max(y for _, y in sizes)


@dataclass(frozen=True)
class ArrayFormat:
    """How one kind of array is stored: its role and what the file declares about its values."""

    role: str | None
    types: frozenset[str] = frozenset()  # numpy type strings; more than one is a contradiction
    unsupported: str | None = None
    compression: str | None = None
    mobility: str | None = None
    inline: bool = False
    unknown_group: str | None = None


@dataclass
class ArrayColumns:
    """Where the m/z or the intensity arrays of all spectra lie in the ibd."""

    offset: array[int] = field(default_factory=lambda: array("q"))
    count: array[int] = field(default_factory=lambda: array("q"))
    encoded: array[int] = field(default_factory=lambda: array("q"))  # bytes; -1 where not given
    formats: dict[ArrayFormat, int] = field(default_factory=dict)  # -> first spectrum index


class SpectrumReader:
    """Collects columns from spectrum elements; a spectrum with defects still gets its row."""

    def __init__(self, tags: Tags, head: Head, defects: Defects) -> None:
        self.x, self.y, self.z = array("q"), array("q"), array("q")
        self.arrays = {MZ: ArrayColumns(), INTENSITY: ArrayColumns()}
        self.terms: set[str] = set()  # accessions of spectrum type and polarity
        self.group_refs: set[str] = set()
        self.n_spectra = 0
        self._tags, self._head, self._defects = tags, head, defects
        self._formats: dict[tuple[tuple[str, ...], ...], ArrayFormat] = {}

    def add(self, spectrum: Element) -> None:
        """Read one ``<spectrum>``."""
        tags, scans, arrays = self._tags, None, None
        for child in spectrum:
            tag = child.tag
            if tag == tags.cv_param:
                if child.get("accession") in _SPECTRUM_TERMS:
                    self.terms.add(Term.of(child).accession)
            elif tag == tags.group_ref:
                self.group_refs.add(child.get("ref", ""))
            elif tag == tags.scan_list:
                scans = child
            elif tag == tags.array_list:
                arrays = child
        self._add_position(None if scans is None else scans.find(tags.scan))
        self._add_arrays(() if arrays is None else arrays)
        self.n_spectra += 1

    def _note(self, kind: str, text: str, advice: str = RE_EXPORT) -> None:
        self._defects.note(kind, text, advice, self.n_spectra)

    def _whole_number(self, text: str | None, what: str, missing_advice: str = RE_EXPORT) -> int:
        if text is None:
            self._note(f"missing {what}", f"{what} is missing", missing_advice)
            return 0
        try:
            value = int(text)
        except ValueError:
            self._note(f"bad {what}", f"{what} is {_quoted(text)}, not a whole number")
            return 0
        if not -(2**63) <= value < 2**63:
            self._note(f"bad {what}", f"{what} is {_quoted(text)}, far too large")
            return 0
        return value

    def _add_position(self, scan: Element | None) -> None:
        position: dict[str | None, str | None] = {}
        if scan is not None:
            cv_param = self._tags.cv_param
            position = {c.get("accession"): c.get("value") for c in scan if c.tag == cv_param}
        if not _ION_MOBILITY.keys().isdisjoint(position):
            self._note_mobility(next(_ION_MOBILITY[a] for a in position if a in _ION_MOBILITY))
        advice = "plain mzML has no pixel positions, convert it to imzML with its position file"
        self.x.append(self._whole_number(position.get(_X), "position x", advice))
        self.y.append(self._whole_number(position.get(_Y), "position y", advice))
        z = position.get(_Z)
        self.z.append(1 if z is None else self._whole_number(z, "position z"))

    def _add_arrays(self, arrays: Iterable[Element]) -> None:
        found: dict[str | None, tuple[ArrayFormat, dict[str | None, str | None]]] = {}
        for element in arrays:
            if element.tag == self._tags.array:
                array_format, places = self._read_array(element)
                found[array_format.role] = array_format, places
                self._note_format(array_format)
        for role, columns in self.arrays.items():
            if role not in found:
                self._note(f"no {role}", f"has no {role} array")
                self._append(columns, 0, 0, -1)
                continue
            array_format, places = found[role]
            columns.formats.setdefault(array_format, self.n_spectra)
            self._append(
                columns,
                self._whole_number(places.get(_OFFSET), f"external offset of the {role} array"),
                self._whole_number(places.get(_COUNT), f"length of the {role} array"),
                self._whole_number(places.get(_ENCODED, "-1"), f"encoded length ({role} array)"),
            )

    @staticmethod
    def _append(columns: ArrayColumns, offset: int, count: int, encoded: int) -> None:
        columns.offset.append(offset)
        columns.count.append(count)
        columns.encoded.append(encoded)

    def _read_array(self, element: Element) -> tuple[ArrayFormat, dict[str | None, str | None]]:
        tags = self._tags
        places: dict[str | None, str | None] = {}
        groups: list[str] = []
        others: list[tuple[str, ...]] = []
        for child in element:
            if child.tag == tags.cv_param:
                accession = child.get("accession")
                if accession in _PLACES:
                    places[accession] = child.get("value")
                else:
                    term = Term.of(child)
                    others.append((term.accession, term.name, term.value))
            elif child.tag == tags.group_ref:
                groups.append(child.get("ref", ""))
        # Millions of arrays share a handful of descriptions: each is understood once.
        key = (tuple(groups), *others)
        if key not in self._formats:
            self._formats[key] = self._understand(groups, [Term(*other) for other in others])
        return self._formats[key], places

    def _understand(self, groups: list[str], own: list[Term]) -> ArrayFormat:
        terms = own + [term for group in groups for term in self._head.groups.get(group, ())]
        values = {term.accession: term.value for term in terms}
        unknown = [group for group in groups if group not in self._head.groups]
        return ArrayFormat(
            role=_first(values, _ARRAY_ROLES),
            types=frozenset(VALUE_TYPES[a] for a in values if a in VALUE_TYPES),
            unsupported=_first(values, _UNSUPPORTED_TYPES),
            compression=_first(values, _COMPRESSIONS),
            mobility=_first(values, _ION_MOBILITY),
            inline=values.get(_EXTERNAL_DATA, "true").lower() == "false",
            unknown_group=unknown[0] if unknown else None,
        )

    def _note_format(self, found: ArrayFormat) -> None:
        role = found.role or "other"
        if found.unknown_group is not None:
            text = f"an array refers to the parameter group {_quoted(found.unknown_group)}"
            self._note("unknown group", f"{text}, which the file does not define")
        if found.mobility:
            self._note_mobility(found.mobility)
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

    def _note_mobility(self, term: str) -> None:
        advice = "export the dataset with the mobility dimension summed"
        self._note("mobility", f"carries ion mobility ({term}), which ionbox does not read", advice)


def _first(values: Iterable[str], names: dict[str, str]) -> str | None:
    return next((names[accession] for accession in values if accession in names), None)


def _quoted(text: str) -> str:
    """Show a value of unknown length and content on one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
