"""Segments as objects: written once, then any m/z window is a few ranged reads."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.segments import (
    INDEX_STEP,
    SegmentLayout,
    cut_segments,
    encode_segment,
)
from ionbox_science.spectra import Peaks

from ionbox_cloud import keys
from ionbox_cloud.datasets import IbdChecksum
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.store import Store


@dataclass(frozen=True)
class SegmentsManifest(JsonRecord):
    """What the segments of a dataset are; written last.

    Attributes
    ----------
    mz_dtype : str
        numpy's name of the m/z type.
    n_peaks : tuple of int
        Peaks per segment.
    bounds : tuple of float
        m/z between segments.
    mz_min, mz_max : float
        Lowest and highest m/z of the dataset.
    checksum : IbdChecksum
        Of the ibd they were made from.
    """

    mz_dtype: str
    n_peaks: tuple[int, ...]
    bounds: tuple[float, ...]
    mz_min: float
    mz_max: float
    checksum: IbdChecksum


def write_segments(
    store: Store,
    segments_id: str,
    sorted_peaks: Peaks,
    bounds: Sequence[float],
    checksum: IbdChecksum,
) -> SegmentsManifest:
    """Cut sorted peaks at the bounds and write them, the manifest last."""
    n_peaks = []
    for index, peaks in enumerate(cut_segments(sorted_peaks, np.array(bounds, np.float64))):
        store.write(keys.segment(segments_id, index), encode_segment(peaks))
        n_peaks.append(len(peaks.mz))
    manifest = SegmentsManifest(
        mz_dtype=sorted_peaks.mz.dtype.str,
        n_peaks=tuple(n_peaks),
        bounds=tuple(bounds),
        mz_min=float(sorted_peaks.mz[0]),
        mz_max=float(sorted_peaks.mz[-1]),
        checksum=checksum,
    )
    store.write_json(keys.segments_manifest(segments_id), manifest.to_json())
    return manifest


class SegmentReader:
    """Reads m/z windows of a dataset's sorted peaks.

    Parameters
    ----------
    store : Store
        The results bucket.
    segments_id : str
        Which dataset.
    """

    def __init__(self, store: Store, segments_id: str) -> None:
        self._store = store
        self._segments_id = segments_id
        self.manifest = SegmentsManifest.from_json(
            store.read_json(keys.segments_manifest(segments_id))
        )
        self._mz_dtype = np.dtype(self.manifest.mz_dtype)

    @property
    def mz_range(self) -> tuple[float, float]:
        """Lowest and highest m/z of the dataset."""
        return self.manifest.mz_min, self.manifest.mz_max

    def count_peaks(self, lowest: float, highest: float) -> int:
        """Count the peaks that `read` would return."""
        return sum(stop - start for _, start, stop in self._runs(lowest, highest))

    def read(self, lowest: float, highest: float) -> Peaks:
        """Read all peaks between two m/z, both included, and at most two index steps more.

        Returns
        -------
        Peaks
            Sorted by m/z.
        """
        mz, intensity, pixel = (
            [np.empty(0, dtype)] for dtype in (self._mz_dtype, np.float32, np.uint32)
        )
        for segment, start, stop in self._runs(lowest, highest):
            layout = self._layout(segment)
            key = keys.segment(self._segments_id, segment)
            for name, parts in (("mz", mz), ("intensity", intensity), ("pixel", pixel)):
                offset, n_bytes = layout.byte_range(name, start, stop)
                part = self._store.read_range(key, offset, n_bytes)
                parts.append(np.frombuffer(part, layout.columns[name][1]))
        return Peaks(_join(mz), _join(intensity), _join(pixel))

    def _runs(self, lowest: float, highest: float) -> list[tuple[int, int, int]]:
        """Return (segment, first row, last row + 1) of what covers an m/z range."""
        first = np.searchsorted(self.manifest.bounds, lowest, side="right")
        last = np.searchsorted(self.manifest.bounds, highest, side="right")
        runs = []
        for segment in range(int(first), int(last) + 1):
            index = self._index(segment)
            start = max(0, int(np.searchsorted(index, lowest, side="left")) - 1) * INDEX_STEP
            stop = int(np.searchsorted(index, highest, side="right")) * INDEX_STEP
            stop = min(stop, self.manifest.n_peaks[segment])
            if stop > start:
                runs.append((segment, start, stop))
        return runs

    def _layout(self, segment: int) -> SegmentLayout:
        return SegmentLayout(self.manifest.n_peaks[segment], self._mz_dtype)

    @functools.cache  # noqa: B019 (a reader lives as long as its call)
    def _index(self, segment: int) -> npt.NDArray[np.float64]:
        layout = self._layout(segment)
        key = keys.segment(self._segments_id, segment)
        offset, n_bytes = layout.byte_range("index", 0, layout.n_index)
        return np.frombuffer(self._store.read_range(key, offset, n_bytes), "<f8")


def _join(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Concatenate, without a copy if there is one part behind the empty first one."""
    return parts[1] if len(parts) == 2 else np.concatenate(parts)
