"""Peaks sorted by cells of m/z: counted, placed in buckets of neighbouring cells, sorted there.

How `peak_sorting` sorts spectra that have m/z arrays of their own. The spectra are cut into parts,
one per thread; each part is read twice, to count its peaks per cell and to place them. From the
counts follows which rows of the output each part fills, so threads never write to the same place,
and the order does not depend on them. ``kernels/sorting/peak_sort.c`` does the work and says why it
is fast; ``mz_cells.h`` says what a cell is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.progress import ProgressCount, part_of_progress
from ionbox_science.sorting.batch_calls import check_filled, count_peaks, feed_kernel
from ionbox_science.sorting.spectrum_parts import (
    OpenDataset,
    SpectrumPart,
    rows_of_parts,
    split_evenly,
    spread,
)

UInt64Array = npt.NDArray[np.uint64]
UInt32Array = npt.NDArray[np.uint32]

PEAKS_PER_TASK = 1 << 22
"""Peaks that are sorted between two reports of progress, at most."""

# Tasks per thread when buckets are sorted: enough to even out buckets that take longer.
_TASKS_PER_THREAD = 4
# Of the time that sorting takes, how much is over when peaks are counted, and when they are placed.
_COUNTED, _PLACED = 0.35, 0.7


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Counts and sums of the first pass.

    Attributes
    ----------
    per_part : (n_parts, n_cells) uint64
        Peaks above zero of each part of the spectra in each cell.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of intensities of every spectrum that was read; zero for others.
    """

    per_part: UInt64Array
    spectrum_tic: npt.NDArray[np.float64]


def count_cells(dataset: OpenDataset, parts: Sequence[SpectrumPart], n_threads: int) -> CellCounts:
    """Read the parts for the first time: count peaks above zero per cell, sum them per spectrum."""
    n_cells = call_kernel("ionbox_get_n_cells")
    per_part = np.zeros((len(parts), n_cells), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)
    progress = count_peaks(dataset, parts, "peaks read")

    def count(index: int) -> None:
        arguments = parts[index].read_first(), progress, per_part[index]
        feed_kernel("ionbox_count_cells", dataset, *arguments, spectrum_tic=spectrum_tic)

    with part_of_progress(0, _COUNTED):
        spread(count, range(len(parts)), n_threads)
    return CellCounts(per_part, spectrum_tic)


def sort_cells(
    dataset: OpenDataset, parts: Sequence[SpectrumPart], counted: CellCounts, n_threads: int
) -> Peaks:
    """Read the parts again, place their peaks in buckets, and sort the buckets.

    Returns
    -------
    Peaks
        All peaks above zero, m/z ascending; peaks of equal m/z in the order of the file.

    Raises
    ------
    InvalidDataset
        If a part has other peaks than were counted, or the ibd ends too early.
    """
    buckets = _plan_buckets(counted)
    peaks = dataset.new_columns(buckets.n_peaks)
    columns = peak_columns(peaks)
    placed = count_peaks(dataset, parts, "peaks placed")
    in_order = ProgressCount(buckets.n_peaks, "peaks sorted")

    def scatter(index: int) -> None:
        rows = buckets.rows[index]
        arguments = parts[index].read_again(), placed, buckets.of_cell, rows, columns
        feed_kernel("ionbox_scatter_peaks", dataset, *arguments)
        check_filled(rows)

    def sort(task: slice) -> None:
        starts = buckets.start[task.start : task.stop + 1]
        call_kernel("ionbox_sort_buckets", task.stop - task.start, starts, columns)
        in_order.add(int(starts[-1] - starts[0]))

    with part_of_progress(_COUNTED, _PLACED):
        spread(scatter, range(len(parts)), n_threads)
    n_tasks = _TASKS_PER_THREAD * n_threads if n_threads > 1 else 1
    n_tasks = max(n_tasks, -(-buckets.n_peaks // PEAKS_PER_TASK))
    with part_of_progress(_PLACED, 1):
        spread(sort, split_evenly(np.diff(buckets.start).astype(np.int64), n_tasks), n_threads)
    return peaks


@dataclass(frozen=True, eq=False)
class _Buckets:
    """Groups of cells that are sorted together.

    Attributes
    ----------
    of_cell : (n_cells,) uint32
        Bucket of every cell; the largest uint32 where a cell is empty.
    start : (n_buckets + 1,) uint64
        First row of each bucket in the output, and the number of rows.
    rows : (n_parts, n_buckets, 2) uint64
        Rows of each bucket that a part fills: the next one to fill, and one past the last.
    """

    of_cell: UInt32Array
    start: UInt64Array
    rows: UInt64Array

    @property
    def n_peaks(self) -> int:
        return int(self.start[-1])


def _plan_buckets(counted: CellCounts) -> _Buckets:
    total = counted.per_part.sum(axis=0)
    n_cells = len(total)
    of_cell = np.empty(n_cells, np.uint32)
    first_cell = np.empty(n_cells, np.uint32)
    start = np.empty(n_cells + 1, np.uint64)
    n_buckets = call_kernel("ionbox_plan_buckets", total, of_cell, first_cell, start)
    first_cell, start = first_cell[:n_buckets].astype(np.intp), start[: n_buckets + 1].copy()
    per_part = np.zeros((len(counted.per_part), n_buckets), np.uint64)
    if n_buckets:  # cells between buckets are empty
        per_part = np.add.reduceat(counted.per_part, first_cell, axis=1)
    return _Buckets(of_cell, start, rows_of_parts(per_part, start[:-1]))
