"""A sorted span of spectra as bytes, from which each segment's peaks can be read alone.

A span is neighbouring spectra of the file.

Spans are sorted one by one, and merged segment by segment. One span is one object: for each segment
in order of m/z, a block of the span's peaks in it::

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
    """Return the bytes of a peak in all columns: 12 or 16."""
    return mz_dtype.itemsize + 8


@dataclass(frozen=True, eq=False)
class SpanLayout:
    """Where the blocks of a span lie.

    Attributes
    ----------
    n_peaks : (n_segments,) int64
        Peaks of the span in each segment.
    mz_dtype : dtype
        float32 or float64.
    """

    n_peaks: Int64Array
    mz_dtype: MzType

    def byte_range(self, segment: int) -> tuple[int, int]:
        """Return (offset, length) in bytes of the block of a segment."""
        width = bytes_per_peak(self.mz_dtype)
        return int(self.n_peaks[:segment].sum()) * width, int(self.n_peaks[segment]) * width


def encode_span(peaks: Peaks, bounds: Float64s) -> tuple[list[memoryview], Int64Array]:
    """Cut a sorted span at the bounds of the segments.

    Parameters
    ----------
    peaks : Peaks
        m/z ascending.
    bounds : (n_segments - 1,) float64
        As of `ionbox_science.sorting.segments.plan_bounds`.

    Returns
    -------
    columns : list of 3 n_segments memoryviews
        m/z, intensity and pixel of the first segment's block, of the second's, and so on; views of
        the peaks.
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

    Raises
    ------
    ValueError
        If the buffer is not as long as so many peaks are.
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
