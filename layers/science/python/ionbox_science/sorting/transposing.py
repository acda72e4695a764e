"""Spectra that share one ascending m/z axis: nothing is sorted, the intensities are transposed.

See ``kernels/transpose.c``, which does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.kernel import check, check_filled, feed_kernel, pointer, sort_kernel
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumRun, rows_of_runs, spread


def is_axis(mz: npt.NDArray[np.floating[Any]]) -> bool:
    """Say whether m/z strictly ascend; where they do, channels are in order as they are."""
    return len(mz) > 0 and not np.isnan(mz[0]) and bool((mz[1:] > mz[:-1]).all())


def transpose_spectra(
    dataset: OpenDataset,
    mz: npt.NDArray[np.floating[Any]],
    runs: Sequence[SpectrumRun],
    n_threads: int,
) -> tuple[Peaks, npt.NDArray[np.float64]]:
    """Read the runs twice: to count peaks above zero per channel, and to place them.

    Returns
    -------
    peaks, spectrum_tic
        As in `ionbox_science.sorting.peak_sorting.SortedRun`, but the sums for all spectra of the
        dataset, zero for those that were not read.
    """
    per_run = np.zeros((len(runs), len(mz)), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)

    def count(index: int) -> None:
        kernel, blocks = sort_kernel().ionbox_count_channels, runs[index].read_first()
        counts = pointer(per_run[index])
        feed_kernel(kernel, dataset, blocks, len(mz), counts, spectrum_tic=spectrum_tic)

    spread(count, range(len(runs)), n_threads)
    total = per_run.sum(axis=0)
    stop = np.cumsum(total, dtype=np.uint64)
    all_rows = rows_of_runs(per_run, stop - total)
    peaks = dataset.new_columns(int(stop[-1]))

    def scatter(index: int) -> None:
        rows = all_rows[index]
        kernel, blocks = sort_kernel().ionbox_scatter_channels, runs[index].read_again()
        arguments = pointer(rows), pointer(peaks.intensity), pointer(peaks.pixel)
        feed_kernel(kernel, dataset, blocks, len(mz), *arguments)
        check_filled(rows)

    spread(scatter, range(len(runs)), n_threads)
    columns = pointer(mz), pointer(stop), pointer(peaks.mz)
    check(sort_kernel().ionbox_fill_channels(len(mz), mz.itemsize, *columns))
    return peaks, spectrum_tic
