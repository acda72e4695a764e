"""Peaks of an ibd file: single spectra as they are stored, or many as columns.

Peaks are read as METASPACE's engine reads them (annotation/imzml_reader.py): only intensities above
zero count, tested before they become 32-bit floats; m/z values stay what they are in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader, Int64Array
from ionbox_science.imzml.ibd import (
    MAX_GAP,
    ReadRange,
    StoredArrays,
    WatchPiece,
    read_arrays,
    split_into_blocks,
    widest_gap,
)
from ionbox_science.kernel_calls import KernelStruct, fill_struct

__all__ = [
    "Peaks",
    "ReadRange",
    "contiguous_peaks",
    "peak_columns",
    "read_peaks",
    "read_shared_mz",
    "read_spectrum",
    "read_stored",
]


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


def contiguous_peaks(peaks: Peaks) -> Peaks:
    """Return peaks as kernels take them, copied only where they are not; m/z stay as wide."""
    return Peaks(
        np.ascontiguousarray(peaks.mz, np.float32 if peaks.mz.dtype == np.float32 else np.float64),
        np.ascontiguousarray(peaks.intensity, np.float32),
        np.ascontiguousarray(peaks.pixel, np.uint32),
    )


def peak_columns(peaks: Peaks) -> KernelStruct:
    """Return ``struct peak_columns`` of contiguous peaks, for kernels to read or to fill.

    Raises
    ------
    ValueError
        If the columns do not have the same length.
    """
    shapes = {column.shape for column in (peaks.mz, peaks.intensity, peaks.pixel)}
    if len(shapes) > 1:
        raise ValueError(f"columns of different lengths: {sorted(shapes)}")
    return fill_struct(
        "peak_columns",
        mz=peaks.mz,
        intensity=peaks.intensity,
        pixel=peaks.pixel,
        n_rows=len(peaks),
        mz_bytes=peaks.mz.itemsize,
    )


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
    one = slice(index, index + 1)
    arrays = read_stored(header, read_range, one)
    (mz,) = arrays.views(header.mz_count[one], header.mz_dtype)
    (intensity,) = arrays.views(header.intensity_count[one], header.intensity_dtype, first=1)
    return mz, intensity


def read_peaks(
    header: ImzmlHeader,
    read_range: ReadRange,
    first: int = 0,
    stop: int | None = None,
    block_bytes: int = 32 * 1024 * 1024,
) -> Peaks:
    """Read the peaks above zero of a range of spectra.

    Parameters
    ----------
    header : ImzmlHeader
        Of a dataset that passed `ionbox_science.imzml.checks.check_dataset`.
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
    chosen = slice(*slice(first, stop).indices(header.n_spectra))
    pixels = header.pixel_index
    n_declared = int(header.mz_count[chosen].sum())
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
        pixel[here] = np.repeat(pixels[block], header.mz_count[block])[keep]
        n_kept = here.stop
    return Peaks(mz[:n_kept], intensity[:n_kept], pixel[:n_kept])


def _read_blocks(
    header: ImzmlHeader, read_range: ReadRange, chosen: slice, block_bytes: int
) -> Iterator[tuple[slice, npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield (spectra, their m/z values, their intensities) block by block."""
    mz_bytes = header.mz_count[chosen] * header.mz_dtype.itemsize
    intensity_bytes = header.intensity_count[chosen] * header.intensity_dtype.itemsize
    shared = read_shared_mz(header, read_range, chosen)
    for block in split_into_blocks(mz_bytes + intensity_bytes, block_bytes, chosen.start):
        n = block.stop - block.start
        gap = widest_gap(block_bytes, n)
        arrays = read_stored(header, read_range, block, gap, with_mz=shared is None)
        if shared is not None:
            mz, first = np.tile(shared, n), 0
        else:
            mz, first = _join(arrays, header.mz_count[block], header.mz_dtype), n
        yield block, mz, _join(arrays, header.intensity_count[block], header.intensity_dtype, first)


def _join(
    arrays: StoredArrays, counts: Int64Array, value_type: np.dtype[Any], first: int = 0
) -> npt.NDArray[Any]:
    return np.concatenate(list(arrays.views(counts, value_type, first)))


# --- arrays as they are stored --------------------------------------------------------------------


def read_shared_mz(
    header: ImzmlHeader,
    read_range: ReadRange,
    chosen: slice = slice(None),
    watch: WatchPiece | None = None,
) -> npt.NDArray[np.floating[Any]] | None:
    """Read the m/z array that all chosen spectra share, if they do, whatever mode is declared."""
    offset, count = header.mz_offset[chosen], header.mz_count[chosen]
    if len(offset) < 2 or (offset != offset[0]).any() or (count != count[0]).any():
        return None
    n_bytes = count[:1] * header.mz_dtype.itemsize
    arrays = read_arrays(read_range, offset[:1], n_bytes, watch=watch)
    (shared,) = arrays.views(count[:1], header.mz_dtype)
    return shared


def read_stored(
    header: ImzmlHeader,
    read_range: ReadRange,
    chosen: slice,
    max_gap: int = MAX_GAP,
    watch: WatchPiece | None = None,
    *,
    with_mz: bool = True,
) -> StoredArrays:
    """Read the arrays of spectra, those that lie near each other together.

    Returns
    -------
    StoredArrays
        The m/z of all chosen spectra, if wanted, then the intensities of all.
    """
    offset = header.intensity_offset[chosen]
    n_bytes = header.intensity_count[chosen] * header.intensity_dtype.itemsize
    if with_mz:
        mz_bytes = header.mz_count[chosen] * header.mz_dtype.itemsize
        offset = np.concatenate((header.mz_offset[chosen], offset))
        n_bytes = np.concatenate((mz_bytes, n_bytes))
    return read_arrays(read_range, offset, n_bytes, max_gap, watch)
