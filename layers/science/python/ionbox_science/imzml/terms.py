"""The vocabulary of imzML, and what a file says before its first spectrum.

In: the XML elements before ``<run>``. Out: a `Head`, with what `ionbox_science.imzml.header` makes
a part of the dataset's header (instrument, declared sizes, checksum) and the parameter groups that
the spectra refer to. The tables of accessions are shared with `ionbox_science.imzml.xml` and
`scan`.

Accessions are those of the PSI-MS and imaging MS vocabularies (psi-ms.obo, imagingMS.obo) as used
by the imzML 1.1.0 specification, https://ms-imaging.org/imzml/.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from pyimzml.ontology.ontology import ACCESSION_FIX_MAPPING

MZ, INTENSITY = "m/z", "intensity"
"""Roles of arrays, as messages name them."""

CENTROID, PROFILE = "MS:1000127", "MS:1000128"
NEGATIVE, POSITIVE = "MS:1000129", "MS:1000130"
CONTINUOUS, PROCESSED = "IMS:1000030", "IMS:1000031"
UUID = "IMS:1000080"
CHECKSUMS = {"IMS:1000092": "sha256", "IMS:1000091": "sha1", "IMS:1000090": "md5"}
"""The strongest first, as ``hashlib`` names them."""

VALUE_TYPES = {
    "MS:1000521": "<f4",
    "MS:1000523": "<f8",
    "MS:1000519": "<i4",
    "MS:1000522": "<i8",
    "IMS:1000141": "<i4",
    "IMS:1000142": "<i8",
}
"""numpy types of values that ionbox reads; imzML stores them little-endian."""
TYPE_NAMES = {
    "<f4": "32-bit float",
    "<f8": "64-bit float",
    "<i4": "32-bit integer",
    "<i8": "64-bit integer",
}
UNSUPPORTED_TYPES = {
    "MS:1000520": "16-bit float",
    "MS:1001479": "null-terminated ASCII string",
    "IMS:1100000": "8-bit integer",
    "IMS:1100001": "16-bit integer",
}
COMPRESSIONS = {
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
ION_MOBILITY = {
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
ARRAY_ROLES = {"MS:1000514": MZ, "MS:1000515": INTENSITY}
EXTERNAL_DATA = "IMS:1000101"
OFFSET, COUNT, ENCODED = "IMS:1000102", "IMS:1000103", "IMS:1000104"
PLACES = frozenset((OFFSET, COUNT, ENCODED))
MS_LEVEL = "MS:1000511"
SPECTRUM_LEVELS = {"MS:1000579": 1, "MS:1000580": 2}
"""MS1 spectrum, MSn spectrum: what they mean where no level is given."""
POSITION_X, POSITION_Y, POSITION_Z = "IMS:1000050", "IMS:1000051", "IMS:1000052"
_MAX_X, _MAX_Y = "IMS:1000042", "IMS:1000043"
_PIXEL_X, _PIXEL_Y = "IMS:1000046", "IMS:1000047"
# micrometres in a millimetre, a micrometre, a nanometre (Units of Measurement Ontology)
_MICROMETRES = {"UO:0000016": 1e3, "UO:0000017": 1.0, "UO:0000018": 1e-3}
SPECTRUM_TERMS = frozenset((CENTROID, PROFILE, NEGATIVE, POSITIVE))
_INSTRUMENT_MODEL, _SERIAL_NUMBER = "MS:1000031", "MS:1000529"
# mass resolving power (two accessions) and mass resolution; the first found counts
_RESOLVING_POWERS = ("MS:1000800", "MS:1000234", "MS:1000011")


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
        """Return a path of element names with the namespace, as ``find`` takes it."""
        return "/".join(self.namespace + step for step in path)


@dataclass(frozen=True)
class Term:
    """One cvParam: a term of a vocabulary, and its value where it has one, else empty text."""

    accession: str
    name: str
    value: str

    @staticmethod
    def of(element: Element) -> Term:
        """Read a cvParam.

        Some exporters write a name with the accession of another term; where pyimzml knows of such
        a pair, the name counts.
        """
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
    pixel_size_um: tuple[float, float] | None  # in x and y


def read_head(mzml: Element, tags: Tags) -> Head:
    """Read the children of ``<mzML>`` that come before ``<run>``."""
    groups = {
        group.get("id", ""): tuple(Term.of(child) for child in group.iterfind(tags.cv_param))
        for group in mzml.iterfind(tags.of("referenceableParamGroupList", "*"))
    }
    content = mzml.find(tags.of("fileDescription", "fileContent"))
    file_terms = {} if content is None else _terms(content, tags, groups)
    configurations = mzml.findall(tags.of("instrumentConfigurationList", "instrumentConfiguration"))
    names = _instrument_names(configurations, tags, groups)
    return Head(
        file_terms=file_terms,
        groups=groups,
        instruments=tuple(name for name in dict.fromkeys(names) if name),
        resolving_power=_resolving_power(configurations, tags),
        declared_size=_declared_size(mzml, tags, groups),
        pixel_size_um=_pixel_size(mzml, tags),
    )


def _terms(element: Element, tags: Tags, groups: dict[str, tuple[Term, ...]]) -> dict[str, str]:
    """Return values by accession, of the groups that an element refers to and of its own cvParams.

    Where both have a term, its own counts.
    """
    found = {}
    for ref in element.iterfind(tags.group_ref):
        found.update({term.accession: term.value for term in groups.get(ref.get("ref", ""), ())})
    for child in element.iterfind(tags.cv_param):
        term = Term.of(child)
        found[term.accession] = term.value
    return found


def _instrument_names(
    configurations: list[Element], tags: Tags, groups: dict[str, tuple[Term, ...]]
) -> Iterator[str]:
    """Yield names and values that may tell the instrument's model or analyzer, in file order."""
    for configuration in configurations:
        described = [
            term
            for ref in configuration.iterfind(tags.group_ref)
            for term in groups.get(ref.get("ref", ""), ())
        ]
        for tag in (tags.cv_param, tags.of("userParam")):
            described += [Term.of(child) for child in configuration.iterfind(tag)]
        for term in described:
            if term.accession == _INSTRUMENT_MODEL:
                yield term.value
            elif term.accession != _SERIAL_NUMBER:
                yield from (term.name, term.value)
        for child in configuration.iterfind(tags.of("componentList", "analyzer", "cvParam")):
            if not child.get("value"):  # with a value it is a property such as accuracy
                yield child.get("name", "")


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
    """Return pixels in x and y; of several scan settings the largest: each may be one region."""
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


def _pixel_size(mzml: Element, tags: Tags) -> tuple[float, float] | None:
    """Return micrometres in x and y; None if scan settings say nothing or contradict each other.

    Where y is missing, pixels are square.
    """
    sizes = set()
    for settings in mzml.iterfind(tags.of("scanSettingsList", "scanSettings")):
        terms = {term.get("accession"): term for term in settings.iterfind(tags.cv_param)}
        x = _micrometres(terms.get(_PIXEL_X))
        y = _micrometres(terms.get(_PIXEL_Y)) if _PIXEL_Y in terms else x
        sizes.add((x, y))
    (x, y), *others = sizes or {(None, None)}
    return None if others or x is None or y is None else (x, y)


def _micrometres(element: Element | None) -> float | None:
    if element is None:
        return None
    unit = element.get("unitAccession")
    try:
        length = float(element.get("value", "")) * _MICROMETRES.get(unit or "UO:0000017", math.nan)
    except ValueError:
        return None
    # a bare 1, without a unit, is what exporters write that do not know the size
    known = 0 < length < math.inf and (unit is not None or length != 1)
    return float(f"{length:.6g}") if known else None
