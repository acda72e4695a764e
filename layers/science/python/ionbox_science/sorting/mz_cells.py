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

# What peak_sort.c has for the bucket of a cell without peaks, and of one that is left out.
_EMPTY, _PASSED_OVER = 2**32 - 1, 2**32 - 2

PEAKS_PER_TASK = 1 << 22
"""Peaks that are sorted between two reports of progress, at most."""

# Tasks per thread when buckets are sorted: enough to even out buckets that take longer.
_TASKS_PER_THREAD = 4
_PLACED = 0.54  # of the time of the second pass, how much is over when peaks are placed


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Counts and sums of the first pass.

    Attributes
    ----------
    per_part : (n_parts, n_cells) uint64
        Peaks above zero of each part of the spectra in each cell.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of intensities of every spectrum that was read; zero for others.
    ascends : (n_spectra,) bool
        Whether the m/z of a spectrum that was read never descend; False for others.
    """

    per_part: UInt64Array
    spectrum_tic: npt.NDArray[np.float64]
    ascends: npt.NDArray[np.bool_]


def count_cells(dataset: OpenDataset, parts: Sequence[SpectrumPart], n_threads: int) -> CellCounts:
    """Read the parts for the first time: count peaks above zero per cell, sum them per spectrum."""
    n_cells = call_kernel("ionbox_get_n_cells")
    per_part = np.zeros((len(parts), n_cells), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)
    ascends = np.zeros(dataset.header.n_spectra, np.bool_)

    progress = count_peaks(dataset, parts, "peaks read")

    def count(index: int) -> None:
        arguments = parts[index].read_first(), progress, per_part[index]
        of_spectra = spectrum_tic, ascends
        feed_kernel("ionbox_count_cells", dataset, *arguments, of_spectra=of_spectra)

    spread(count, range(len(parts)), n_threads)
    return CellCounts(per_part, spectrum_tic, ascends)


class CellSort:
    """The second pass: peaks of neighbouring buckets, placed and sorted.

    Parameters
    ----------
    dataset : OpenDataset
        What the parts are part of.
    parts : sequence of SpectrumPart
        Neighbouring spectra, in the order of the file.
    counted : CellCounts
        What `count_cells` returned for them.
    n_threads : int
        Threads that work on the parts, then on the buckets.

    Attributes
    ----------
    start : (n_groups + 1,) uint64
        First row of each bucket in the output, and the number of rows.
    """

    def __init__(
        self,
        dataset: OpenDataset,
        parts: Sequence[SpectrumPart],
        counted: CellCounts,
        n_threads: int,
    ) -> None:
        self._dataset = dataset
        self._parts = parts
        self._n_threads = n_threads
        self._ascends = counted.ascends
        self._buckets = _plan_buckets(counted)
        self.start = self._buckets.start

    def fill(self, groups: slice, peaks: Peaks) -> None:
        """Read the parts again, and fill in the peaks of neighbouring buckets in order of m/z.

        Parameters
        ----------
        groups : slice
            The buckets.
        peaks : Peaks
            Columns of as many rows as they have.

        Raises
        ------
        InvalidDataset
            If a part has other peaks than were counted, or the ibd ends too early.
        """
        start = self.start[groups.start : groups.stop + 1] - self.start[groups.start]
        rows = self._buckets.rows[:, groups] - self.start[groups.start]
        of_cell = self._buckets.of_cell
        cells = 0, len(of_cell)
        if groups.stop - groups.start < len(self.start) - 1:
            of_cell = _number_from(of_cell, groups)
            (chosen,) = np.nonzero(of_cell < _PASSED_OVER)
            cells = int(chosen[0]), int(chosen[-1]) + 1
        columns = peak_columns(peaks)
        placed = count_peaks(self._dataset, self._parts, "peaks placed")
        in_order = ProgressCount(len(peaks), "peaks sorted")

        def scatter(index: int) -> None:
            of_part = np.ascontiguousarray(rows[index])
            batches, of_spectra = self._parts[index].read_again(), [self._ascends]
            arguments = batches, placed, of_cell, *cells, of_part, columns
            feed_kernel("ionbox_scatter_peaks", self._dataset, *arguments, of_spectra=of_spectra)
            check_filled(of_part)

        def sort(task: slice) -> None:
            starts = start[task.start : task.stop + 1]
            call_kernel("ionbox_sort_buckets", task.stop - task.start, starts, columns)
            in_order.add(int(starts[-1] - starts[0]))

        n_threads = self._n_threads
        with part_of_progress(0, _PLACED):
            spread(scatter, range(len(self._parts)), n_threads)
        n_tasks = _TASKS_PER_THREAD * n_threads if n_threads > 1 else 1
        n_tasks = max(n_tasks, -(-len(peaks) // PEAKS_PER_TASK))
        with part_of_progress(_PLACED, 1):
            spread(sort, split_evenly(np.diff(start).astype(np.int64), n_tasks), n_threads)


def _number_from(of_cell: UInt32Array, buckets: slice) -> UInt32Array:
    """Return the buckets of cells, some numbered from 0; cells of the others are passed over."""
    numbered = of_cell - np.uint32(buckets.start)  # of those before, it wraps around
    numbered[numbered >= buckets.stop - buckets.start] = _PASSED_OVER
    numbered[of_cell == _EMPTY] = _EMPTY
    return numbered


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
