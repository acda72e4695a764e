"""Segments: the peaks of a dataset sorted by m/z and cut into m/z ranges.

They are what sorting makes and scoring reads: an item of ions needs the few segments that its m/z
windows lie in, not the dataset. Here is where to cut (`plan_bounds`, part of the plan of a run),
the cutting, and the layout in storage.

Every way of sorting (one Lambda, many, or Fargate) cuts at the same m/z bounds, which the plan
fixes from a sample of spectra, so they all make the same bytes. One segment is one object::

    mz         n_peaks × float32 or float64, as in the file, ascending
    intensity  n_peaks × float32
    pixel      n_peaks × uint32
    index      ceil(n_peaks / INDEX_STEP) × float64: m/z of every INDEX_STEP-th peak

little-endian, without gaps, so that the peaks of any m/z window are three ranged reads. Whoever
stores a segment puts checksums behind it (`ionbox_cloud.stored.segments`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks

INDEX_STEP = 4096
"""Peaks between two entries of a segment's m/z index."""

PEAKS_PER_SEGMENT = 4_000_000
"""Peaks a segment should have: 48 MB with float32 m/z, 64 MB with float64."""

Float64s = npt.NDArray[np.float64]


def plan_bounds(sampled_mz: Float64s, n_peaks: int, peaks_per_segment: int) -> Float64s:
    """Choose the m/z at which to cut a dataset into segments of about equal size.

    Parameters
    ----------
    sampled_mz : (n_sampled,) float64
        m/z of the peaks of a fair sample of spectra, in any order; not empty unless one segment is
        enough.
    n_peaks : int
        Peaks of the whole dataset.
    peaks_per_segment : int
        Peaks a segment should have.

    Returns
    -------
    (n_segments - 1,) float64
        Strictly ascending. Segment ``i`` holds ``bounds[i - 1] <= mz < bounds[i]``, so equal m/z
        are never split. Fewer bounds than planned where a sampled m/z would be cut at twice.
    """
    n_segments = max(1, round(n_peaks / peaks_per_segment))
    in_order = np.sort(sampled_mz)
    cuts = np.arange(1, n_segments) * in_order.size // n_segments
    # equal cuts would make empty segments
    return np.unique(in_order[cuts])


def cut_segments(sorted_peaks: Peaks, bounds: Float64s) -> Iterator[Peaks]:
    """Yield the peaks of each segment, the empty ones too, as views.

    Parameters
    ----------
    sorted_peaks : Peaks
        m/z ascending.
    bounds : (n_segments - 1,) float64
        As of `plan_bounds`.
    """
    # Bounds in the type of the data: searching float32 for float64 would convert all of the data.
    cuts = np.searchsorted(sorted_peaks.mz, bounds.astype(sorted_peaks.mz.dtype), side="left")
    edges = [0, *cuts.tolist(), len(sorted_peaks.mz)]
    for start, stop in itertools.pairwise(edges):
        rows = slice(start, stop)
        yield Peaks(sorted_peaks.mz[rows], sorted_peaks.intensity[rows], sorted_peaks.pixel[rows])


def index_segment(peaks: Peaks) -> Float64s:
    """Return the m/z of every `INDEX_STEP`-th peak of a segment, the first included: float64."""
    return peaks.mz[::INDEX_STEP].astype(np.float64)


@dataclass(frozen=True)
class SegmentLayout:
    """Where the columns of a segment's object lie.

    Attributes
    ----------
    n_peaks : int
        Peaks of the segment: rows of all columns but the index.
    mz_dtype : dtype
        float32 or float64.
    """

    n_peaks: int
    mz_dtype: np.dtype[np.floating]

    @property
    def columns(self) -> dict[str, tuple[int, np.dtype[np.generic]]]:
        """Byte offset and little-endian dtype of each column."""
        mz_bytes = self.n_peaks * self.mz_dtype.itemsize
        return {
            "mz": (0, self.mz_dtype.newbyteorder("<")),
            "intensity": (mz_bytes, np.dtype("<f4")),
            "pixel": (mz_bytes + 4 * self.n_peaks, np.dtype("<u4")),
            "index": (mz_bytes + 8 * self.n_peaks, np.dtype("<f8")),
        }

    @property
    def n_index(self) -> int:
        """Entries of the m/z index; also blocks, which are the rows from one entry to the next."""
        return -(-self.n_peaks // INDEX_STEP)

    @property
    def n_bytes(self) -> int:
        """Size of all columns together, bytes."""
        offset, dtype = self.columns["index"]
        return offset + self.n_index * dtype.itemsize

    def block_bytes(self, column: str) -> int:
        """Return the size in bytes of a block of a column; the last one may be shorter."""
        return INDEX_STEP * self.columns[column][1].itemsize

    def find_blocks(self, start: int, stop: int) -> slice:
        """Return which blocks rows ``start`` to ``stop`` are, if ``start`` begins a block."""
        return slice(start // INDEX_STEP, -(-stop // INDEX_STEP))

    def byte_range(self, column: str, start: int, stop: int) -> tuple[int, int]:
        """Return (offset, length) in bytes of rows ``start`` to ``stop`` (excluded) of a column."""
        offset, dtype = self.columns[column]
        return offset + start * dtype.itemsize, (stop - start) * dtype.itemsize


def encode_segment(peaks: Peaks) -> list[memoryview]:
    """Return the columns of a segment as bytes, in the order they are stored."""
    columns = SegmentLayout(len(peaks.mz), peaks.mz.dtype).columns
    values: list[npt.NDArray[Any]] = [
        peaks.mz,
        peaks.intensity,
        peaks.pixel,
        index_segment(peaks),
    ]
    return [
        encode_column(value, dtype)
        for value, (_, dtype) in zip(values, columns.values(), strict=True)
    ]


def encode_column(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> memoryview:
    """Return an array as bytes of a type; no copy where it is contiguous and of that type."""
    return np.ascontiguousarray(values, dtype).data.cast("B") if values.size else memoryview(b"")
