"""The header of a dataset: everything the imzML file says, as arrays over its spectra.

First step of a run: `read_header` makes an `ImzmlHeader` of the bytes of an imzML file, and all
that follows (checks, plan, reading the ibd, placing pixels) goes by it; the XML is not looked at
again. The file is read by `ionbox_science.imzml.scan` if it is as regular as most are, else by
`ionbox_science.imzml.xml`; here their columns become arrays, and what they contradict becomes
defects (the file is refused) or warnings.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.layout import (
    MOST_IMAGE_PIXELS,
    Layout,
    has_gaps_to_close,
    lay_out,
    span,
)
from ionbox_science.imzml.options import ReadOptions
from ionbox_science.imzml.scan import scan_spectra
from ionbox_science.imzml.terms import (
    CENTROID,
    CHECKSUMS,
    CONTINUOUS,
    INTENSITY,
    MZ,
    NEGATIVE,
    POSITIVE,
    PROCESSED,
    PROFILE,
    TYPE_NAMES,
    UUID,
    Head,
)
from ionbox_science.imzml.xml import (
    CENTROIDED,
    PROFILED,
    RE_EXPORT,
    SILENT,
    ArrayColumns,
    ArrayFormat,
    Defects,
    Document,
    kind_of,
    line_of_spectrum,
    parse,
)

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# Beyond these a number is damage, not data; together they keep all byte arithmetic inside int64.
_MAX_COUNT = 2**40
_MAX_OFFSET = 2**56
_MAX_PIXELS = 2**31  # of the bounding box: a position beyond is wrong


@dataclass(frozen=True, eq=False)
class ImzmlHeader:
    """What an imzML file says about its dataset; spectra keep the order of the file.

    Attributes
    ----------
    mode : str
        "continuous" if all spectra share one m/z array in the ibd, else "processed", whatever the
        file declares; a single spectrum is what it is declared to be.
    mz_dtype, intensity_dtype : numpy.dtype
        Little-endian type of the values in the ibd.
    x, y : (n_spectra,) int32, pixels
        Coordinates as in the file.
    mz_offset, intensity_offset : (n_spectra,) int64, bytes
        Where the arrays start in the ibd.
    mz_count, intensity_count : (n_spectra,) int64, elements
        Lengths of the arrays.
    polarity : str or None
        "positive", "negative", or "mixed" where spectra of both are declared; None where the file
        does not say.
    spectrum_type : str or None
        "centroid" or "profile"; "profile" if any spectrum that is read is; None where the file does
        not say.
    uuid : str or None
        32 lower-case hex digits, to compare with the first 16 bytes of the ibd.
    checksum : tuple of (str, str) or None
        Algorithm as named by ``hashlib`` and lower-case hex digest of the ibd, as declared.
    instruments : tuple of str
        Names and values under the instrument configurations: model and analyzer terms.
    resolving_power : float or None
        Declared mass resolving power; at which m/z, imzML does not say.
    declared_size : tuple of (int, int) or None
        Pixels in x and y as declared by the scan settings; never used to place pixels.
    pixel_size_um : tuple of (float, float) or None
        Declared size of a pixel in x and y, micrometres.
    gaps_closed : bool
        Whether images leave out rows and columns between regions far apart
        (`ionbox_science.imzml.layout`).
    other_levels : tuple of (int, int)
        MS levels that are not read, and how many spectra of the file are of each.
    warnings : tuple of str
        What looked odd while reading but does not prevent it.
    picked : (n_spectra,) bool or None
        Spectra whose peaks are picked from their profile when they are read
        (`ionbox_science.imzml.peak_picking`); None if those of no spectrum are.
    """

    mode: str
    mz_dtype: np.dtype[Any]
    intensity_dtype: np.dtype[Any]
    x: Int32Array
    y: Int32Array
    mz_offset: Int64Array
    mz_count: Int64Array
    intensity_offset: Int64Array
    intensity_count: Int64Array
    polarity: str | None = None
    spectrum_type: str | None = None
    uuid: str | None = None
    checksum: tuple[str, str] | None = None
    instruments: tuple[str, ...] = ()
    resolving_power: float | None = None
    declared_size: tuple[int, int] | None = None
    pixel_size_um: tuple[float, float] | None = None
    gaps_closed: bool = False
    other_levels: tuple[tuple[int, int], ...] = ()
    warnings: tuple[str, ...] = ()
    picked: BoolArray | None = None

    @property
    def checksum_algorithm(self) -> str:
        """``hashlib`` name of the algorithm to tell ibd files apart by: the declared, or sha256."""
        return self.checksum[0] if self.checksum else "sha256"

    @property
    def declared_checksum(self) -> str:
        """The ibd's checksum as the imzML declares it, hex digits; empty if it does not."""
        return self.checksum[1] if self.checksum else ""

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return len(self.x)

    @property
    def n_peaks(self) -> int:
        """Number of peaks in all m/z arrays, those of zero intensity included."""
        return int(self.mz_count.sum())

    @functools.cached_property
    def layout(self) -> Layout:
        """Which positions the columns and rows of images are."""
        return lay_out(self.x, self.y, close_gaps=self.gaps_closed)

    @property
    def box(self) -> tuple[int, int]:
        """Width and height, in pixels, of the bounding box of all positions."""
        return span(self.x), span(self.y)

    @property
    def width(self) -> int:
        """Columns of images: those of the bounding box, unless its gaps are closed."""
        return len(self.layout.x)

    @property
    def height(self) -> int:
        """Rows of images."""
        return len(self.layout.y)

    @property
    def pixel_index(self) -> npt.NDArray[np.uint32]:
        """Row-major pixel of every spectrum in images, (n_spectra,) uint32."""
        return self.layout.pixel_index(self.x, self.y)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Pixels that have a spectrum, (height, width) bool."""
        mask = np.zeros(self.height * self.width, dtype=np.bool_)
        mask[self.pixel_index] = True
        return mask.reshape(self.height, self.width)

    @property
    def ends(self) -> Int64Array:
        """One past the last byte that each spectrum's arrays reach, (n_spectra,) int64, bytes."""
        mz = _ends(self.mz_offset, self.mz_count, self.mz_dtype)
        intensity = _ends(self.intensity_offset, self.intensity_count, self.intensity_dtype)
        return np.maximum(mz, intensity)

    @property
    def ibd_end(self) -> int:
        """One past the last byte that any array reaches, bytes."""
        return int(self.ends.max(initial=0))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the header as named arrays, none of which needs pickle to be stored."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        scalars = {name: value for name, value in values.items() if name not in arrays}
        for name in ("mz_dtype", "intensity_dtype"):
            scalars[name] = scalars[name].str
        return {**arrays, "scalars": np.array(json.dumps(scalars))}

    @staticmethod
    def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> ImzmlHeader:
        """Rebuild the header from what `to_arrays` returned."""
        values: dict[str, Any] = {
            name: _as_tuple(value) for name, value in json.loads(str(arrays["scalars"])).items()
        }
        for name in ("mz_dtype", "intensity_dtype"):
            values[name] = np.dtype(values[name])
        values |= {name: arrays[name] for name in arrays if name != "scalars"}
        return ImzmlHeader(**values)


def _as_tuple(value: Any) -> Any:
    """Return a list of JSON, and lists in it, as tuples."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _ends(offset: Int64Array, count: Int64Array, value_type: np.dtype[Any]) -> Int64Array:
    # an empty array reaches nowhere, whatever offset it is given
    return np.where(count > 0, offset + count * value_type.itemsize, 0)


def read_header(source: bytes, name: str, options: ReadOptions | None = None) -> ImzmlHeader:
    """Read an imzML file.

    Parameters
    ----------
    source : bytes
        The whole imzML file.
    name : str
        Its file name, for messages.
    options : ReadOptions, optional
        Which spectra are read, and where they are put; as usual if not given.

    Returns
    -------
    ImzmlHeader
        With one element per spectrum that is read, in the order of the file.

    Raises
    ------
    InvalidDataset
        If the file is not sound XML, not imzML, or of a kind ionbox does not read. The message has
        one line per kind of problem and names them all.

    Notes
    -----
    Most files can be scanned (`scan_spectra`), which is about a hundred times faster than the walk
    (`parse`). Only the walk knows what is wrong with a file.
    """
    defects = Defects()
    # Falls back on the walk for anything odd, so that defects are found and described in one place.
    document = scan_spectra(source) or parse(source, defects)
    options = options or ReadOptions()
    header = None if document is None else _assemble(document, name, options, defects)
    if defects or header is None:
        lines = defects.sentences(name, lambda index: line_of_spectrum(source, index))
        raise InvalidDataset("\n".join(lines))
    return header


def _assemble(
    document: Document, name: str, options: ReadOptions, defects: Defects
) -> ImzmlHeader | None:
    """Turn columns into a header; None if there are no spectra or no type to read values by."""
    spectra, head = document.spectra, document.head
    if spectra.n_spectra == 0:
        return None
    # some exporters write 0 for a level not known
    level = np.maximum(np.array(spectra.level, dtype=np.int64), 1)
    read = level == options.ms_level
    if not read.any():
        defects.note("level", *_why_no_level(level, options.ms_level))
        return None
    z_warnings: list[str] = []
    x = _to_pixels(_coordinates(spectra.x, "x", defects), read, "x", options.pixel_step, defects)
    y = _to_pixels(_coordinates(spectra.y, "y", defects), read, "y", options.pixel_step, defects)
    gaps_closed = _check_grid(x[read], y[read], np.array(spectra.z)[read], z_warnings, defects)
    places = {
        role: [column[read] for column in _places(role, spectra.arrays[role], defects)]
        for role in (MZ, INTENSITY)
    }
    types = {role: _value_type(role, spectra.arrays[role], defects) for role in (MZ, INTENSITY)}
    kind = _spectrum_type(document, read)
    mz_type, intensity_type = types[MZ], types[INTENSITY]
    if mz_type is None or intensity_type is None:
        return None
    if mz_type.kind != "f":
        text = f"the m/z arrays are stored as {TYPE_NAMES[mz_type.str]}"
        defects.note("m/z type", text, "export them as 32-bit or 64-bit float")
    return ImzmlHeader(
        mode=_mode(_declared_mode(head), *places[MZ]),
        mz_dtype=mz_type,
        intensity_dtype=intensity_type,
        x=x[read].astype(np.int32),
        y=y[read].astype(np.int32),
        mz_offset=places[MZ][0],
        mz_count=places[MZ][1],
        intensity_offset=places[INTENSITY][0],
        intensity_count=places[INTENSITY][1],
        polarity=_declared(document, {POSITIVE: "positive", NEGATIVE: "negative"}, "mixed"),
        spectrum_type=kind,
        uuid=_uuid(head),
        checksum=_checksum(head),
        instruments=head.instruments,
        resolving_power=head.resolving_power,
        declared_size=head.declared_size,
        pixel_size_um=head.pixel_size_um,
        gaps_closed=gaps_closed,
        other_levels=_count_levels(level[~read]),
        warnings=tuple(
            f"{name}: {text}." for text in (*z_warnings, *_oddities(document, types, read, level))
        ),
        picked=_to_be_picked(document, read) if options.centroid and kind != "centroid" else None,
    )


def _coordinates(values: array[int], axis: str, defects: Defects) -> Int64Array:
    """Return the coordinates along one axis, those beyond int32 noted and set to 0."""
    found = np.array(values, dtype=np.int64)
    bad = np.abs(found) > np.iinfo(np.int32).max
    _note_each(f"far {axis}", bad, found, f"position {axis} is {{}}, far too large", defects)
    found[bad] = 0  # so that the checks that follow see one defect, not its consequences
    return found


def _to_pixels(
    position: Int64Array, read: npt.NDArray[np.bool_], axis: str, step: int, defects: Defects
) -> Int64Array:
    """Return the pixel, along one axis, of each position; those between two pixels are noted."""
    if step == 1:
        return position
    offset = position - position[read].min()
    between = read & (offset % step != 0)
    text = f"position {axis} is {{}}, which is no multiple of {step} from the first pixel"
    advice = "give the step that the positions have (pixel_step), or correct the file"
    for index in np.flatnonzero(between):
        defects.note(f"step {axis}", text.format(position[index]), advice, int(index))
    pixels: Int64Array = offset // step + 1
    return pixels


def _why_no_level(level: Int64Array, asked: int) -> tuple[str, str]:
    found = ", ".join(f"{n} of MS level {each}" for each, n in _count_levels(level))
    return (
        f"no spectrum is of MS level {asked}, but {found}",
        "give the file of the survey scans, or the level to read (ms_level)",
    )


def _count_levels(level: Int64Array) -> tuple[tuple[int, int], ...]:
    levels, counts = np.unique(level, return_counts=True)
    return tuple(zip(levels.tolist(), counts.tolist(), strict=True))


def _check_grid(
    x: Int64Array, y: Int64Array, z: Int64Array, warnings: list[str], defects: Defects
) -> bool:
    """Note what is wrong with the positions; return whether images leave out their gaps."""
    planes = np.unique(z)
    if len(planes) > 1:
        text = f"the spectra lie in {len(planes)} z planes ({planes[0]} to {planes[-1]})"
        if len(np.unique(np.stack((x, y)), axis=1).T) == len(x):
            warnings.append(f"{text}, no two at the same x and y; ionbox leaves z aside")
        else:
            defects.note("z", text, "ionbox annotates one plane at a time, split the file by z")
    width, height = span(x), span(y)
    if width * height > _MAX_PIXELS:
        text = f"{len(x)} spectra span {width} x {height} pixels, so some position must be wrong"
        defects.note("grid", text, "correct the positions, or split the dataset by region")
        return False
    close_gaps = has_gaps_to_close(x, y)
    images = lay_out(x, y, close_gaps=close_gaps)
    size = f"{len(images.x):,} x {len(images.y):,}"
    if images.n_pixels > MOST_IMAGE_PIXELS:
        without = " without their gaps" if close_gaps else ""
        text = (
            f"{len(x):,} spectra span {width:,} x {height:,} pixels, and images{without} would be "
            f"{size}, more than the {MOST_IMAGE_PIXELS:,} pixels that ionbox draws"
        )
        advice = (
            "give the step of the positions if they are no numbers of pixels (pixel_step), or "
            "split the dataset by region"
        )
        defects.note("grid", text, advice)
    elif close_gaps:
        warnings.append(
            f"the {len(x):,} spectra lie far apart in {width:,} x {height:,} pixels; images are "
            f"{size} and leave out rows and columns between them, which changes no score"
        )
    return close_gaps


def _places(role: str, columns: ArrayColumns, defects: Defects) -> tuple[Int64Array, Int64Array]:
    """Return the arrays' offsets in bytes and lengths in elements, impossible ones noted."""
    offset = _unwrap(np.array(columns.offset, dtype=np.int64))
    count = np.array(columns.count, dtype=np.int64)
    sorts = ("external offset", offset, _MAX_OFFSET), ("length", count, _MAX_COUNT)
    for what, values, limit in sorts:
        bad = (values < 0) | (values > limit)
        text = f"the {what} of the {role} array is {{}}, which cannot be"
        _note_each(f"impossible {role} {what}", bad, values, text, defects)
    return offset, count


def _unwrap(offset: Int64Array) -> Int64Array:
    """Undo the wrap of exporters that count bytes in a signed 32-bit integer.

    Offsets of a file beyond 2 GiB then fall from nearly 2**31 to nearly -2**31. pyimzml adds 2**32
    at any step from positive to negative; here only at one that a wrap explains, so that a single
    wrong offset does not move all that follow.
    """
    wraps = np.diff(offset, prepend=offset[0]) < -(2**31)
    wraps &= (offset < 0) & (offset >= -(2**31))
    return offset + np.cumsum(wraps) * 2**32


def _note_each(
    kind: str, bad: npt.NDArray[np.bool_], values: Int64Array, text: str, defects: Defects
) -> None:
    for index in np.flatnonzero(bad):
        defects.note(kind, text.format(values[index]), RE_EXPORT, int(index))


def _value_type(role: str, columns: ArrayColumns, defects: Defects) -> np.dtype[Any] | None:
    """Settle on the one type of all arrays of a role; None, and a defect, if it is not known."""
    chosen: dict[str, int] = {}
    for found, index in columns.formats.items():
        types = found.types if len(found.types) == 1 else _fitting_types(found, columns)
        if len(types) == 1:
            chosen.setdefault(next(iter(types)), index)
        elif found.unsupported is None:
            defects.note(f"{role} type", _why_no_type(role, found), RE_EXPORT, index)
    if len(chosen) > 1:
        (first, _), (second, index) = list(chosen.items())[:2]
        text = f"the {role} array is {TYPE_NAMES[second]}, but {TYPE_NAMES[first]} in others"
        defects.note(f"{role} types", text, "export all spectra with one data type", index)
    return np.dtype(next(iter(chosen))) if chosen else None


def _fitting_types(found: ArrayFormat, columns: ArrayColumns) -> frozenset[str]:
    """Return those of several declared types whose size explains every encoded length."""
    count, encoded = np.array(columns.count), np.array(columns.encoded)
    return frozenset(
        t for t in found.types if np.array_equal(encoded, count * np.dtype(t).itemsize)
    )


def _why_no_type(role: str, found: ArrayFormat) -> str:
    if not found.types:
        return f"the {role} array declares no data type"
    names = " and ".join(TYPE_NAMES[t] for t in sorted(found.types))
    return f"the {role} array is declared as {names}, and its encoded length does not tell which"


def _mode(declared: str | None, offset: Int64Array, count: Int64Array) -> str:
    # By what is stored: some files declare one mode and have the other.
    if len(offset) == 1:
        return declared or "processed"
    shared = bool((offset == offset[0]).all() and (count == count[0]).all())
    return "continuous" if shared else "processed"


def _declared_mode(head: Head) -> str | None:
    modes = {CONTINUOUS: "continuous", PROCESSED: "processed"}
    declared = [mode for accession, mode in modes.items() if accession in head.file_terms]
    return declared[0] if len(declared) == 1 else None


def _declared(document: Document, meanings: dict[str, str], both: str) -> str | None:
    """Return what the file declares of two meanings, or ``both``; None if it declares neither.

    Spectra are asked first; if they say nothing, fileContent; then any parameter group there is.
    """
    head, spectra = document.head, document.spectra
    of_groups = {ref: {term.accession for term in head.groups[ref]} for ref in head.groups}
    of_spectra = spectra.terms.union(*(of_groups.get(ref, set()) for ref in spectra.group_refs))
    for terms in (of_spectra, head.file_terms.keys(), set().union(*of_groups.values())):
        found = {meaning for accession, meaning in meanings.items() if accession in terms}
        if found:
            return both if len(found) > 1 else found.pop()
    return None


def _spectrum_type(document: Document, read: BoolArray) -> str | None:
    """Return "profile" if any spectrum that is read says so, else "centroid"; None if none says.

    Where all are silent, the file is asked as in `_declared`.
    """
    said = set(np.array(document.spectra.kind)[read].tolist())
    if said == {SILENT}:
        return _declared(document, {PROFILE: "profile", CENTROID: "centroid"}, "profile")
    return "profile" if PROFILED in said else "centroid"


def _to_be_picked(document: Document, read: BoolArray) -> BoolArray:
    """Return which of the spectra that are read are profiles, or may be, as they do not say."""
    kind = np.array(document.spectra.kind)[read]
    silent_are_centroided = kind_of(document.head.file_terms) == CENTROIDED
    picked: BoolArray = kind == PROFILED
    return picked if silent_are_centroided else picked | (kind == SILENT)


def _uuid(head: Head) -> str | None:
    digits = re.sub(r"[{}\s-]", "", head.file_terms.get(UUID, "")).lower()
    return digits if re.fullmatch(r"[0-9a-f]{32}", digits) else None


def _checksum(head: Head) -> tuple[str, str] | None:
    """Return the strongest checksum declared that has the right number of digits."""
    for accession, algorithm in CHECKSUMS.items():
        digits = head.file_terms.get(accession, "").strip().lower()
        n_digits = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
        if re.fullmatch(r"[0-9a-f]+", digits) and len(digits) == n_digits:
            return algorithm, digits
    return None


def _oddities(
    document: Document,
    types: Mapping[str, np.dtype[Any] | None],
    read: npt.NDArray[np.bool_],
    level: Int64Array,
) -> Iterator[str]:
    """Yield a warning for each false statement of the file that changes nothing that is read."""
    spectra = document.spectra
    for other, n in _count_levels(level[~read]):
        yield (
            f"{n} of {spectra.n_spectra} spectra are of MS level {other} and are left out; a "
            f"setting, ms_level, says which level is read"
        )
    for term, n in sorted(spectra.mobility.items()):
        yield (
            f"{n} of {spectra.n_spectra} spectra have {term}, which ionbox leaves aside: peaks of "
            "all mobilities count"
        )
    if spectra.n_without_arrays:
        yield (
            f"{spectra.n_without_arrays} of {spectra.n_spectra} spectra have no arrays; they are "
            "pixels without peaks"
        )
    if document.declared_count not in (None, str(spectra.n_spectra)):
        yield (
            f"the spectrum list declares {document.declared_count} spectra but has "
            f"{spectra.n_spectra}; check that the export was complete"
        )
    for role, columns in spectra.arrays.items():
        value_type = types[role]
        if value_type is None:
            continue
        encoded, count = np.array(columns.encoded), np.array(columns.count)
        wrong = np.flatnonzero((encoded >= 0) & (encoded != count * value_type.itemsize))
        if len(wrong):
            i = wrong[0]
            yield (
                f"{len(wrong)} of {spectra.n_spectra} spectra (first: spectrum index {i}) give an "
                f"encoded length of the {role} array that is not its length times "
                f"{value_type.itemsize} bytes ({encoded[i]} for {count[i]} values); ionbox goes "
                "by the length"
            )
