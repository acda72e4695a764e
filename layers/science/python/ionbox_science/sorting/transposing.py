"""Spectra that share one ascending m/z axis: nothing is sorted, the intensities are transposed.

How `peak_sorting` treats continuous imzML: a channel, one m/z of the axis, has its peaks side by
side once the table of spectra by channels is transposed, and channels are in order of m/z already.
As in `mz_cells`, parts of the spectra are read twice, to count and to place their peaks.
``kernels/sorting/transpose.c`` does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.progress import part_of_progress
from ionbox_science.sorting.batch_calls import check_filled, count_peaks, feed_kernel
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumPart, rows_of_parts, spread


def is_axis(mz: npt.NDArray[np.floating[Any]]) -> bool:
    """Say whether m/z strictly ascend, so that the channels are in order as they are.

    Equal m/z would not do: their peaks have to be in the order of the spectra, not channel by
    channel.
    """
    return len(mz) > 0 and not np.isnan(mz[0]) and bool((mz[1:] > mz[:-1]).all())


def transpose_spectra(
    dataset: OpenDataset,
    mz: npt.NDArray[np.floating[Any]],
    parts: Sequence[SpectrumPart],
    n_threads: int,
) -> tuple[Peaks, npt.NDArray[np.float64]]:
    """Read the parts twice: to count peaks above zero per channel, and to place them.

    Parameters
    ----------
    dataset : OpenDataset
        What the parts are part of.
    mz : (n_channels,) float32 or float64
        The axis, strictly ascending.
    parts : sequence of SpectrumPart
        Neighbouring spectra, in the order of the file.
    n_threads : int
        Threads that work on the parts.

    Returns
    -------
    peaks : Peaks
        All peaks above zero, m/z ascending; peaks of equal m/z in the order of the file.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of intensities of every spectrum of the dataset; zero for those in no part.

    Raises
    ------
    InvalidDataset
        If the ibd ends too early, or changes between the two times it is read.
    """
    per_part = np.zeros((len(parts), len(mz)), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)
    counted = count_peaks(dataset, parts, "peaks read")
    placed = count_peaks(dataset, parts, "peaks placed")

    def count(index: int) -> None:
        arguments = parts[index].read_first(), counted, len(mz), per_part[index]
        feed_kernel("ionbox_count_channels", dataset, *arguments, spectrum_tic=spectrum_tic)

    with part_of_progress(0, 0.5):
        spread(count, range(len(parts)), n_threads)
    # Rows follow from counts: channels one after the other, and in each the parts in their order.
    total = per_part.sum(axis=0)
    stop = np.cumsum(total, dtype=np.uint64)
    all_rows = rows_of_parts(per_part, stop - total)
    peaks = dataset.new_columns(int(stop[-1]))
    columns = peak_columns(peaks)

    def scatter(index: int) -> None:
        rows = all_rows[index]
        arguments = parts[index].read_again(), placed, len(mz), rows, columns
        feed_kernel("ionbox_scatter_channels", dataset, *arguments)
        check_filled(rows)

    with part_of_progress(0.5, 1):
        spread(scatter, range(len(parts)), n_threads)
    call_kernel("ionbox_fill_channels", len(mz), mz, stop, columns)
    return peaks, spectrum_tic
