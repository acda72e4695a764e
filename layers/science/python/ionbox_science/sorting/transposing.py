"""Spectra that share one ascending m/z axis: nothing is sorted, the intensities are transposed.

See ``kernels/sorting/transpose.c``, which does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.sorting.kernel import check_filled, feed_kernel
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumPart, rows_of_parts, spread


def is_axis(mz: npt.NDArray[np.floating[Any]]) -> bool:
    """Say whether m/z strictly ascend; where they do, channels are in order as they are."""
    return len(mz) > 0 and not np.isnan(mz[0]) and bool((mz[1:] > mz[:-1]).all())


def transpose_spectra(
    dataset: OpenDataset,
    mz: npt.NDArray[np.floating[Any]],
    parts: Sequence[SpectrumPart],
    n_threads: int,
) -> tuple[Peaks, npt.NDArray[np.float64]]:
    """Read the parts twice: to count peaks above zero per channel, and to place them.

    Returns
    -------
    peaks, spectrum_tic
        As in `ionbox_science.sorting.peak_sorting.SortedSpan`, but the sums for all spectra of the
        dataset, zero for those that were not read.
    """
    per_part = np.zeros((len(parts), len(mz)), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)

    def count(index: int) -> None:
        blocks, arguments = parts[index].read_first(), (len(mz), per_part[index])
        feed_kernel("ionbox_count_channels", dataset, blocks, *arguments, spectrum_tic=spectrum_tic)

    spread(count, range(len(parts)), n_threads)
    total = per_part.sum(axis=0)
    stop = np.cumsum(total, dtype=np.uint64)
    all_rows = rows_of_parts(per_part, stop - total)
    peaks = dataset.new_columns(int(stop[-1]))
    columns = peak_columns(peaks)

    def scatter(index: int) -> None:
        rows = all_rows[index]
        arguments = len(mz), rows, columns
        feed_kernel("ionbox_scatter_channels", dataset, parts[index].read_again(), *arguments)
        check_filled(rows)

    spread(scatter, range(len(parts)), n_threads)
    call_kernel("ionbox_fill_channels", len(mz), mz, stop, columns)
    return peaks, spectrum_tic
