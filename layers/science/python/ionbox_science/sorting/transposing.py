"""Spectra that share one ascending m/z axis: nothing is sorted, the intensities are transposed.

How `peak_sorting` treats continuous imzML: a channel, one m/z of the axis, has its peaks side by
side once the table of spectra by channels is transposed, and channels are in order of m/z already.
As in `mz_cells`, parts of the spectra are read twice, to count and to place their peaks.
``kernels/sorting/transpose.c`` does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.sorting.batch_calls import check_filled, count_peaks, feed_kernel
from ionbox_science.sorting.spectrum_parts import OpenDataset, SpectrumPart, rows_of_parts, spread


def is_axis(mz: npt.NDArray[np.floating[Any]]) -> bool:
    """Say whether m/z strictly ascend, so that the channels are in order as they are.

    Equal m/z would not do: their peaks have to be in the order of the spectra, not channel by
    channel.
    """
    return len(mz) > 0 and not np.isnan(mz[0]) and bool((mz[1:] > mz[:-1]).all())


@dataclass(frozen=True, eq=False)
class ChannelCounts:
    """Counts and sums of the first pass.

    Attributes
    ----------
    per_part : (n_parts, n_channels) uint64
        Peaks above zero of each part of the spectra in each channel.
    spectrum_tic : (n_spectra,) float64, counts
        Sum of intensities of every spectrum that was read; zero for others.
    """

    per_part: npt.NDArray[np.uint64]
    spectrum_tic: npt.NDArray[np.float64]


def count_channels(
    dataset: OpenDataset, n_channels: int, parts: Sequence[SpectrumPart], n_threads: int
) -> ChannelCounts:
    """Read the parts for the first time: count peaks above zero per channel, sum per spectrum."""
    per_part = np.zeros((len(parts), n_channels), np.uint64)
    spectrum_tic = np.zeros(dataset.header.n_spectra)
    progress = count_peaks(dataset, parts, "peaks read")

    def count(index: int) -> None:
        arguments = parts[index].read_first(), progress, n_channels, per_part[index]
        feed_kernel("ionbox_count_channels", dataset, *arguments, of_spectra=[spectrum_tic])

    spread(count, range(len(parts)), n_threads)
    return ChannelCounts(per_part, spectrum_tic)


class ChannelSort:
    """The second pass: peaks of neighbouring channels, placed.

    Parameters
    ----------
    dataset : OpenDataset
        What the parts are part of.
    mz : (n_channels,) float32 or float64
        The axis, strictly ascending.
    parts : sequence of SpectrumPart
        Neighbouring spectra, in the order of the file.
    counted : ChannelCounts
        What `count_channels` returned for them.
    n_threads : int
        Threads that work on the parts.

    Attributes
    ----------
    start : (n_groups + 1,) uint64
        First row of each channel in the output, and the number of rows.
    """

    def __init__(
        self,
        dataset: OpenDataset,
        mz: npt.NDArray[np.floating[Any]],
        parts: Sequence[SpectrumPart],
        counted: ChannelCounts,
        n_threads: int,
    ) -> None:
        self._dataset = dataset
        self._mz = mz
        self._parts = parts
        self._n_threads = n_threads
        # rows follow from counts: channels one after the other, in each the parts in their order
        total = counted.per_part.sum(axis=0)
        self.start = np.concatenate(([0], np.cumsum(total, dtype=np.uint64))).astype(np.uint64)
        self._rows = rows_of_parts(counted.per_part, self.start[:-1])

    def fill(self, groups: slice, peaks: Peaks) -> None:
        """Read the parts again, and fill in the peaks of neighbouring channels in order of m/z.

        Parameters
        ----------
        groups : slice
            The channels.
        peaks : Peaks
            Columns of as many rows as they have.

        Raises
        ------
        InvalidDataset
            If a part has other peaks than were counted, or the ibd ends too early.
        """
        rows = self._rows[:, groups] - self.start[groups.start]
        stop = self.start[groups.start + 1 : groups.stop + 1] - self.start[groups.start]
        n_channels = groups.stop - groups.start
        columns = peak_columns(peaks)
        placed = count_peaks(self._dataset, self._parts, "peaks placed")

        def scatter(index: int) -> None:
            of_part = np.ascontiguousarray(rows[index])
            batches = self._parts[index].read_again()
            arguments = batches, placed, groups.start, n_channels, of_part, columns
            feed_kernel("ionbox_scatter_channels", self._dataset, *arguments)
            check_filled(of_part)

        spread(scatter, range(len(self._parts)), self._n_threads)
        call_kernel("ionbox_fill_channels", n_channels, self._mz[groups], stop, columns)
