"""Parts of spectra for threads to work on, each read twice: to count peaks, and to place them.

Sorting cuts a dataset, or a span of it, into one part per thread (`split_evenly`). A part reads its
spectra in batches, and keeps those it has room for from the first time to the second
(`SpectrumPart`). From the counts of all parts follows which rows of the output each one fills
(`rows_of_parts`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.header import ImzmlHeader, Int64Array
from ionbox_science.imzml.ibd import (
    ReadRange,
    StoredArrays,
    WatchPiece,
    split_into_batches,
    widest_gap,
)
from ionbox_science.imzml.peak_picking import PickedSpectra
from ionbox_science.imzml.spectra import Peaks, pick_stored, read_shared_mz, read_stored

_Item = TypeVar("_Item")


@dataclass(frozen=True, eq=False)
class SpectrumBatch:
    """Neighbouring spectra in memory.

    Attributes
    ----------
    rows : slice
        Which spectra, in the order of the file.
    arrays : StoredArrays or PickedSpectra
        Their arrays as `ionbox_science.imzml.spectra.read_stored` reads them, m/z only where they
        are not shared; or their peaks, if the dataset's are picked.
    """

    rows: slice
    arrays: StoredArrays | PickedSpectra


@dataclass(frozen=True, eq=False)
class OpenDataset:
    """A dataset to be sorted: what is the same for all parts of its spectra.

    Attributes
    ----------
    header : ImzmlHeader
        Header of the dataset.
    read_range : ReadRange
        Reads its ibd.
    watch : callable or None
        Called with every piece of the ibd that is read for the first time.
    pixel : (n_spectra,) uint32
        Row-major pixel of every spectrum.
    shared_mz : (n_channels,) float32 or float64, or None
        The m/z that all spectra have in common, if they do, whatever mode is declared.
    n_bytes : (n_spectra,) int64
        Bytes to read for every spectrum; a shared m/z array is not counted.
    """

    header: ImzmlHeader
    read_range: ReadRange
    watch: WatchPiece | None
    pixel: npt.NDArray[np.uint32]
    shared_mz: npt.NDArray[np.floating[Any]] | None
    n_bytes: Int64Array

    @staticmethod
    def open(header: ImzmlHeader, read_range: ReadRange, watch: WatchPiece | None) -> OpenDataset:
        """Open a dataset; reads the m/z array that its spectra share, if they do.

        Raises
        ------
        InvalidDataset
            If the ibd ends before that array does.
        """
        n_bytes = header.intensity_count * header.intensity_dtype.itemsize
        shared_mz = read_shared_mz(header, read_range, watch=watch)
        if shared_mz is None:
            n_bytes = n_bytes + header.mz_count * header.mz_dtype.itemsize
        pixel = np.ascontiguousarray(header.pixel_index)
        return OpenDataset(header, read_range, watch, pixel, shared_mz, n_bytes)

    @property
    def is_picked(self) -> bool:
        """Whether peaks are picked from profile spectra."""
        return self.header.picked is not None

    def new_columns(self, n_peaks: int) -> Peaks:
        """Return columns of so many peaks for kernels to fill; their content is undefined."""
        return Peaks(
            np.empty(n_peaks, self.header.mz_dtype.newbyteorder("=")),
            np.empty(n_peaks, np.float32),
            np.empty(n_peaks, np.uint32),
        )


@dataclass(eq=False)
class SpectrumPart:
    """Spectra that one thread works on, batch by batch, twice.

    Attributes
    ----------
    dataset : OpenDataset
        What they are part of.
    rows : slice
        The spectra.
    batch_bytes : int
        Size up to which arrays are read together.
    keep_bytes : int
        Bytes of batches that may still be kept from the first time to the second.
    kept : list of SpectrumBatch
        The first batches, which fitted.
    """

    dataset: OpenDataset
    rows: slice
    batch_bytes: int
    keep_bytes: int = 0
    kept: list[SpectrumBatch] = field(default_factory=list)
    _keeping: bool = True

    def read_first(self) -> Iterator[SpectrumBatch]:
        """Read all batches in order."""
        for rows in self._split():
            yield self._keep(self._read(rows, self.dataset.watch))

    def read_again(self) -> Iterator[SpectrumBatch]:
        """Yield all batches in order once more: those that were kept, and read the others again.

        A kept batch's memory is given back as soon as the caller lets go of it.
        """
        self.kept.reverse()  # to take the first from the end
        for rows in self._split():
            yield self.kept.pop() if self.kept else self._read(rows, None)

    def _split(self) -> Iterator[slice]:
        n_bytes = self.dataset.n_bytes[self.rows]
        return split_into_batches(n_bytes, self.batch_bytes, self.rows.start)

    def _keep(self, batch: SpectrumBatch) -> SpectrumBatch:
        """Keep a batch if it and all before it fit, so that those kept are the first ones."""
        self._keeping = self._keeping and batch.arrays.n_bytes <= self.keep_bytes
        if self._keeping:
            self.keep_bytes -= batch.arrays.n_bytes
            self.kept.append(batch)
        return batch

    def _read(self, rows: slice, watch: WatchPiece | None) -> SpectrumBatch:
        dataset = self.dataset
        gap = widest_gap(self.batch_bytes, rows.stop - rows.start)
        with_mz = dataset.shared_mz is None
        arrays = read_stored(dataset.header, dataset.read_range, rows, gap, watch, with_mz=with_mz)
        if not dataset.is_picked:
            return SpectrumBatch(rows, arrays)
        found = pick_stored(dataset.header, rows, arrays, dataset.shared_mz)
        return SpectrumBatch(rows, found)


def split_evenly(n_bytes: Int64Array, n_parts: int, first: int = 0) -> list[slice]:
    """Cut spectra, or anything else that has sizes, into neighbouring parts of about equal size.

    Parameters
    ----------
    n_bytes : (n,) int64
        Size of each, in bytes or whatever is to be even.
    n_parts : int
        Parts; some may be empty.
    first : int
        Number of the first spectrum, at which the slices begin.
    """
    ends = np.cumsum(n_bytes)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, [total * i // n_parts for i in range(1, n_parts)], side="left")
    edges = [0, *cuts.tolist(), len(n_bytes)]
    return [slice(first + start, first + stop) for start, stop in itertools.pairwise(edges)]


def spread(work: Callable[[_Item], None], items: Sequence[_Item], n_threads: int) -> None:
    """Do work on every item, in ``n_threads`` threads; raises what the work raises."""
    if n_threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, items))  # the list, for exceptions to be raised here


def rows_of_parts(
    per_part: npt.NDArray[np.uint64], start: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Give every part rows of its own in each bucket or channel, in order of the parts.

    This makes the sort stable: parts are in the order of the file, and each fills its rows in turn.

    Parameters
    ----------
    per_part : (n_parts, n_groups) uint64
        Peaks of each part in each group.
    start : (n_groups,) uint64
        First row of each group.

    Returns
    -------
    (n_parts, n_groups, 2) uint64
        First row, and one past the last, of each part in each group.
    """
    stop = start + np.cumsum(per_part, axis=0, dtype=np.uint64)
    return np.stack((stop - per_part, stop), axis=2)
