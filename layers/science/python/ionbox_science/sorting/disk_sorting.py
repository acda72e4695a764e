"""All peaks of a dataset sorted by m/z in bounded memory, whatever its size, by files on disk.

The way to the segments for datasets that are too large for memory (``SortSpectra`` in a run); the
others are `peak_sorting` and `span_merging`, and all make the same bytes. In: a header, a function
that reads the ibd, the bounds of the segments. Out: segments, handed to a function one by one, and
the total ion current.

Spans of spectra, each as long as fits the memory, are sorted one after the other, cut at the bounds
of the segments, and appended to one file per segment. Then segment after segment is read back, its
spans are merged, and its file is removed. The ibd is read once, in order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import ReadRange, WatchPiece, split_into_batches
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.sorting.batch_calls import check_arrays
from ionbox_science.sorting.peak_sorting import (
    BATCH_BYTES,
    Float64s,
    SortedSpan,
    sort_open_span,
    sum_per_pixel,
)
from ionbox_science.sorting.segments import cut_segments
from ionbox_science.sorting.span_layout import MzType, bytes_per_peak, decode_block, encode_span
from ionbox_science.sorting.span_merging import merge_spans
from ionbox_science.sorting.spectrum_parts import OpenDataset

Int64Array = npt.NDArray[np.int64]

WriteSegment = Callable[[int, Peaks], None]
"""Stores a segment, given its number and its peaks in order of m/z."""

# Bytes that are taken however few the peaks: tables of cells in all (_FIXED) and per thread, what
# is known of each spectrum (where it lies), and of each channel of a shared m/z axis, in all and
# per thread (its rows).
_FIXED_BYTES = 4 << 20
_THREAD_BYTES = 5 << 20
_SPECTRUM_BYTES = 64
_CHANNEL_BYTES, _CHANNEL_THREAD_BYTES = 32, 48
_GAPS = 16  # a 16th more is kept than the arrays are long, for gaps between them
_SORTED = 0.6  # of the time, how much is over when all spans are sorted and merging begins
_BATCHES = 32  # a batch is at most a 32nd of the memory, so that two on their way in are a 16th


def sort_on_disk(
    header: ImzmlHeader,
    read_range: ReadRange,
    bounds: Float64s,
    write_segment: WriteSegment,
    *,
    memory_bytes: int,
    folder: Path,
    n_threads: int = 1,
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
    memory_bytes : int
        Memory that may be taken on top of what the process has.
    folder : Path
        Folder that nothing else uses, for temporary files of together 12 or 16 bytes per peak above
        zero. They are removed one by one as segments are written, and all when this ends, however
        it ends.
    n_threads : int
        Threads that read, sort and merge. The result does not depend on it.
    watch : callable, optional
        Called with every piece of the ibd that is read for the first time, to compute a checksum,
        say (`ionbox_science.imzml.ibd.PassingDigest`); in the order of the file if arrays lie in
        the order of their spectra and less than 1/16 of the file is gaps between them.

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
        If a spectrum or a segment does not fit the memory, or the header has m/z and intensity
        arrays of unequal length.
    OSError
        If the disk is full, or a file cannot be read back.

    Notes
    -----
    Memory while spans are sorted: per declared peak of the span, its bytes in the ibd (and a 16th
    more), and 12 or 16 bytes in columns. While segments are merged: twice the segment, 24 or 32
    bytes per peak. Beside either: 4 MB, 5 MB per thread, 1/16 of the memory for blocks on their way
    in, 64 bytes per spectrum, and some per channel of a shared m/z axis. More only where over
    65,536 peaks of a span lie within 1/4096 of an octave of m/z (see `sort_in_memory`), and then
    mostly in place of what was read of the span, which has been given back by then. Where gaps
    between arrays are larger than that 16th, what could not be kept is read again. A dataset that
    fits the memory as one span is sorted without files. Where peaks are picked from profiles, the
    memory planned for their points holds the peaks that are kept between the passes.
    """
    check_arrays(header)
    in_order = None if watch is None else _InFileOrder(watch)
    dataset = OpenDataset.open(header, read_range, in_order)
    memory = _Memory.of(memory_bytes, dataset, n_threads)
    spans = memory.plan_spans(dataset)
    spectrum_tic = np.zeros(header.n_spectra)

    def sort_next(rows: slice) -> SortedSpan:
        keep_bytes = memory.keep_bytes(dataset, rows)
        # one thread reads in the order of the file anyway
        if in_order is not None and n_threads > 1:
            in_order.hold(keep_bytes)
        span = sort_open_span(dataset, rows, n_threads, memory.batch_bytes, keep_bytes)
        if in_order is not None:
            in_order.pass_on()
        spectrum_tic[rows] = span.spectrum_tic
        return span

    if len(spans) == 1:
        with part_of_progress(0, _SORTED):
            span = sort_next(spans[0])
        with part_of_progress(_SORTED, 1):
            for index, peaks in enumerate(cut_segments(span.peaks, bounds)):
                write_segment(index, peaks)
                report_progress(index + 1, len(bounds) + 1, "segments")
        return sum_per_pixel(header, spectrum_tic)
    with _SegmentFiles(folder, len(bounds) + 1, header.mz_dtype) as files:
        with part_of_progress(0, _SORTED):
            for number, rows in enumerate(spans):
                with part_of_progress(number / len(spans), (number + 1) / len(spans)):
                    files.append(*encode_span(sort_next(rows).peaks, bounds))
        memory.check_segments(files.n_peaks, bounds, header.mz_dtype)
        with part_of_progress(_SORTED, 1):
            for index in range(len(bounds) + 1):
                write_segment(index, merge_spans(files.take(index), n_threads=n_threads))
                report_progress(index + 1, len(bounds) + 1, "segments")
    return sum_per_pixel(header, spectrum_tic)


# --- memory ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Memory:
    """How memory is divided.

    Attributes
    ----------
    total : int
        Bytes that may be taken.
    fixed : int
        Bytes that are taken however few the peaks.
    batch_bytes : int
        The ibd is read in batches of this size, shared by the threads.
    """

    total: int
    fixed: int
    batch_bytes: int

    @staticmethod
    def of(total: int, dataset: OpenDataset, n_threads: int) -> _Memory:
        n_channels = 0 if dataset.shared_mz is None else len(dataset.shared_mz)
        fixed = (
            _FIXED_BYTES
            + _THREAD_BYTES * n_threads
            + _SPECTRUM_BYTES * dataset.header.n_spectra
            + (_CHANNEL_BYTES + _CHANNEL_THREAD_BYTES * n_threads) * n_channels
        )
        return _Memory(total, fixed, max(min(BATCH_BYTES, total // _BATCHES), n_threads))

    @property
    def for_peaks(self) -> int:
        """Bytes that are left for the peaks of a span, or of a segment.

        Two batches are taken off: a read covers the arrays of one, and gaps of as much.
        """
        return self.total - self.fixed - 2 * self.batch_bytes

    def plan_spans(self, dataset: OpenDataset) -> list[slice]:
        """Cut the spectra into spans that can be sorted in memory.

        Counted by declared peaks: which are above zero is not known before they are read.

        Raises
        ------
        ValueError
            If a single spectrum does not fit.
        """
        columns = dataset.header.mz_count * bytes_per_peak(dataset.header.mz_dtype)
        n_bytes = dataset.n_bytes + -(-dataset.n_bytes // _GAPS) + columns
        largest = int(n_bytes.argmax())
        if n_bytes[largest] > self.for_peaks:
            n_peaks = dataset.header.mz_count[largest]
            raise self._too_small(
                f"to sort spectrum {largest} of {n_peaks:,} peaks", int(n_bytes[largest])
            )
        return list(split_into_batches(n_bytes, self.for_peaks))

    def keep_bytes(self, dataset: OpenDataset, rows: slice) -> int:
        """Return how many bytes of a span's ibd may be kept until its peaks are placed."""
        n_bytes = int(dataset.n_bytes[rows].sum())
        return n_bytes + -(-n_bytes // _GAPS)

    def check_segments(self, n_peaks: Int64Array, bounds: Float64s, mz_dtype: MzType) -> None:
        """Refuse to begin merging if not every segment can be merged in memory.

        Raises
        ------
        ValueError
            If the largest segment, once in spans and once merged, does not fit.
        """
        largest = int(n_peaks.argmax())
        n_bytes = 2 * int(n_peaks[largest]) * bytes_per_peak(mz_dtype)
        if n_bytes > self.for_peaks:
            low, high = np.concatenate(([-np.inf], bounds, [np.inf]))[largest : largest + 2]
            which = f"segment {largest} (m/z {low:g} to {high:g})"
            raise self._too_small(f"to merge {which} of {n_peaks[largest]:,} peaks", n_bytes)

    def _too_small(self, purpose: str, n_bytes: int) -> ValueError:
        # Solve total - fixed - 2 batches >= n_bytes for the total, a batch being total / _BATCHES
        # or less; two batches more make up for what is rounded.
        needed = n_bytes + self.fixed
        needed += min(2 * needed // (_BATCHES - 2) + 2 * self.batch_bytes, 2 * BATCH_BYTES)
        return ValueError(
            f"{self.total:,} bytes of memory are too few {purpose}: give at least {needed:,}"
        )


# --- temporary files ------------------------------------------------------------------------------


class _SegmentFiles:
    """One file per segment: its blocks of all spans, one after the other, until it is merged."""

    def __init__(self, folder: Path, n_segments: int, mz_dtype: MzType) -> None:
        self._paths = [folder / f"segment-{index:06}.spans" for index in range(n_segments)]
        self._mz_dtype = mz_dtype
        self._per_span: list[Int64Array] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)

    @property
    def n_peaks(self) -> Int64Array:
        """Peaks of each segment in all spans so far, (n_segments,) int64."""
        total: Int64Array = np.sum(self._per_span, axis=0)
        return total

    def append(self, columns: list[memoryview], n_peaks: Int64Array) -> None:
        """Add a span, as `encode_span` returns it, to the files.

        The first span replaces files that an earlier, killed attempt left behind.
        """
        mode = "ab" if self._per_span else "wb"
        for index, path in enumerate(self._paths):
            with path.open(mode) as file:
                file.writelines(columns[3 * index : 3 * index + 3])
        self._per_span.append(n_peaks)

    def take(self, segment: int) -> list[Peaks]:
        """Read the blocks of a segment, in order of the spans, and remove its file.

        Raises
        ------
        OSError
            If the file cannot be read, or is not as long as what was written.
        """
        n_peaks = [int(counts[segment]) for counts in self._per_span]
        ends = np.cumsum(n_peaks) * bytes_per_peak(self._mz_dtype)
        path = self._paths[segment]
        stored = np.fromfile(path, np.uint8)
        if len(stored) != ends[-1]:
            raise OSError(f"{path} has {len(stored)} bytes, not the {ends[-1]} that were written")
        path.unlink()
        blocks = np.split(stored, ends[:-1])
        return [
            decode_block(block.data, n, self._mz_dtype)
            for block, n in zip(blocks, n_peaks, strict=True)
        ]


# --- order of the file ----------------------------------------------------------------------------


class _InFileOrder:
    """A `WatchPiece` that hands pieces on in the order of the file, though threads read ahead.

    Pieces that are in memory anyway, as they are kept until their peaks are placed, are held back
    until all threads have read their part of the span, and then sorted by offset.
    """

    def __init__(self, watch: WatchPiece) -> None:
        self._watch = watch
        self._held: list[tuple[int, memoryview]] = []
        self._room = 0
        self._lock = threading.Lock()

    def __call__(self, offset: int, piece: memoryview) -> None:
        with self._lock:
            fits = piece.nbytes <= self._room
            if fits:
                self._room -= piece.nbytes
                self._held.append((offset, piece))
        if not fits:
            self._watch(offset, piece)

    def hold(self, n_bytes: int) -> None:
        """Hold pieces of up to so many bytes together; what does not fit is handed on at once."""
        self._room = n_bytes

    def pass_on(self) -> None:
        """Hand on what is held, by ascending offset, and hold nothing more."""
        for offset, piece in sorted(self._held, key=itemgetter(0)):
            self._watch(offset, piece)
        self._held.clear()
        self._room = 0
