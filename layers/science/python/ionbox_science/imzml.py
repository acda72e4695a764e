"""The header of a dataset: everything the imzML file says, as arrays over its spectra."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from itertools import islice
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml_xml import (
    CENTROID,
    CHECKSUMS,
    CONTINUOUS,
    INTENSITY,
    MZ,
    NEGATIVE,
    POSITIVE,
    PROCESSED,
    PROFILE,
    RE_EXPORT,
    TYPE_NAMES,
    UUID,
    ArrayColumns,
    ArrayFormat,
    Defects,
    Head,
    SpectrumReader,
    Tags,
    read_head,
)

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# Beyond these a number is damage, not data; together they keep all byte arithmetic inside int64.
_MAX_COUNT = 2**40
_MAX_OFFSET = 2**56
_MAX_PIXELS = 2**31


@dataclass(frozen=True, eq=False)
class ImzmlHeader:
    """What an imzML file says about its dataset; spectra keep the order of the file.

    Attributes
    ----------
    mode : str
        "processed" (every spectrum has its m/z array) or "continuous" (one for all), as declared;
        inferred from the offsets where the file does not say.
    mz_dtype, intensity_dtype : numpy.dtype
        Little-endian type of the values in the ibd.
    x, y : (n_spectra,) int32, pixels
        Coordinates as in the file.
    mz_offset, intensity_offset : (n_spectra,) int64, bytes
        Where the arrays start in the ibd.
    mz_count, intensity_count : (n_spectra,) int64, elements
        Lengths of the arrays.
    polarity : str or None
        "positive", "negative", or "mixed" where spectra of both are declared.
    spectrum_type : str or None
        "centroid" or "profile"; "profile" if any spectrum is.
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
    warnings : tuple of str
        What looked odd while reading but does not prevent it.
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
    warnings: tuple[str, ...] = ()

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return len(self.x)

    @property
    def n_peaks(self) -> int:
        """Number of peaks declared, zero intensities included."""
        return int(self.mz_count.sum())

    @property
    def width(self) -> int:
        """Pixels in x of the bounding box of all spectra."""
        return int(self.x.max()) - int(self.x.min()) + 1

    @property
    def height(self) -> int:
        """Pixels in y of the bounding box of all spectra."""
        return int(self.y.max()) - int(self.y.min()) + 1

    @property
    def pixel_index(self) -> npt.NDArray[np.uint32]:
        """Row-major pixel of every spectrum in the bounding box, (n_spectra,) uint32."""
        column = self.x.astype(np.int64) - int(self.x.min())
        row = self.y.astype(np.int64) - int(self.y.min())
        return (row * self.width + column).astype(np.uint32)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Pixels that have a spectrum, (height, width) bool."""
        mask = np.zeros(self.height * self.width, dtype=np.bool_)
        mask[self.pixel_index] = True
        return mask.reshape(self.height, self.width)

    @property
    def ends(self) -> Int64Array:
        """One past the last byte that each spectrum's arrays reach, (n_spectra,) int64, bytes."""
        mz = self.mz_offset + self.mz_count * self.mz_dtype.itemsize
        intensity = self.intensity_offset + self.intensity_count * self.intensity_dtype.itemsize
        mz[self.mz_count == 0] = 0
        intensity[self.intensity_count == 0] = 0
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
        values = json.loads(str(arrays["scalars"]))
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        for name in ("mz_dtype", "intensity_dtype"):
            values[name] = np.dtype(values[name])
        columns = {name: arrays[name] for name in arrays if name != "scalars"}
        return ImzmlHeader(**values, **columns)


def read_header(source: bytes, name: str) -> ImzmlHeader:
    """Read an imzML file.

    Parameters
    ----------
    source : bytes
        The whole imzML file.
    name : str
        Its file name, for messages.

    Raises
    ------
    InvalidDataset
        If the file is not sound XML, not imzML, or of a kind ionbox does not read. The message has
        one line per kind of problem and names them all.
    """
    defects = Defects()
    reader = None
    head = Head({}, {}, (), None, None)
    declared_count: str | None = None
    if not source:
        defects.note("xml", "the file is empty (0 bytes)", "copy or upload it again")
    else:
        head, reader, declared_count = _read_spectra(source, defects)
    header = None
    if reader is not None:
        header = _assemble(head, reader, declared_count, defects, name)
    if header is None:
        sentences = defects.sentences(name, lambda index: _line_of_spectrum(source, index))
        raise InvalidDataset("\n".join(sentences))
    return header


def _read_spectra(
    source: bytes, defects: Defects
) -> tuple[Head, SpectrumReader | None, str | None]:
    head, reader, tags = Head({}, {}, (), None, None), None, None
    mzml = spectra = None
    declared_count = None
    for event, element in _events(source, defects):
        if event == "start":
            if mzml is None or element.tag == tags_of(mzml).of("mzML"):
                mzml, tags = element, Tags(element)
    return head, reader, declared_count
