"""Parts of spectra for threads to work on, each read twice: to count peaks, and to place them."""

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
    split_into_blocks,
    widest_gap,
)
from ionbox_science.imzml.spectra import Peaks, read_shared_mz, read_stored

_Item = TypeVar("_Item")


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbouring spectra in memory; ``rows`` says which."""

    rows: slice
    arrays: StoredArrays


@dataclass(frozen=True, eq=False)
class OpenDataset:
    """What is the same for all parts of spectra.

    Attributes
    ----------
    pixel : (n_spectra,) uint32
        Row-major pixel of every spectrum.
    shared_mz : array or None
        The m/z that all spectra have in common, if they do, whatever mode is declared.
    n_bytes : (n_spectra,) int64
        Bytes to read for every spectrum.
    """

    header: ImzmlHeader
    read_range: ReadRange
    watch: WatchPiece | None
    pixel: npt.NDArray[np.uint32]
    shared_mz: npt.NDArray[np.floating[Any]] | None
    n_bytes: Int64Array

    @staticmethod
    def open(header: ImzmlHeader, read_range: ReadRange, watch: WatchPiece | None) -> OpenDataset:
        """Find out what the spectra share."""
        n_bytes = header.intensity_count * header.intensity_dtype.itemsize
        shared_mz = read_shared_mz(header, read_range, watch=watch)
        if shared_mz is None:
            n_bytes = n_bytes + header.mz_count * header.mz_dtype.itemsize
        pixel = np.ascontiguousarray(header.pixel_index)
        return OpenDataset(header, read_range, watch, pixel, shared_mz, n_bytes)

    def new_columns(self, n_peaks: int) -> Peaks:
        """Return columns to fill."""
        return Peaks(
            np.empty(n_peaks, self.header.mz_dtype.newbyteorder("=")),
            np.empty(n_peaks, np.float32),
            np.empty(n_peaks, np.uint32),
        )


@dataclass(eq=False)
class SpectrumPart:
    """Spectra that one thread works on, block by block; twice, keeping what it may of the first.

    Attributes
    ----------
    rows : slice
        The spectra.
    block_bytes : int
        Arrays are read together up to this size.
    keep_bytes : int
        Blocks are kept from the first time up to this size.
    """

    dataset: OpenDataset
    rows: slice
    block_bytes: int
    keep_bytes: int = 0
    kept: list[Block] = field(default_factory=list)
    _keeping: bool = True

    def read_first(self) -> Iterator[Block]:
        """Read all blocks in order."""
        for rows in self._split():
            yield self._keep(self._read(rows, self.dataset.watch))

    def read_again(self) -> Iterator[Block]:
        """Read all blocks in order once more, those kept from memory, which is given back."""
        self.kept.reverse()
        for rows in self._split():
            yield self.kept.pop() if self.kept else self._read(rows, None)

    def _split(self) -> Iterator[slice]:
        n_bytes = self.dataset.n_bytes[self.rows]
        return split_into_blocks(n_bytes, self.block_bytes, self.rows.start)

    def _keep(self, block: Block) -> Block:
        """Keep a block if it and all before it fit."""
        self._keeping = self._keeping and block.arrays.n_bytes <= self.keep_bytes
        if self._keeping:
            self.keep_bytes -= block.arrays.n_bytes
            self.kept.append(block)
        return block

    def _read(self, rows: slice, watch: WatchPiece | None) -> Block:
        dataset = self.dataset
        gap = widest_gap(self.block_bytes, rows.stop - rows.start)
        with_mz = dataset.shared_mz is None
        arrays = read_stored(dataset.header, dataset.read_range, rows, gap, watch, with_mz=with_mz)
        return Block(rows, arrays)


def split_evenly(n_bytes: Int64Array, n_parts: int, first: int = 0) -> list[slice]:
    """Cut spectra, the ``first`` and those after it, into parts of about equal size.

    Some parts may be empty.
    """
    ends = np.cumsum(n_bytes)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, [total * i // n_parts for i in range(1, n_parts)], side="left")
    edges = [0, *cuts.tolist(), len(n_bytes)]
    return [slice(first + start, first + stop) for start, stop in itertools.pairwise(edges)]


def spread(work: Callable[[_Item], None], items: Sequence[_Item], n_threads: int) -> None:
    """Do work on every item, in ``n_threads`` threads."""
    if n_threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, items))


def rows_of_parts(
    per_part: npt.NDArray[np.uint64], start: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Give every part its rows, in order of the parts: (n_parts, n_groups, 2) uint64."""
    stop = start + np.cumsum(per_part, axis=0, dtype=np.uint64)
    return np.stack((stop - per_part, stop), axis=2)
