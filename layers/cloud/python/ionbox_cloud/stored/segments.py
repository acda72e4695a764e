"""Segments as objects: written once, then any m/z window is a few ranged reads.

All peaks of a dataset in order of m/z, cut into objects of some 50 MB
(`ionbox_science.sorting.segments` has their layout). AnnotateSegments and RenderImages read them,
PlanAnnotation and EstimateFdr count with them, and the client draws the image of any m/z from them.

Behind the columns of a segment are the checksums by which each read is checked::

    checksums  n_blocks × 3 × uint32: CRC-32C of the block of mz, intensity and pixel
    checksum   uint32: CRC-32C of index and checksums

Segments of versions before they had checksums are read without; their manifest says so.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid, extract_images, find_windows, window_bounds
from ionbox_science.sorting.block_checksums import UInt32s, checksum, checksum_blocks, copy_blocks
from ionbox_science.sorting.segments import INDEX_STEP, SegmentLayout, encode_segment

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, InvalidMessage, MissingObject
from ionbox_cloud.json_record import PublishedRecord
from ionbox_cloud.storage.object_bytes import SEAL, unseal
from ionbox_cloud.storage.side_by_side import map_in_order
from ionbox_cloud.store import Store

Float64s = npt.NDArray[np.float64]

SegmentIndex = tuple[Float64s, "UInt32s | None"]
"""m/z of every `INDEX_STEP`-th peak of a segment, and the checksums of its blocks if it has any."""

_COLUMNS = ("mz", "intensity", "pixel")

_CHECKSUM = np.dtype("<u4")

_PARALLEL_READS = 4  # of files at once
# Reading up to so many steps of the index for nothing costs less than another request.
_STEPS_PER_REQUEST = 4


@dataclass(frozen=True)
class SegmentsManifest(PublishedRecord):
    """What the segments of a dataset are; written last.

    Attributes
    ----------
    mz_dtype : str
        numpy's name of the m/z type, ``<f4`` or ``<f8``.
    n_peaks : tuple of int
        Peaks of each segment.
    bounds : tuple of float
        Ascending m/z between one segment and the next; a peak at a bound is in the upper one.
    mz_min, mz_max : float
        Lowest and highest m/z of the dataset.
    n_implausible : int
        Peaks that were left out because no instrument measures their m/z.
    has_checksums : bool
        Whether segments have checksums of their blocks; those of early versions have none.
    """

    mz_dtype: str
    n_peaks: tuple[int, ...]
    bounds: tuple[float, ...]
    mz_min: float
    mz_max: float
    n_implausible: int = 0
    has_checksums: bool = False


def write_peaks(store: Store, key: str, peaks: Peaks) -> None:
    """Write a segment: its columns, the checksums of their blocks, and that of both indices."""
    layout = SegmentLayout(len(peaks), peaks.mz.dtype)
    columns = encode_segment(peaks)
    sums = np.empty((layout.n_index, len(_COLUMNS)), _CHECKSUM)
    for place, name in enumerate(_COLUMNS):
        sums[:, place] = checksum_blocks(columns[place], layout.block_bytes(name))
    index = columns[-1].tobytes() + sums.tobytes()
    last = np.array([checksum(index)], _CHECKSUM).tobytes()
    store.write(key, [*columns[:-1], memoryview(index + last)])


def write_manifest(store: Store, segments_id: str, manifest: SegmentsManifest) -> None:
    """Write the manifest; to be called last, since it says that all segments are there."""
    store.write_sealed(keys.segments_manifest(segments_id), manifest.to_json())


def read_manifest(store: Store, segments_id: str) -> SegmentsManifest:
    """Read the manifest of a dataset's segments.

    Raises
    ------
    MissingObject
        If there is none: the segments are not all there.
    DamagedObject
        If it is not what was written.
    """
    key = keys.segments_manifest(segments_id)
    data = store.read(key)
    try:
        document = json.loads(data)
        # early versions sealed nothing, and their segments had no checksums
        sealed = SEAL in document or "has_checksums" in document
        return SegmentsManifest.from_json(unseal(data, key) if sealed else document)
    except (ValueError, TypeError, InvalidMessage):
        raise DamagedObject.of(key, "it is no manifest") from None


T = TypeVar("T")


def read_ahead(reads: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Yield what each call returns, while the next call is already under way in a thread.

    So reading and computing overlap, and two results are in memory at a time.
    """
    with ThreadPoolExecutor(1) as pool:
        under_way: deque[Future[T]] = deque()
        for read in reads:
            under_way.append(pool.submit(read))
            if len(under_way) > 1:
                yield under_way.popleft().result()  # which is kept by nobody here
        if under_way:
            yield under_way.popleft().result()


class SegmentReader:
    """Reads m/z windows of a dataset's sorted peaks.

    Parameters
    ----------
    store : Store
        The results bucket, where segments are.
    segments_id : str
        Identity of the dataset's segments.

    Raises
    ------
    MissingObject
        If the segments are not all there: they have no manifest.
    DamagedObject
        If the manifest is not what was written. Whatever reads segments raises it for them.
    """

    def __init__(self, store: Store, segments_id: str) -> None:
        self._store = store
        self._segments_id = segments_id
        self.manifest = read_manifest(store, segments_id)
        self._mz_dtype = np.dtype(self.manifest.mz_dtype)
        self._indices: dict[int, SegmentIndex] = {}

    @property
    def mz_range(self) -> tuple[float, float]:
        """Lowest and highest m/z of the dataset."""
        return self.manifest.mz_min, self.manifest.mz_max

    def plan_read(self, lowest: npt.ArrayLike, highest: npt.ArrayLike) -> Callable[[], Peaks]:
        """Return a call that reads what `read` would, for `read_ahead`."""
        return functools.partial(self.read, lowest, highest)

    def read_indices(self, lowest: npt.ArrayLike, highest: npt.ArrayLike) -> None:
        """Read the indices that m/z ranges need, those of many segments at once.

        Without this, each is read when it is first needed.
        """
        if self._store.at_once == 1:
            return
        needed = self._find_segments(np.atleast_1d(lowest), np.atleast_1d(highest))
        missing = [segment for segment, _ in needed if segment not in self._indices]
        for _ in map_in_order(self._index, missing, self._store.at_once):
            pass

    def count_peaks(self, lowest: npt.ArrayLike, highest: npt.ArrayLike) -> int:
        """Count the peaks that `read` would return; only the indices of segments are read."""
        ranges = self._find_rows(np.atleast_1d(lowest), np.atleast_1d(highest))
        return sum(stop - start for _, start, stop in ranges)

    def read(self, lowest: npt.ArrayLike, highest: npt.ArrayLike) -> Peaks:
        """Read all peaks in the m/z ranges from ``lowest`` to ``highest``, both included.

        Parameters
        ----------
        lowest, highest : (n_ranges,) float64, or one number each
            In any order; ranges may overlap.

        Returns
        -------
        Peaks
            Sorted by m/z, each once; among them some that lie near a range.
        """
        ranges = self._find_rows(np.atleast_1d(lowest), np.atleast_1d(highest))
        # where each range begins in the result, and, one more, where the last one ends
        rows = np.cumsum([0, *(stop - start for _, start, stop in ranges)]).tolist()
        with ThreadPoolExecutor(max(_PARALLEL_READS, self._store.at_once)) as pool:
            if len(ranges) == 1:
                read = functools.partial(self._read_in_place, ranges[0])
                return Peaks(*pool.map(read, _COLUMNS))
            columns = [np.empty(rows[-1], dtype) for dtype in self._dtypes()]
            reads = [
                pool.submit(self._read_rows, part, name, column[start:stop])
                for part, (start, stop) in zip(ranges, itertools.pairwise(rows), strict=True)
                for name, column in zip(_COLUMNS, columns, strict=True)
            ]
        for each in reads:
            each.result()
        return Peaks(*columns)

    def read_image(
        self, mz: float, ppm: float, mask: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float32]:
        """Return the image of any m/z, made as the isotope images of annotated ions are.

        Parameters
        ----------
        mz : float
            Middle of the window.
        ppm : float
            Half width of the window, in parts per million of ``mz``.
        mask : (height, width) bool
            True where a pixel was measured.

        Returns
        -------
        (height, width) float32, counts
            Intensities summed per pixel; however few pixels there are, none is dropped.
        """
        window = np.array([[mz]])
        peaks = self.read(*window_bounds(window[0], ppm))
        images = extract_images(peaks, find_windows(peaks.mz, window, ppm), Grid(mask))
        return np.asarray(images[0, 0])

    def _dtypes(self) -> tuple[np.dtype[Any], ...]:
        """Return the types of columns in memory."""
        return (self._mz_dtype.newbyteorder("="), np.dtype(np.float32), np.dtype(np.uint32))

    def _read_in_place(self, rows: tuple[int, int, int], name: str) -> npt.NDArray[Any]:
        """Return (segment, first row, last row + 1) of a column where they were read to."""
        segment, start, stop = rows
        layout = self._layout(segment)
        stored = self._read_bytes(segment, *layout.byte_range(name, start, stop))
        column = np.frombuffer(stored, layout.columns[name][1])
        if not column.dtype.isnative or not column.flags.aligned:
            column = column.astype(column.dtype.newbyteorder("="))
        self._check_blocks(rows, name, lambda n_bytes: checksum_blocks(stored, n_bytes))
        return column

    def _read_rows(self, rows: tuple[int, int, int], name: str, target: npt.NDArray[Any]) -> None:
        """Read (segment, first row, last row + 1) of a column into its place."""
        segment, start, stop = rows
        layout = self._layout(segment)
        stored = self._read_bytes(segment, *layout.byte_range(name, start, stop))
        if not self._check_blocks(rows, name, lambda n_bytes: copy_blocks(stored, n_bytes, target)):
            target[:] = np.frombuffer(stored, layout.columns[name][1])

    def _check_blocks(
        self, rows: tuple[int, int, int], name: str, sum_up: Callable[[int], UInt32s]
    ) -> bool:
        """Compare the checksums of what was read, given by a call that takes the bytes of a block.

        Returns
        -------
        bool
            Whether there are checksums to compare with; if not, nothing is called.

        Raises
        ------
        DamagedObject
            If one differs.
        """
        segment, start, stop = rows
        checksums = self._index(segment)[1]
        if checksums is None:
            return False
        layout = self._layout(segment)
        expected = checksums[layout.find_blocks(start, stop), _COLUMNS.index(name)]
        if not np.array_equal(sum_up(layout.block_bytes(name)), expected):
            key = keys.segment(self._segments_id, segment)
            raise DamagedObject.of(key, "a block of it has another checksum")
        return True

    def _read_bytes(self, segment: int, offset: int, n_bytes: int) -> memoryview:
        """Read a range of a segment, which must be long enough."""
        key = keys.segment(self._segments_id, segment)
        try:
            stored = self._store.map_range(key, offset, n_bytes)
        except MissingObject:
            if not self._store.exists(key):
                raise
            stored = memoryview(b"")
        if len(stored) != n_bytes:
            raise DamagedObject.of(key, "it is too short")
        return stored

    def _find_rows(self, lowest: Float64s, highest: Float64s) -> list[tuple[int, int, int]]:
        """Return (segment, first row, last row + 1) of what covers some m/z ranges."""
        self.read_indices(lowest, highest)
        ranges = []
        for segment, here in self._find_segments(lowest, highest):
            covered = self._cover(segment, lowest[here], highest[here])
            ranges += [(segment, start, stop) for start, stop in covered]
        return ranges

    def _find_segments(
        self, lowest: Float64s, highest: Float64s
    ) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
        """Yield the segments that some m/z ranges lie in, and which ranges these are."""
        # right: a peak at a bound lies in the segment above it
        first = np.searchsorted(self.manifest.bounds, lowest, side="right")
        last = np.searchsorted(self.manifest.bounds, highest, side="right")
        for segment in range(int(first.min(initial=0)), int(last.max(initial=-1)) + 1):
            here = (first <= segment) & (segment <= last)
            if here.any():
                yield segment, here

    def _cover(
        self, segment: int, lowest: Float64s, highest: Float64s
    ) -> Iterator[tuple[int, int]]:
        """Yield the rows of a segment that cover m/z ranges, whole index steps at a time."""
        # +1 where a range begins, -1 behind its end: steps with a sum above 0 are in some range
        index, _ = self._index(segment)
        change = np.zeros(len(index) + 1, np.int64)
        np.add.at(change, np.maximum(np.searchsorted(index, lowest, side="left") - 1, 0), 1)
        np.add.at(change, np.searchsorted(index, highest, side="right"), -1)
        needed = np.flatnonzero(np.cumsum(change[:-1]) > 0)
        if not needed.size:
            return
        breaks = np.flatnonzero(np.diff(needed) > _STEPS_PER_REQUEST)
        starts, stops = needed[[0, *(breaks + 1)]], needed[[*breaks, -1]] + 1
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            yield start * INDEX_STEP, min(stop * INDEX_STEP, self.manifest.n_peaks[segment])

    def _layout(self, segment: int) -> SegmentLayout:
        return SegmentLayout(self.manifest.n_peaks[segment], self._mz_dtype)

    def _index(self, segment: int) -> SegmentIndex:
        """Return what lies behind the peaks of a segment, which is read once."""
        if segment not in self._indices:
            self._indices[segment] = self._read_index(segment)
        return self._indices[segment]

    def _read_index(self, segment: int) -> SegmentIndex:
        """Read what lies behind the peaks of a segment.

        Returns
        -------
        mz : (n_blocks,) float64
            m/z of every `INDEX_STEP`-th peak.
        checksums : (n_blocks, 3) uint32 or None
            Of the blocks of each column; None if the segments have none.
        """
        layout = self._layout(segment)
        offset, n_bytes = layout.byte_range("index", 0, layout.n_index)
        if not self.manifest.has_checksums:
            return np.frombuffer(self._read_bytes(segment, offset, n_bytes), "<f8"), None
        sums_bytes = layout.n_index * len(_COLUMNS) * _CHECKSUM.itemsize
        stored = self._read_bytes(segment, offset, n_bytes + sums_bytes + _CHECKSUM.itemsize)
        index, last = stored[: -_CHECKSUM.itemsize], stored[-_CHECKSUM.itemsize :]
        if checksum(index) != int(np.frombuffer(last, _CHECKSUM)[0]):
            key = keys.segment(self._segments_id, segment)
            raise DamagedObject.of(key, "its index has another checksum")
        checksums = np.frombuffer(index[n_bytes:], _CHECKSUM).reshape(-1, len(_COLUMNS))
        return np.frombuffer(index[:n_bytes], "<f8"), checksums
