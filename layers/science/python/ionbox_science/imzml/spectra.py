"""Peaks of an ibd file: single spectra as they are stored, or many as columns.

In: a header, and a function that reads the ibd. Out: the arrays of spectra, or `Peaks`, the columns
(m/z, intensity, pixel) in which measured peaks travel from here through sorting to scoring. A run
sorts straight from the stored bytes (`read_stored`); `read_peaks` is for samples and tests.

Peaks are read as METASPACE's engine reads them (annotation/imzml_reader.py): only intensities above
zero count, tested before they become 32-bit floats; m/z values stay what they are in the file. Of
spectra that the header says are to be picked, the peaks are picked first (`pick_stored`).
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
    split_into_batches,
    widest_gap,
)
from ionbox_science.imzml.peak_picking import PICKED_INTENSITY, PickedSpectra, pick_peaks
from ionbox_science.kernel_calls import KernelStruct, fill_struct

__all__ = [
    "INTENSITY_TYPES",
    "Peaks",
    "ReadRange",
    "contiguous_peaks",
    "describe_spectra",
    "peak_columns",
    "pick_stored",
    "read_peaks",
    "read_shared_mz",
    "read_spectrum",
    "read_stored",
]

INTENSITY_TYPES = {"<f4": 0, "<f8": 1, "<i4": 2, "<i8": 3}  # spectra.h


@dataclass(frozen=True, eq=False)
class Peaks:
    """Measured peaks as parallel columns.

    Attributes
    ----------
    mz : (n_peaks,) float32 or float64 as in the ibd
        Mass-to-charge ratios, Da per elementary charge.
    intensity : (n_peaks,) float32, counts
        Above zero in the file; one too small for float32 has become 0 here, one too large infinity.
    pixel : (n_peaks,) uint32
        Row-major pixel in the dataset's bounding box.
    """

    mz: npt.NDArray[np.floating[Any]]
    intensity: npt.NDArray[np.float32]
    pixel: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.mz)


def contiguous_peaks(peaks: Peaks) -> Peaks:
    """Return peaks as kernels take them: contiguous columns, m/z of float32 or float64.

    Columns that are so already are not copied.
    """
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

    Parameters
    ----------
    header : ImzmlHeader
        Header of the dataset.
    index : int
        Spectrum, in the order of the file.
    read_range : ReadRange
        Reads the ibd.

    Returns
    -------
    mz, intensity : (n_peaks,) arrays
        In the order and of the types of the file, intensities of zero included; they may be
        read-only views.

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
    batch_bytes: int = 32 * 1024 * 1024,
    watch: WatchPiece | None = None,
) -> Peaks:
    """Read the peaks above zero of a range of spectra.

    Parameters
    ----------
    header : ImzmlHeader
        Header of a dataset that passed `ionbox_science.imzml.checks.check_dataset`.
    read_range : ReadRange
        Reads the ibd.
    first, stop : int
        Spectrum indices, ``stop`` not included; None means to the end.
    batch_bytes : int
        Arrays are read and decoded together up to this size; a longer one is read alone. One
        request covers at most two batches: arrays of one batch and gaps between them.
    watch : callable, optional
        Called with every piece that is read, within a batch by ascending offset.

    Returns
    -------
    Peaks
        Spectra in file order, peaks within a spectrum in file order. Intensities of NaN are
        dropped, those of infinity kept.

    Raises
    ------
    InvalidDataset
        If the ibd ends before a spectrum does.

    Notes
    -----
    Memory: 12 or 16 bytes per declared peak of the range, and about four batches.
    """
    chosen = slice(*slice(first, stop).indices(header.n_spectra))
    # of these alone: whoever samples calls this for many single spectra
    pixels = header.layout.pixel_index(header.x[chosen], header.y[chosen])
    n_declared = int(header.mz_count[chosen].sum())
    mz = np.empty(n_declared, header.mz_dtype.newbyteorder("="))
    intensity = np.empty(n_declared, np.float32)
    pixel = np.empty(n_declared, np.uint32)
    n_kept = 0
    for batch, counts, batch_mz, batch_intensity in _read_batches(
        header, read_range, chosen, batch_bytes, watch
    ):
        keep = batch_intensity > 0  # before the cast below, which can round to zero
        here = slice(n_kept, n_kept + int(np.count_nonzero(keep)))
        mz[here] = batch_mz[keep]
        # beyond float32 they become infinity or 0, which is no reason for a warning per batch
        with np.errstate(over="ignore", under="ignore"):
            intensity[here] = batch_intensity[keep]
        pixel[here] = np.repeat(
            pixels[batch.start - chosen.start : batch.stop - chosen.start], counts
        )[keep]
        n_kept = here.stop
    return Peaks(mz[:n_kept], intensity[:n_kept], pixel[:n_kept])


def read_peak_mz(
    header: ImzmlHeader,
    read_range: ReadRange,
    chosen: Int64Array,
    batch_bytes: int = 1 << 20,
) -> npt.NDArray[np.floating[Any]]:
    """Read the m/z of the peaks of a few spectra that lie apart, and nothing between them.

    Parameters
    ----------
    header, read_range
        As of `read_peaks`.
    chosen : (n_chosen,) int64
        The spectra; one at least.
    batch_bytes : int
        Spectra are decoded together up to this size; a longer one is decoded alone.

    Returns
    -------
    (n_peaks,) float32 or float64
        What `read_peaks` returns for one of them after the other.

    Raises
    ------
    InvalidDataset
        If the ibd ends before a spectrum does.

    Notes
    -----
    Memory: the result twice, and two batches.
    """
    if header.picked is not None:
        found = [read_peaks(header, read_range, index, index + 1).mz for index in chosen.tolist()]
        return np.concatenate(found)
    mz_count, intensity_count = header.mz_count[chosen], header.intensity_count[chosen]
    mz_bytes = mz_count * header.mz_dtype.itemsize
    intensity_bytes = intensity_count * header.intensity_dtype.itemsize
    found = []
    for batch in split_into_batches(mz_bytes + intensity_bytes, batch_bytes):
        spectra = chosen[batch]
        offset = np.concatenate((header.mz_offset[spectra], header.intensity_offset[spectra]))
        n_bytes = np.concatenate((mz_bytes[batch], intensity_bytes[batch]))
        arrays = read_arrays(read_range, offset, n_bytes, max_gap=0)
        mz = _join(arrays, mz_count[batch], header.mz_dtype)
        intensity = _join(arrays, intensity_count[batch], header.intensity_dtype, len(spectra))
        found.append(mz[intensity > 0])
    return np.concatenate(found)


def _read_batches(
    header: ImzmlHeader,
    read_range: ReadRange,
    chosen: slice,
    batch_bytes: int,
    watch: WatchPiece | None,
) -> Iterator[tuple[slice, Int64Array, npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield (spectra, their lengths, m/z, intensities) by batches, values one after the other."""
    mz_bytes = header.mz_count[chosen] * header.mz_dtype.itemsize
    intensity_bytes = header.intensity_count[chosen] * header.intensity_dtype.itemsize
    shared = read_shared_mz(header, read_range, chosen, watch)
    for batch in split_into_batches(mz_bytes + intensity_bytes, batch_bytes, chosen.start):
        n = batch.stop - batch.start
        gap = widest_gap(batch_bytes, n)
        arrays = read_stored(header, read_range, batch, gap, watch, with_mz=shared is None)
        if header.picked is not None:
            found = pick_stored(header, batch, arrays, shared)
            yield batch, found.n_peaks, found.mz, found.intensity
            continue
        if shared is not None:
            mz, first = np.tile(shared, n), 0
        else:
            mz, first = _join(arrays, header.mz_count[batch], header.mz_dtype), n
        counts = header.intensity_count[batch]
        yield batch, counts, mz, _join(arrays, counts, header.intensity_dtype, first)


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
    """Read the m/z array that all chosen spectra share.

    Goes by the offsets and lengths in the header, whatever mode is declared.

    Returns
    -------
    (n_peaks,) float32 or float64, or None
        None if they do not share one, or are fewer than two.

    Raises
    ------
    InvalidDataset
        If the ibd ends before the array does.
    """
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
    """Read the arrays of some spectra, those that lie near each other in one request.

    Parameters
    ----------
    header, read_range
        As of `read_peaks`.
    chosen : slice
        The spectra.
    max_gap, watch
        As of `ionbox_science.imzml.ibd.read_arrays`.
    with_mz : bool
        Whether to read the m/z arrays too.

    Returns
    -------
    StoredArrays
        The m/z arrays of all chosen spectra, if wanted, then the intensity arrays of all.

    Raises
    ------
    InvalidDataset
        If the ibd ends before an array does.
    """
    offset = header.intensity_offset[chosen]
    n_bytes = header.intensity_count[chosen] * header.intensity_dtype.itemsize
    if with_mz:
        mz_bytes = header.mz_count[chosen] * header.mz_dtype.itemsize
        offset = np.concatenate((header.mz_offset[chosen], offset))
        n_bytes = np.concatenate((mz_bytes, n_bytes))
    return read_arrays(read_range, offset, n_bytes, max_gap, watch)


def describe_spectra(
    header: ImzmlHeader,
    chosen: slice,
    arrays: StoredArrays | PickedSpectra,
    shared_mz: npt.NDArray[np.floating[Any]] | None,
    pixel: npt.NDArray[np.uint32],
) -> KernelStruct:
    """Return ``struct spectra``: addresses, lengths, pixels and types of the arrays of spectra.

    Parameters
    ----------
    header : ImzmlHeader
        Header of the dataset.
    chosen : slice
        The spectra.
    arrays : StoredArrays or PickedSpectra
        Their arrays as `read_stored` reads them, or their peaks as `pick_stored` picks them; kept
        alive with the struct.
    shared_mz : (n_channels,) float32 or float64, or None
        As of `read_shared_mz`, where stored arrays are without m/z.
    pixel : (n_chosen,) uint32
        Row-major pixel of each.
    """
    if isinstance(arrays, PickedSpectra):
        counts, (mz_address, intensity_address) = arrays.n_peaks, arrays.addresses()
        intensity_type = PICKED_INTENSITY
    else:
        counts = np.ascontiguousarray(header.mz_count[chosen], np.int64)
        addresses, intensity_type = arrays.addresses(), header.intensity_dtype
        mz_address, intensity_address = addresses[: len(counts)], addresses[-len(counts) :]
        if shared_mz is not None:
            mz_address = np.full(len(counts), shared_mz.ctypes.data, np.uint64)
    return fill_struct(
        "spectra",
        n_spectra=len(counts),
        mz_address=mz_address,
        intensity_address=intensity_address,
        n_peaks=counts,
        pixel=pixel,
        mz_bytes=header.mz_dtype.itemsize,
        intensity_type=INTENSITY_TYPES[intensity_type.str],
        alive=(arrays, shared_mz),
    )


def pick_stored(
    header: ImzmlHeader,
    chosen: slice,
    arrays: StoredArrays,
    shared_mz: npt.NDArray[np.floating[Any]] | None,
) -> PickedSpectra:
    """Pick the peaks of those spectra that the header says are to be picked; copy the others'.

    Parameters
    ----------
    header, chosen, arrays, shared_mz
        As of `describe_spectra`.

    Raises
    ------
    MemoryError
        If a spectrum cannot be sorted: see `ionbox_science.imzml.peak_picking.pick_peaks`.
    """
    picked = np.zeros(header.n_spectra, np.bool_) if header.picked is None else header.picked
    counts = header.mz_count[chosen]
    no_pixels = np.zeros(len(counts), np.uint32)
    spectra = describe_spectra(header, chosen, arrays, shared_mz, no_pixels)
    return pick_peaks(spectra, counts, header.mz_dtype, picked[chosen])
