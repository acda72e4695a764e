"""All peaks of a dataset sorted by m/z in bounded memory, one range of m/z after the other.

The way to the segments for one call (``SegmentSpectra`` in a run); others are `disk_sorting` and
`span_merging`, and all make the same bytes. In: a header, a function that reads the ibd, the bounds
of the segments. Out: segments, handed to a function one by one, and the total ion current.

The ibd is read once to count its peaks, then once for each range of m/z whose peaks fit the memory:
they are placed and sorted, the segments that are complete are handed on, and the memory is used for
the next range. Where the ibd can be read again cheaply, this costs less than files for the peaks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import ReadRange, WatchBeside, WatchPiece
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.sorting.batch_calls import check_arrays
from ionbox_science.sorting.mz_cells import CellSort
from ionbox_science.sorting.peak_sorting import (
    BATCH_BYTES,
    COUNTED,
    Float64s,
    count_peaks,
    sort_open_span,
    sum_per_pixel,
)
from ionbox_science.sorting.segments import cut_segments
from ionbox_science.sorting.span_layout import bytes_per_peak
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumPart, split_evenly
from ionbox_science.sorting.transposing import ChannelSort

_SORTED = 0.7  # of the time that a range takes, how much is over when segments are written

WriteSegment = Callable[[int, Peaks], None]
"""Stores a segment, given its number and its peaks in order of m/z."""


def sort_in_ranges(
    header: ImzmlHeader,
    read_range: ReadRange,
    bounds: Float64s,
    write_segment: WriteSegment,
    *,
    range_bytes: int,
    n_threads: int = 1,
    batch_bytes: int = BATCH_BYTES,
    watch: WatchPiece | None = None,
) -> Float64s:
    """Sort all peaks above zero by m/z, and sum the intensity per pixel.

    Parameters
    ----------
    header : ImzmlHeader
        Header of a dataset that passed `ionbox_science.imzml.checks.check_dataset`.
    read_range : ReadRange
        Reads the ibd; called from ``n_threads`` threads at once.
    bounds : (n_segments - 1,) float64
        m/z at which to cut: see `ionbox_science.sorting.segments.plan_bounds`.
    write_segment : callable
        Called with number and peaks of every segment, the empty ones too, in order. It may keep
        none but the last's: their memory is needed for the next.
    range_bytes : int
        Memory for peaks, 12 or 16 bytes each.
    n_threads : int
        Threads that sort. The result does not depend on it.
    batch_bytes : int
        Arrays are read together up to this size, shared evenly by the threads.
    watch : callable, optional
        Called with every piece of the ibd that is read for the first time, to compute a checksum,
        say; in the order of the spectra, as one thread reads them, and beside the counting if there
        are more.

    Returns
    -------
    (n_pixels,) float64, counts
        Total ion current per pixel. Segments and this are to the last bit what
        `ionbox_science.sorting.peak_sorting.sort_in_memory` and
        `ionbox_science.sorting.segments.cut_segments` make.

    Raises
    ------
    InvalidDataset
        If the ibd ends too early, or changes while being read.
    ValueError
        If the header has m/z and intensity arrays of unequal length, or of types there are no
        kernels for.

    Notes
    -----
    Memory: ``range_bytes``, or less where all peaks together take less; two batches at most; and
    per thread about 3 MB. More only where a segment does not fit ``range_bytes``, or peaks within
    1/4096 of an octave of m/z do not, and then as much as they need; where peaks are picked from
    profiles, which would have to be picked again for each range; and where `sort_in_memory` takes
    more.
    """
    check_arrays(header)
    if watch is not None and n_threads > 1:
        with WatchBeside(watch) as beside:
            dataset = OpenDataset.open(header, read_range, beside)
            return _sort(dataset, bounds, write_segment, range_bytes, n_threads, batch_bytes)
    dataset = OpenDataset.open(header, read_range, watch)
    return _sort(dataset, bounds, write_segment, range_bytes, n_threads, batch_bytes)


def _sort(
    dataset: OpenDataset,
    bounds: Float64s,
    write_segment: WriteSegment,
    range_bytes: int,
    n_threads: int,
    batch_bytes: int,
) -> Float64s:
    header = dataset.header
    if dataset.is_picked:
        # one thread, where the order matters in which the ibd is read
        n_threads = 1 if dataset.watch else n_threads
        with part_of_progress(0, _SORTED):
            span = sort_open_span(dataset, slice(0, header.n_spectra), n_threads, batch_bytes, 0)
        with part_of_progress(_SORTED, 1):
            for index, peaks in enumerate(cut_segments(span.peaks, bounds)):
                write_segment(index, peaks)
                report_progress(index + 1, len(bounds) + 1, "segments")
        return sum_per_pixel(header, span.spectrum_tic)
    parts = [
        SpectrumPart(dataset, part, batch_bytes // n_threads)
        for part in split_evenly(dataset.n_bytes, n_threads)
    ]
    with part_of_progress(0, COUNTED):
        in_order = dataset.watch is not None
        order, spectrum_tic = count_peaks(dataset, parts, n_threads, in_order=in_order)
    n_rows = range_bytes // bytes_per_peak(header.mz_dtype)
    with part_of_progress(COUNTED, 1):
        _write_segments(dataset, order, n_rows, bounds, write_segment)
    return sum_per_pixel(header, spectrum_tic)


def _write_segments(
    dataset: OpenDataset,
    order: CellSort | ChannelSort,
    n_rows: int,
    bounds: Float64s,
    write_segment: WriteSegment,
) -> None:
    """Sort range after range of at most ``n_rows`` peaks, and hand on the segments."""
    start = order.start.astype(np.int64)
    n_groups = len(start) - 1
    room = dataset.new_columns(min(n_rows, int(start[-1])))
    # `n_held` peaks, sorted, stand at the beginning: those of a segment that is not complete yet
    first, n_written, n_held = 0, 0, 0
    while first < n_groups:
        fit = int(np.searchsorted(start, start[first] + len(room) - n_held, side="right")) - 1
        stop = max(fit, first + 1)
        n_sorted = n_held + int(start[stop] - start[first])
        if n_sorted > len(room):
            room = _enlarge(dataset, room, n_held, n_sorted)
        begun, ended = (int(start[group]) / max(int(start[-1]), 1) for group in (first, stop))
        filled = begun + _SORTED * (ended - begun)
        with part_of_progress(begun, filled):
            order.fill(slice(first, stop), _rows(room, n_held, n_sorted))
        peaks = _rows(room, 0, n_sorted)
        # a segment is complete where a peak stands behind it
        cuts = np.searchsorted(peaks.mz, bounds[n_written:].astype(peaks.mz.dtype), side="left")
        n_complete = int(np.searchsorted(cuts, n_sorted)) if stop < n_groups else len(cuts) + 1
        for place, end in enumerate([*cuts.tolist(), n_sorted][:n_complete]):
            begin = int(cuts[place - 1]) if place else 0
            write_segment(n_written + place, _rows(room, begin, end))
            with part_of_progress(filled, ended):
                report_progress(place + 1, n_complete, "segments")
        if n_complete:
            n_done = n_sorted if stop == n_groups else int(cuts[n_complete - 1])
            _move_to_front(room, n_done, n_sorted)
            n_written, n_held = n_written + n_complete, n_sorted - n_done
        else:
            n_held = n_sorted
        first = stop
    for index in range(n_written, len(bounds) + 1):  # of a dataset without peaks
        write_segment(index, _rows(room, 0, 0))


def _rows(peaks: Peaks, start: int, stop: int) -> Peaks:
    return Peaks(peaks.mz[start:stop], peaks.intensity[start:stop], peaks.pixel[start:stop])


def _enlarge(dataset: OpenDataset, room: Peaks, n_held: int, n_rows: int) -> Peaks:
    """Return columns of ``n_rows`` peaks that begin with the first ``n_held`` of others."""
    larger = dataset.new_columns(n_rows)
    _copy(_rows(room, 0, n_held), _rows(larger, 0, n_held))
    return larger


def _move_to_front(room: Peaks, start: int, stop: int) -> None:
    """Move rows to the beginning, a piece at a time: pieces may lie where they are to go."""
    if not start:
        return
    for begin in range(start, stop, start):
        end = min(begin + start, stop)
        _copy(_rows(room, begin, end), _rows(room, begin - start, end - start))


def _copy(source: Peaks, target: Peaks) -> None:
    target.mz[:] = source.mz
    target.intensity[:] = source.intensity
    target.pixel[:] = source.pixel
