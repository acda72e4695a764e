"""Peaks of a dataset, or of a span of spectra, sorted by m/z, straight from the bytes of the ibd.

In: a header and a function that reads the ibd. Out: all peaks above zero, m/z ascending, and the
total ion current. A run sorts a whole dataset (``SegmentSpectra``), or spans of neighbouring
spectra (``SortSpans``, and `ionbox_science.sorting.disk_sorting`), and cuts the result into
segments.

The order is that of numpy's stable sort: peaks of equal m/z keep the order of the spectra in the
file, and of the peaks within a spectrum. Kernels do the work, by way of `mz_cells`, or of
`transposing` where all spectra share their m/z; `spectrum_parts` cuts it into parts that threads
can do on their own.

Spans that are sorted one by one and merged (`ionbox_science.sorting.span_merging`) give the same
peaks to the last bit as sorting the whole dataset, and the same total ion current.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import ReadRange, WatchPiece
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.progress import part_of_progress
from ionbox_science.sorting.batch_calls import check_arrays
from ionbox_science.sorting.mz_cells import CellSort, count_cells
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumPart, split_evenly
from ionbox_science.sorting.transposing import ChannelSort, count_channels, is_axis

Float64s = npt.NDArray[np.float64]

BATCH_BYTES = 16 * 1024 * 1024
"""Size up to which arrays are read together, unless told otherwise."""

_COUNTED = 0.35  # of the time that sorting takes, how much is over when peaks are counted
_PICKED_BATCHES = 4  # a batch, its gaps and its peaks together stay within the memory of two


@dataclass(frozen=True, eq=False)
class SortedSpectra:
    """The peaks of a dataset in order of m/z, and its total ion current.

    Attributes
    ----------
    peaks : Peaks
        m/z ascending; peaks of equal m/z in the order of the file.
    tic : (n_pixels,) float64, counts
        Total ion current per row-major pixel, as `sum_per_pixel` makes it.
    """

    peaks: Peaks
    tic: Float64s


@dataclass(frozen=True, eq=False)
class SortedSpan:
    """The peaks of neighbouring spectra in order of m/z, and the ion current of each spectrum.

    Attributes
    ----------
    peaks : Peaks
        m/z ascending; peaks of equal m/z in the order of the file.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of each spectrum's float32 intensities in the order of the file.
    """

    peaks: Peaks
    spectrum_tic: Float64s


def sort_in_memory(
    header: ImzmlHeader,
    read_range: ReadRange,
    *,
    n_threads: int = 1,
    batch_bytes: int = BATCH_BYTES,
    keep_bytes: int = 0,
    watch: WatchPiece | None = None,
) -> SortedSpectra:
    """Sort all peaks above zero by m/z and sum the intensity per pixel.

    Parameters
    ----------
    header : ImzmlHeader
        Header of a dataset that passed `ionbox_science.imzml.checks.check_dataset`.
    read_range : ReadRange
        Reads the ibd; called from ``n_threads`` threads at once.
    n_threads : int
        Threads that read and sort. The result does not depend on it. Where reading waits for a
        network, more threads than cores let reading and sorting overlap.
    batch_bytes : int
        Arrays are read together up to this size, shared evenly by the threads; a longer array is
        read alone. One request covers at most two batches: arrays and gaps between them.
    keep_bytes : int
        The ibd is needed twice, to count and to place the peaks. Up to so many bytes are kept from
        the first time, and only the rest is read again. Zero is right for a file on this machine;
        for an object store, give what memory there is beside the result.
    watch : callable, optional
        Called with every piece that is read for the first time, to compute a checksum, say
        (`ionbox_science.imzml.ibd.PassingDigest`). With several threads it is called by all of
        them.

    Raises
    ------
    InvalidDataset
        If the ibd ends too early, or changes between the two times it is read.
    ValueError
        If the header has m/z and intensity arrays of unequal length, or of types there are no
        kernels for.

    Notes
    -----
    Intensities are compared with zero as they are stored, then cast to float32; NaN is dropped,
    infinity kept. m/z of any value are sorted as numpy sorts them: NaN last.

    Memory: the result (12 or 16 bytes per peak above zero), ``keep_bytes``, two batches at most,
    and per thread about 3 MB; more only where over 65,536 peaks lie within 1/4096 of an octave of
    m/z (24 bytes for each of them), or have an m/z below 1 or above 2^20 (48 bytes for each).

    Where all spectra share one ascending m/z array nothing is sorted: the intensities are
    transposed.

    Where peaks are picked from profile spectra (`ImzmlHeader.picked`), those found in the first
    pass are kept for the second, instead of bytes of the ibd, as long as they are less than half
    of the declared points: with the result they take no more memory than so many peaks would.
    """
    span = sort_span(
        header,
        read_range,
        slice(None),
        n_threads=n_threads,
        batch_bytes=batch_bytes,
        keep_bytes=keep_bytes,
        watch=watch,
    )
    return SortedSpectra(span.peaks, sum_per_pixel(header, span.spectrum_tic))


def sort_span(
    header: ImzmlHeader,
    read_range: ReadRange,
    rows: slice,
    *,
    n_threads: int = 1,
    batch_bytes: int = BATCH_BYTES,
    keep_bytes: int = 0,
    watch: WatchPiece | None = None,
) -> SortedSpan:
    """Sort the peaks above zero of some neighbouring spectra by m/z, and sum each spectrum.

    Parameters
    ----------
    rows : slice
        The spectra, neighbours in the order of the file.
    header, read_range, n_threads, batch_bytes, keep_bytes, watch
        See `sort_in_memory`. Where all spectra of the dataset share one m/z array, every span reads
        it.

    Returns
    -------
    SortedSpan
        Of these spectra only.

    Raises
    ------
    InvalidDataset, ValueError
        If the ibd or the header is not as it should be: see `sort_in_memory`.
    """
    check_arrays(header)
    dataset = OpenDataset.open(header, read_range, watch)
    chosen = slice(*rows.indices(header.n_spectra))
    return sort_open_span(dataset, chosen, n_threads, batch_bytes, keep_bytes)


def sort_open_span(
    dataset: OpenDataset, rows: slice, n_threads: int, batch_bytes: int, keep_bytes: int
) -> SortedSpan:
    """Do what `sort_span` does, for a dataset that is opened once and sorted span by span."""
    # every thread reads batches of its own at the same time, so they share the size of one
    batch_bytes //= n_threads
    if dataset.is_picked:
        batch_bytes = max(batch_bytes // _PICKED_BATCHES, 1)
        keep_bytes = _column_bytes(dataset, rows) // 2
    parts = [
        SpectrumPart(dataset, part, batch_bytes, _share(keep_bytes, part, rows, dataset))
        for part in split_evenly(dataset.n_bytes[rows], n_threads, rows.start)
    ]
    with part_of_progress(0, _COUNTED):
        order, spectrum_tic = begin_sorting(dataset, parts, n_threads)
    n_peaks = int(order.start[-1])
    if dataset.is_picked and n_peaks > int(dataset.header.mz_count[rows].sum()) // 2:
        for part in parts:  # the columns need the memory: see `sort_in_memory`
            part.kept.clear()
    peaks = dataset.new_columns(n_peaks)
    with part_of_progress(_COUNTED, 1):
        order.fill(slice(0, len(order.start) - 1), peaks)
    return SortedSpan(peaks, spectrum_tic[rows])


def begin_sorting(
    dataset: OpenDataset, parts: Sequence[SpectrumPart], n_threads: int, *, in_order: bool = False
) -> tuple[CellSort | ChannelSort, Float64s]:
    """Read some spectra for the first time, in their order if need be: by one thread.

    Returns
    -------
    order : CellSort or ChannelSort
        Reads them again, and fills in their peaks in order of m/z.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of intensities of every spectrum of the dataset; zero for those in no part.
    """
    axis = dataset.shared_mz
    if dataset.is_picked or axis is None or not is_axis(axis):
        in_cells = count_cells(dataset, parts, 1 if in_order else n_threads)
        return CellSort(dataset, parts, in_cells, n_threads), in_cells.spectrum_tic
    counted = count_channels(dataset, len(axis), parts, 1 if in_order else n_threads)
    return ChannelSort(dataset, axis, parts, counted, n_threads), counted.spectrum_tic


def sum_per_pixel(header: ImzmlHeader, spectrum_tic: Float64s) -> Float64s:
    """Sum the ion currents of spectra over the pixels they lie in, in the order of the file.

    Parameters
    ----------
    header : ImzmlHeader
        Header of the dataset.
    spectrum_tic : (n_spectra,) float64, counts
        Ion current of every spectrum of the dataset: those of its `SortedSpan`, joined.

    Returns
    -------
    (n_pixels,) float64, counts
        Total ion current per row-major pixel of the bounding box. As each spectrum is summed first,
        and then the spectra of a pixel, no bit depends on how spectra were cut into spans.
    """
    n_pixels = header.width * header.height
    tic = np.zeros(n_pixels)
    # np.add.at adds one after the other, also where a pixel repeats; tic[index] += would add once
    np.add.at(tic, header.pixel_index, spectrum_tic)
    return tic


def _column_bytes(dataset: OpenDataset, rows: slice) -> int:
    """Return the bytes of the columns if all declared points of some spectra were peaks."""
    n_points = int(dataset.header.mz_count[rows].sum())
    return n_points * (dataset.header.mz_dtype.itemsize + 8)


def _share(keep_bytes: int, part: slice, rows: slice, dataset: OpenDataset) -> int:
    """Return a part's share of the bytes that may be kept, by its size: if all fit, so does it."""
    n_bytes = int(dataset.n_bytes[part].sum())
    return keep_bytes * n_bytes // max(int(dataset.n_bytes[rows].sum()), 1)
