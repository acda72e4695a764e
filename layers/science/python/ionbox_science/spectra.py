"""Peaks of an ibd file: single spectra as they are stored, or many as columns.

Peaks are read as METASPACE's engine reads them (annotation/imzml_reader.py): only intensities above
zero count, tested before they become 32-bit floats; m/z values stay what they are in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import ImzmlHeader, Int64Array

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

ReadRange: TypeAlias = "Callable[[int, int], Buffer]"
"""Reads (offset, length), both in bytes, of the ibd."""

# Reading this much for nothing costs less than another request to an object store.
_MAX_GAP = 256 * 1024


@dataclass(frozen=True, eq=False)
class Peaks:
    """Measured peaks as parallel columns.

    Attributes
    ----------
    mz : (n_peaks,) float32 or float64 as in the ibd
        Mass-to-charge ratios.
    intensity : (n_peaks,) float32, counts
        All above zero when read from a file, unless too small for float32.
    pixel : (n_peaks,) uint32
        Row-major pixel in the dataset's bounding box.
    """

    mz: npt.NDArray[np.floating[Any]]
    intensity: npt.NDArray[np.float32]
    pixel: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.mz)


def read_spectrum(
    header: ImzmlHeader, index: int, read_range: ReadRange
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[Any]]:
    """Read one spectrum as it is stored.

    Returns
    -------
    mz, intensity : (n_peaks,) arrays
        In file order and of the file's types; they may be read-only views.

    Raises
    ------
    InvalidDataset
        If the ibd ends before the spectrum does.
    """
    offset = np.array([header.mz_offset[index], header.intensity_offset[index]])
    counts = [int(header.mz_count[index]), int(header.intensity_count[index])]
    types = (header.mz_dtype, header.intensity_dtype)
    n_bytes = np.array([n * t.itemsize for n, t in zip(counts, types, strict=True)])
    arrays = _fetch(read_range, offset, n_bytes, _MAX_GAP)
    mz, intensity = (
        np.frombuffer(buffer, value_type, count, position) if count else np.empty(0, value_type)
        for (buffer, position), count, value_type in zip(arrays, counts, types, strict=True)
    )
    return mz, intensity


def read_peaks(
    header: ImzmlHeader,
    read_range: ReadRange,
    first: int = 0,
    stop: int | None = None,
    block_bytes: int = 32 * 1024 * 1024,
) -> Peaks:
    """Read the peaks above zero of a run of spectra.

    Parameters
    ----------
    header : ImzmlHeader
        Of a dataset that passed `ionbox_science.dataset_checks.check_dataset`.
    read_range : ReadRange
        Reads the ibd.
    first, stop : int
        Spectrum indices, ``stop`` not included; None means to the end.
    block_bytes : int
        Arrays are read and decoded together up to this size; a longer one is read alone. One
        request covers at most two blocks: arrays of one block and gaps between them.

    Returns
    -------
    Peaks
        Spectra in file order, peaks within a spectrum in file order. Intensities of NaN are
        dropped, those of infinity kept.

    Raises
    ------
    InvalidDataset
        If the ibd ends too early.

    Notes
    -----
    Memory: 12 or 16 bytes per peak of the result, and about four blocks.
    """
    chosen = slice(first, stop)
    counts = header.mz_count[chosen]
    pixels = header.pixel_index[chosen]
    n_declared = int(counts.sum())
    mz = np.empty(n_declared, header.mz_dtype.newbyteorder("="))
    intensity = np.empty(n_declared, np.float32)
    pixel = np.empty(n_declared, np.uint32)
    n_kept = 0
    for block, block_mz, block_intensity in _read_blocks(header, read_range, chosen, block_bytes):
        keep = block_intensity > 0
        here = slice(n_kept, n_kept + int(np.count_nonzero(keep)))
        mz[here] = block_mz[keep]
        with np.errstate(over="ignore", under="ignore"):
            intensity[here] = block_intensity[keep]
        pixel[here] = np.repeat(pixels[block], counts[block])[keep]
        n_kept = here.stop
    return Peaks(mz[:n_kept], intensity[:n_kept], pixel[:n_kept])


def sum_intensity(peaks: Peaks, n_pixels: int) -> npt.NDArray[np.float64]:
    """Sum intensities per pixel, the total ion current: (n_pixels,) float64, counts."""
    total = np.bincount(peaks.pixel, weights=peaks.intensity, minlength=n_pixels)
    return total.astype(np.float64, copy=False)


def _read_blocks(
    header: ImzmlHeader, read_range: ReadRange, chosen: slice, block_bytes: int
) -> Iterator[tuple[slice, npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield (spectra relative to the run, their m/z values, their intensities) block by block."""
    mz_offset, mz_count = header.mz_offset[chosen], header.mz_count[chosen]
    intensity_offset, count = header.intensity_offset[chosen], header.intensity_count[chosen]
    mz_bytes = mz_count * header.mz_dtype.itemsize
    intensity_bytes = count * header.intensity_dtype.itemsize
    shared = _read_shared_mz(header, read_range, chosen)
    for block in _split(intensity_bytes + mz_bytes, block_bytes):
        n = len(count[block])
        max_gap = min(_MAX_GAP, block_bytes // (2 * n))
        if shared is not None:
            arrays = _fetch(read_range, intensity_offset[block], intensity_bytes[block], max_gap)
            mz = np.tile(shared, n)
        else:
            offset = np.concatenate((mz_offset[block], intensity_offset[block]))
            n_bytes = np.concatenate((mz_bytes[block], intensity_bytes[block]))
            arrays = _fetch(read_range, offset, n_bytes, max_gap)
            mz = _decode(arrays[:n], mz_count[block], header.mz_dtype)
        yield block, mz, _decode(arrays[-n:], count[block], header.intensity_dtype)


def _read_shared_mz(
    header: ImzmlHeader, read_range: ReadRange, chosen: slice
) -> npt.NDArray[Any] | None:
    """Read the m/z array that all chosen spectra share, if they do, whatever mode is declared."""
    offset, count = header.mz_offset[chosen], header.mz_count[chosen]
    if len(offset) < 2 or (offset != offset[0]).any() or (count != count[0]).any():
        return None
    one = slice(0, 1)
    arrays = _fetch(read_range, offset[one], count[one] * header.mz_dtype.itemsize, 0)
    return _decode(arrays, count[one], header.mz_dtype)


def _split(n_bytes: Int64Array, block_bytes: int) -> Iterator[slice]:
    """Cut spectra into runs of at most ``block_bytes``, each of at least one spectrum."""
    ends = np.cumsum(n_bytes)
    start = 0
    while start < len(n_bytes):
        before = int(ends[start - 1]) if start else 0
        fit = int(np.searchsorted(ends, before + block_bytes, side="right"))
        stop = max(fit, start + 1)
        yield slice(start, stop)
        start = stop


def _fetch(
    read_range: ReadRange, offset: Int64Array, n_bytes: Int64Array, max_gap: int
) -> list[tuple[memoryview, int]]:
    """Read many pieces in few requests.

    Pieces that overlap, or lie no more than ``max_gap`` bytes apart, are read together.

    Returns
    -------
    list of (buffer, position)
        For every piece, in the order asked for, where its first byte is.
    """
    pieces: list[tuple[memoryview, int]] = [(memoryview(b""), 0)] * len(offset)
    order = np.argsort(offset, kind="stable")
    order = order[n_bytes[order] > 0]
    if not len(order):
        return pieces
    start = offset[order]
    reach = np.maximum.accumulate(start + n_bytes[order])
    opens = np.flatnonzero(start[1:] > reach[:-1] + max_gap) + 1
    opens = np.concatenate(([0], opens))
    closes = np.concatenate((opens[1:], [len(order)]))
    for open_, close in zip(opens.tolist(), closes.tolist(), strict=True):
        base = int(start[open_])
        buffer = _read_exactly(read_range, base, int(reach[close - 1]) - base)
        positions = (start[open_:close] - base).tolist()
        for piece, position in zip(order[open_:close].tolist(), positions, strict=True):
            pieces[piece] = buffer, position
    return pieces


def _read_exactly(read_range: ReadRange, offset: int, length: int) -> memoryview:
    buffer = memoryview(read_range(offset, length))
    if buffer.nbytes != length:
        raise InvalidDataset(
            f"The ibd gave {buffer.nbytes} of the {length} bytes at offset {offset}; it is "
            "truncated or was replaced while being read: upload imzML and ibd again."
        )
    return buffer


def _decode(
    pieces: list[tuple[memoryview, int]], counts: Int64Array, value_type: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Join pieces into one array of the machine's own byte order."""
    joined = np.empty(int(counts.sum()), value_type.newbyteorder("="))
    filled = 0
    for (buffer, position), count in zip(pieces, counts.tolist(), strict=True):
        if count:
            joined[filled : filled + count] = np.frombuffer(buffer, value_type, count, position)
            filled += count
    return joined
