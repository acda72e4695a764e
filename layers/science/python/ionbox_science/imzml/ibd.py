"""Bytes of an ibd file: many arrays in few requests, and a checksum of what passes by.

The ibd is a file on this machine or an object in S3; all that is known of it is a function that
reads a range of bytes (`ReadRange`). `read_arrays` turns offsets and lengths from the header into
few large reads, `split_into_batches` keeps these within memory; what the bytes mean is up to
`ionbox_science.imzml.spectra` and the sorting. `PassingDigest` computes the file's checksum from
what is read anyway.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import Int64Array

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

ReadRange: TypeAlias = "Callable[[int, int], Buffer]"
"""Reads the ibd: takes offset and length in bytes, returns that many bytes, fewer at its end."""

WatchPiece = Callable[[int, memoryview], None]
"""Sees every piece that is read for the first time: offset in the ibd, bytes."""

MAX_GAP = 256 * 1024
"""Bytes between two arrays that are read for nothing: that costs less time than to skip them, by
another request to an object store."""


@dataclass(frozen=True, eq=False)
class StoredArrays:
    """Arrays of an ibd in memory, as they are stored.

    Attributes
    ----------
    buffers : list of (n_bytes,) uint8
        What was read, one per request; they own the memory.
    buffer_index : (n_arrays,) int64
        The buffer that each array lies in.
    position : (n_arrays,) int64
        Where its first byte is in that buffer; has no meaning for empty arrays.
    """

    buffers: list[npt.NDArray[np.uint8]]
    buffer_index: Int64Array
    position: Int64Array

    @property
    def n_bytes(self) -> int:
        """Bytes that were read, gaps included."""
        return sum(buffer.nbytes for buffer in self.buffers)

    def addresses(self) -> npt.NDArray[np.uint64]:
        """Return the memory address of each array's first byte, for kernels: (n_arrays,) uint64.

        Valid as long as ``buffers`` live; an array may start at any byte.
        """
        if not self.buffers:
            return np.zeros(len(self.position), np.uint64)
        in_memory = np.array([buffer.ctypes.data for buffer in self.buffers], np.uint64)
        return in_memory[self.buffer_index] + self.position.astype(np.uint64)

    def views(
        self, counts: Int64Array, value_type: np.dtype[Any], first: int = 0
    ) -> Iterator[npt.NDArray[Any]]:
        """Yield arrays without copying them.

        Parameters
        ----------
        counts : (n_views,) int64
            Values in each array.
        value_type : dtype
            Type of all values.
        first : int
            Which array to begin with.
        """
        arrays = slice(first, first + len(counts))
        places = self.buffer_index[arrays].tolist(), self.position[arrays].tolist()
        for count, index, position in zip(counts.tolist(), *places, strict=True):
            if count:
                yield np.frombuffer(self.buffers[index], value_type, count, position)
            else:
                yield np.empty(0, value_type)


def split_into_batches(n_bytes: Int64Array, batch_bytes: int, first: int = 0) -> Iterator[slice]:
    """Cut spectra into batches that are read together.

    Parameters
    ----------
    n_bytes : (n_spectra,) int64
        Bytes of each spectrum.
    batch_bytes : int
        Most bytes of a batch, unless it is a single spectrum.
    first : int
        Index of the first spectrum.

    Yields
    ------
    slice
        Indices of the next batch's spectra.
    """
    ends = np.cumsum(n_bytes)
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        fit = int(np.searchsorted(ends, before + batch_bytes, side="right"))
        stop = max(fit, start + 1)
        yield slice(first + start, first + stop)
        start = stop


def widest_gap(batch_bytes: int, n_spectra: int) -> int:
    """Return how many bytes may lie between two arrays that are read together.

    With two arrays per spectrum, all gaps of a batch together are then at most as large as the
    batch, so that memory stays within two batches.
    """
    return min(MAX_GAP, batch_bytes // (2 * n_spectra))


def read_arrays(
    read_range: ReadRange,
    offset: Int64Array,
    n_bytes: Int64Array,
    max_gap: int = MAX_GAP,
    watch: WatchPiece | None = None,
) -> StoredArrays:
    """Read many arrays in few requests.

    Parameters
    ----------
    read_range : ReadRange
        Reads the ibd.
    offset, n_bytes : (n_arrays,) int64
        Where the arrays start in the ibd and how long they are, bytes; in any order.
    max_gap : int
        Arrays that overlap, or lie no more than so many bytes apart, are read together.
    watch : callable, optional
        Called with every piece that is read, by ascending offset.

    Raises
    ------
    InvalidDataset
        If the ibd ends before an array does.
    """
    buffer_index = np.zeros(len(offset), np.int64)
    order = offset.argsort(kind="stable")
    order = order[n_bytes[order] > 0]
    if not len(order):
        return StoredArrays([], buffer_index, buffer_index)
    start = offset[order]
    # how far the arrays up to each one reach: a later one may end before an earlier one does
    reach = np.maximum.accumulate(start + n_bytes[order])
    is_apart = start[1:] > reach[:-1] + max_gap
    (apart,) = is_apart.nonzero()
    bases = np.concatenate((start[:1], start[1:][apart]))
    ends = np.concatenate((reach[apart], reach[-1:]))
    buffers = []
    for base, end in zip(bases.tolist(), ends.tolist(), strict=True):
        piece = _read_exactly(read_range, base, end - base)
        if watch is not None:
            watch(base, piece)
        buffers.append(np.frombuffer(piece, np.uint8))
    # an array lies in the buffer before it, or, where it is apart, in the next one
    buffer_index[order[1:]] = is_apart.cumsum()
    return StoredArrays(buffers, buffer_index, offset - bases[buffer_index])


def _read_exactly(read_range: ReadRange, offset: int, length: int) -> memoryview:
    buffer = memoryview(read_range(offset, length))
    if buffer.nbytes != length:
        raise InvalidDataset(
            f"The ibd gave {buffer.nbytes} of the {length} bytes at offset {offset}; it is "
            "truncated or was replaced while being read: upload imzML and ibd again."
        )
    return buffer.cast("B") if buffer.format != "B" else buffer


class PassingDigest:
    """A checksum of a file from pieces that are read anyway: a `WatchPiece`.

    A piece that continues where the last one ended, or overlaps it, is taken; a gap of up to
    `MAX_GAP` before it is read. Other pieces are ignored. `finish` reads what is missing, so the
    checksum is always that of the whole file. For the usual ibd, whose arrays lie one after the
    other, nothing is missing after a sort with one thread. With n threads, which each begin at
    their own part of the file, `finish` has to read all but about the first n-th.

    Parameters
    ----------
    algorithm : str
        As named by ``hashlib``.
    read_range : ReadRange
        Reads the file.
    """

    def __init__(self, algorithm: str, read_range: ReadRange) -> None:
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._read_range = read_range
        self._position = 0
        self._lock = threading.Lock()

    def __call__(self, offset: int, piece: memoryview) -> None:
        """Take a piece into account if it continues the file."""
        if offset > self._position + MAX_GAP:
            return  # too far ahead, now and when the lock is free: do not wait for it
        with self._lock:
            gap = offset - self._position
            if offset + piece.nbytes <= self._position:
                return
            if gap > 0:
                self._read_on(gap)
            self._update(piece[self._position - offset :])

    def finish(self, n_bytes: int, piece_bytes: int = 16 * 1024 * 1024) -> str:
        """Read what is missing and return the checksum of the whole file.

        Parameters
        ----------
        n_bytes : int
            Size of the file.
        piece_bytes : int
            Bytes to read at a time.

        Returns
        -------
        str
            Lower-case hex digits.

        Raises
        ------
        InvalidDataset
            If the file ends before ``n_bytes``.
        """
        while self._position < n_bytes:
            self._read_on(min(piece_bytes, n_bytes - self._position))
        return self._digest.hexdigest()

    def _read_on(self, n_bytes: int) -> None:
        self._update(_read_exactly(self._read_range, self._position, n_bytes))

    def _update(self, piece: memoryview) -> None:
        self._digest.update(piece)
        self._position += piece.nbytes


class WatchBeside:
    """A `WatchPiece` that has another one look at each piece in a thread of its own, in order.

    One piece is looked at while the caller goes on with it, and reads the next; what the other one
    raises is raised by the next call, or at the end of the context.
    """

    def __init__(self, watch: WatchPiece) -> None:
        self._watch = watch
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def __call__(self, offset: int, piece: memoryview) -> None:
        """Have a piece looked at, after the one before."""
        self._wait()
        self._under_way = self._thread.submit(self._watch, offset, piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._thread.shutdown()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None
