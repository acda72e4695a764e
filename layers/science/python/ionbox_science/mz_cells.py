"""Peaks sorted by cells of m/z: counted, placed in buckets of neighbouring cells, sorted there.

See ``kernels/peak_sort.c``, which does the work.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.sort_kernel import (
    KernelColumns,
    check,
    check_filled,
    feed_kernel,
    pointer,
    sort_kernel,
)
from ionbox_science.spectra import Peaks
from ionbox_science.spectrum_runs import (
    OpenDataset,
    SpectrumRun,
    n_counting_threads,
    rows_of_runs,
    split_evenly,
    spread,
)

UInt64Array = npt.NDArray[np.uint64]
UInt32Array = npt.NDArray[np.uint32]

# Tasks per thread when buckets are sorted: enough to even out buckets that take longer.
_TASKS_PER_THREAD = 4


@dataclass(frozen=True, eq=False)
class CellCounts:
    """What the first pass found: (n_runs, n_cells) uint64 peaks, and the total ion current."""

    per_run: UInt64Array
    tic: npt.NDArray[np.float64]


def count_cells(dataset: OpenDataset, runs: Sequence[SpectrumRun], n_threads: int) -> CellCounts:
    """Read the runs for the first time: count peaks above zero per cell, sum them per pixel."""
    n_cells = int(sort_kernel().ionbox_sort_n_cells())
    per_run = np.zeros((len(runs), n_cells), np.uint64)
    tic = np.zeros(dataset.n_pixels)

    def count(index: int) -> None:
        kernel, blocks = sort_kernel().ionbox_sort_count, runs[index].read_first()
        feed_kernel(kernel, dataset, blocks, pointer(per_run[index]), pointer(tic))

    spread(count, range(len(runs)), n_counting_threads(dataset, n_threads))
    return CellCounts(per_run, tic)


def sort_cells(
    dataset: OpenDataset,
    runs: Sequence[SpectrumRun],
    counted: CellCounts,
    first_cell: int,
    stop_cell: int,
    n_threads: int,
) -> Peaks:
    """Read the runs again: place and sort the peaks of some cells, a slice of all peaks."""
    buckets = _plan_buckets(counted, first_cell, stop_cell)
    peaks = dataset.new_columns(buckets.n_peaks)
    columns = KernelColumns.of(peaks)

    def scatter(index: int) -> None:
        rows = buckets.rows[index]
        kernel, blocks = sort_kernel().ionbox_sort_scatter, runs[index].read_again()
        arguments = pointer(buckets.of_cell), pointer(rows), ctypes.byref(columns)
        feed_kernel(kernel, dataset, blocks, *arguments)
        check_filled(rows)

    def sort(task: slice) -> None:
        start, cells = buckets.start[task.start : task.stop + 1], buckets.cells[task]
        arguments = task.stop - task.start, pointer(start), pointer(cells)
        mz_bytes = peaks.mz.dtype.itemsize
        check(sort_kernel().ionbox_sort_buckets(*arguments, mz_bytes, ctypes.byref(columns)))

    spread(scatter, range(len(runs)), n_threads)
    n_tasks = _TASKS_PER_THREAD * n_threads if n_threads > 1 else 1
    spread(sort, split_evenly(np.diff(buckets.start).astype(np.int64), n_tasks), n_threads)
    return peaks


@dataclass(frozen=True, eq=False)
class _Buckets:
    """Groups of cells that are sorted together.

    Attributes
    ----------
    of_cell : (n_cells,) uint32
        Bucket of every cell, or no bucket.
    cells : (n_buckets, 2) uint32
        First cell, and one past the last.
    start : (n_buckets + 1,) uint64
        First row of each, and the number of rows.
    rows : (n_runs, n_buckets, 2) uint64
        Rows of each bucket that a run fills: the first, and one past the last.
    """

    of_cell: UInt32Array
    cells: UInt32Array
    start: UInt64Array
    rows: UInt64Array

    @property
    def n_peaks(self) -> int:
        return int(self.start[-1])


def _plan_buckets(counted: CellCounts, first_cell: int, stop_cell: int) -> _Buckets:
    total = counted.per_run.sum(axis=0)
    n_cells = len(total)
    of_cell = np.empty(n_cells, np.uint32)
    cells = np.empty((n_cells, 2), np.uint32)
    start = np.empty(n_cells + 1, np.uint64)
    arguments = pointer(of_cell), pointer(cells), pointer(start)
    n_buckets = sort_kernel().ionbox_sort_plan(pointer(total), first_cell, stop_cell, *arguments)
    cells, start = cells[:n_buckets].copy(), start[: n_buckets + 1].copy()
    firsts = cells[:, 0].astype(np.intp)
    per_run = np.zeros((len(counted.per_run), n_buckets), np.uint64)
    if n_buckets:  # cells between buckets are empty
        per_run = np.add.reduceat(counted.per_run[:, :stop_cell], firsts, axis=1)
    return _Buckets(of_cell, cells, start, rows_of_runs(per_run, start[:-1]))
