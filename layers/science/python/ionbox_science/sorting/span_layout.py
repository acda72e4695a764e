"""A sorted span of spectra as bytes, from which each segment's peaks can be read alone.

A span is neighbouring spectra of the file. Datasets that are too large to be sorted at once are
sorted span by span (``SortSpans``, or a task with a disk) and merged segment by segment
(``MergeSegments``). One span is one object: for each segment, in order of m/z, a block of those
peaks of the span that lie in it::

    mz         n_peaks × float32 or float64, as in the file, ascending
    intensity  n_peaks × float32
    pixel      n_peaks × uint32

little-endian, without gaps. The object does not say how many peaks there are in each block:
`encode_span` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.segments import Float64s, SegmentLayout, cut_segments, encode_column

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

Int64Array = npt.NDArray[np.int64]
MzType = np.dtype[np.floating[Any]]

_COLUMNS = ("mz", "intensity", "pixel")


def bytes_per_peak(mz_dtype: MzType) -> int:
    """Return the bytes of one peak in all columns: 12 with float32 m/z, 16 with float64."""
    return mz_dtype.itemsize + 8


@dataclass(frozen=True, eq=False)
class SpanLayout:
    """Where the blocks of a span lie in its object.

    Attributes
    ----------
    n_peaks : (n_segments,) int64
        Peaks of the span in each segment.
    mz_dtype : dtype
        float32 or float64.
    """

    n_peaks: Int64Array
    mz_dtype: MzType

    def byte_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return (offset, length) in bytes of the blocks of segments ``start`` to ``stop``.

        Blocks of neighbouring segments lie next to each other, so they are one range.
        """
        width = bytes_per_peak(self.mz_dtype)
        return int(self.n_peaks[:start].sum()) * width, int(self.n_peaks[start:stop].sum()) * width

    def cut_blocks(self, buffer: Buffer, start: int, stop: int) -> list[memoryview]:
        """Cut what `byte_range` says was read into the block of each segment, without a copy.

        Raises
        ------
        ValueError
            If the buffer is longer or shorter than the blocks are.
        """
        stored = memoryview(buffer).cast("B")
        offset, n_bytes = self.byte_range(start, stop)
        if stored.nbytes != n_bytes:
            raise ValueError(f"{stored.nbytes} bytes are not the {n_bytes} bytes of these blocks")
        ranges = [self.byte_range(segment, segment + 1) for segment in range(start, stop)]
        return [stored[place - offset : place - offset + size] for place, size in ranges]


def encode_span(peaks: Peaks, bounds: Float64s) -> tuple[list[memoryview], Int64Array]:
    """Cut a sorted span at the bounds of the segments.

    Parameters
    ----------
    peaks : Peaks
        m/z ascending.
    bounds : (n_segments - 1,) float64
        m/z at which to cut: see `ionbox_science.sorting.segments.plan_bounds`.

    Returns
    -------
    columns : list of 3 × n_segments memoryviews
        m/z, intensity and pixel of the first segment's block, of the second's, and so on; they are
        views of the peaks where these are little-endian.
    n_peaks : (n_segments,) int64
        Peaks of each block, by which `SpanLayout` finds it.
    """
    blocks = list(cut_segments(peaks, bounds))
    types = SegmentLayout(len(peaks), peaks.mz.dtype).columns
    columns = [
        encode_column(getattr(block, name), types[name][1]) for block in blocks for name in _COLUMNS
    ]
    return columns, np.array([len(block) for block in blocks], np.int64)


def decode_block(buffer: Buffer, n_peaks: int, mz_dtype: MzType) -> Peaks:
    """Return the peaks of a block, as views of its bytes.

    Parameters
    ----------
    buffer : Buffer
        The block.
    n_peaks : int
        Peaks in it, as `encode_span` counted them.
    mz_dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If the buffer is longer or shorter than so many peaks are.
    """
    columns = SegmentLayout(n_peaks, mz_dtype).columns
    stored = memoryview(buffer)
    if stored.nbytes != n_peaks * bytes_per_peak(mz_dtype):
        raise ValueError(
            f"a block of {stored.nbytes} bytes does not hold {n_peaks} peaks of {mz_dtype}"
        )
    mz, intensity, pixel = (
        np.frombuffer(stored, dtype, n_peaks, offset) if n_peaks else np.empty(0, dtype)
        for offset, dtype in (columns[name] for name in _COLUMNS)
    )
    return Peaks(mz, intensity, pixel)
