"""Pieces of an object, read side by side before they are asked for one by one.

A request to S3 takes some 25 ms whatever it brings. What looks at hundreds of samples of an ibd is
written as if reading cost nothing; this makes it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.ibd import MAX_GAP
from ionbox_science.imzml.spectra import ReadRange

from ionbox_cloud.storage.side_by_side import AT_ONCE, map_in_order

MOST_BYTES = 256 << 20
"""What is kept in memory at most, unless told otherwise."""

Ranges = npt.NDArray[np.int64]
"""(n, 2): offset and end of each, bytes."""


class ReadAhead:
    """A `ReadRange` that has read some ranges already.

    Parameters
    ----------
    read_range : ReadRange
        Reads the object; used by several threads at once.
    ranges : (n, 2) int64
        Offset and end of what will be asked for, bytes; in any order, and they may overlap. They
        are read up to ``most_bytes``.
    request_bytes : int
        What one request brings at most: several are faster than a long one.
    most_bytes : int
        What is kept in memory at most.
    """

    def __init__(
        self,
        read_range: ReadRange,
        ranges: Ranges,
        *,
        request_bytes: int = 8 << 20,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._read_range = read_range
        pieces = list(_limit(join(ranges), most_bytes))
        self._offset = np.array([offset for offset, _ in pieces], np.int64)
        self._buffers = [bytearray(end - offset) for offset, end in pieces]
        requests = [
            (piece, start, min(start + request_bytes, end - offset))
            for piece, (offset, end) in enumerate(pieces)
            for start in range(0, end - offset, request_bytes)
        ]
        for _ in map_in_order(self._fill, requests, AT_ONCE):
            pass

    def _fill(self, request: tuple[int, int, int]) -> None:
        piece, start, stop = request
        found = memoryview(self._read_range(int(self._offset[piece]) + start, stop - start))
        if found.nbytes == stop - start:
            memoryview(self._buffers[piece])[start:stop] = found.cast("B")
        else:  # the object ends here: whoever asks for it is told by it
            self._buffers[piece] = bytearray()

    def __call__(self, offset: int, n_bytes: int) -> memoryview:
        """Return a range: from memory if it was read, else from the object."""
        piece = int(np.searchsorted(self._offset, offset, side="right")) - 1
        if piece >= 0:
            start = offset - int(self._offset[piece])
            if start + n_bytes <= len(self._buffers[piece]):
                return memoryview(self._buffers[piece])[start : start + n_bytes]
        return memoryview(self._read_range(offset, n_bytes))


def array_ranges(header: ImzmlHeader, spectra: npt.NDArray[np.int64] | slice) -> Ranges:
    """Return offset and end of the arrays of some spectra in their ibd, bytes."""
    return np.concatenate(
        [
            np.stack((offset, offset + count * dtype.itemsize), axis=1)
            for offset, count, dtype in (
                (header.mz_offset[spectra], header.mz_count[spectra], header.mz_dtype),
                (
                    header.intensity_offset[spectra],
                    header.intensity_count[spectra],
                    header.intensity_dtype,
                ),
            )
        ]
    )


def join(ranges: Ranges, max_gap: int = MAX_GAP) -> Iterable[tuple[int, int]]:
    """Join ranges that overlap or nearly touch.

    Parameters
    ----------
    ranges : (n, 2) int64
        Offset and end of each; empty ones are left out.
    max_gap : int
        Ranges no more than so many bytes apart become one.

    Returns
    -------
    iterable of (int, int)
        By ascending offset.
    """
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    if not len(ranges):
        return ()
    ranges = ranges[ranges[:, 0].argsort(kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    (apart,) = (ranges[1:, 0] > reach[:-1] + max_gap).nonzero()
    offsets = np.concatenate((ranges[:1, 0], ranges[apart + 1, 0]))
    ends = np.concatenate((reach[apart], reach[-1:]))
    return zip(offsets.tolist(), ends.tolist(), strict=True)


def _limit(ranges: Iterable[tuple[int, int]], most_bytes: int) -> Iterator[tuple[int, int]]:
    left = most_bytes
    for offset, end in ranges:
        left -= end - offset
        if left < 0:
            return
        yield offset, end
