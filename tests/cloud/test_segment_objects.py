"""Segments as objects: every peak once, and any m/z window from a few ranged reads."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import pairwise

import ionbox_cloud.stored.segments
import ionbox_science.sorting.segments
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.errors import MissingObject
from ionbox_cloud.store import Store
from ionbox_cloud.stored.segment_writing import write_segment
from ionbox_cloud.stored.segments import SegmentReader, SegmentsManifest, read_ahead, write_manifest
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.segments import cut_segments, plan_bounds

from tests.oracles.peak_sorting import sort_peaks

INDEX_STEP = 3


@pytest.fixture(scope="module", autouse=True)
def small_index() -> Iterator[None]:
    """A coarse index would make every window the whole of such small datasets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ionbox_cloud.stored.segments, "INDEX_STEP", INDEX_STEP)
        patch.setattr(ionbox_science.sorting.segments, "INDEX_STEP", INDEX_STEP)
        yield


@st.composite
def datasets(draw: st.DrawFn) -> Peaks:
    """Unsorted peaks with many ties; the intensity tells a peak from all others."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    mz = draw(
        st.lists(
            st.sampled_from([100.1, 100.2, 250.0, 300.3, 777.7, 900.9])
            | st.floats(50, 1000, width=32),
            min_size=1,
            max_size=60,
        )
    )
    n = len(mz)
    return Peaks(
        np.array(mz, dtype),
        np.arange(1, n + 1, dtype=np.float32),
        np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), np.uint32),
    )


MZ = st.sampled_from([0.0, 100.1, 100.2, 300.3, 900.9, 1e4]) | st.floats(40, 1100)
WINDOWS = st.tuples(MZ, MZ)


def write(peaks: Peaks, peaks_per_segment: int) -> SegmentReader:
    store = Store.open("memory://")
    bounds = plan_bounds(peaks.mz.astype(np.float64), len(peaks), peaks_per_segment).tolist()
    parts = cut_segments(sort_peaks(peaks), np.array(bounds))
    written = [write_segment(store, "s", index, part) for index, part in enumerate(parts)]
    manifest = SegmentsManifest(
        peaks.mz.dtype.str,
        tuple(segment.n_peaks for segment in written),
        tuple(bounds),
        float(peaks.mz.min()),
        float(peaks.mz.max()),
        has_checksums=True,
    )
    write_manifest(store, "s", manifest)
    return SegmentReader(store, "s")


def read_all(reader: SegmentReader) -> Peaks:
    return reader.read(0.0, np.inf)


@given(datasets(), st.integers(1, 20))
def test_segments_hold_every_peak_once_in_order(peaks: Peaks, peaks_per_segment: int) -> None:
    expected = sort_peaks(peaks)
    reader = write(peaks, peaks_per_segment)
    found = read_all(reader)
    np.testing.assert_array_equal(found.mz, expected.mz)
    np.testing.assert_array_equal(found.intensity, expected.intensity)
    np.testing.assert_array_equal(found.pixel, expected.pixel)
    assert found.mz.dtype == peaks.mz.dtype
    assert reader.mz_range == (expected.mz[0], expected.mz[-1])


@given(datasets(), st.integers(1, 20), WINDOWS)
def test_a_window_holds_all_its_peaks_and_little_more(
    peaks: Peaks, peaks_per_segment: int, window: tuple[float, float]
) -> None:
    lowest, highest = sorted(window)
    reader = write(peaks, peaks_per_segment)
    found, everything = reader.read(lowest, highest), sort_peaks(peaks)
    assert (np.diff(found.mz) >= 0).all()
    wanted, inside = (
        each.intensity[(lowest <= exact) & (exact <= highest)]
        for each in (everything, found)
        for exact in [each.mz.astype(np.float64)]
    )
    np.testing.assert_array_equal(inside, wanted)
    assert len(found) <= len(wanted) + 2 * INDEX_STEP
    assert reader.count_peaks(lowest, highest) == len(found)


@given(datasets())
def test_equal_mz_are_never_in_two_segments(peaks: Peaks) -> None:
    manifest = write(peaks, 2).manifest
    edges = np.cumsum([0, *manifest.n_peaks])
    in_order = np.sort(peaks.mz)
    parts = [set(in_order[a:b].tolist()) for a, b in pairwise(edges)]
    assert sum(map(len, parts)) == len(set(in_order.tolist()))


def test_reading_ahead_keeps_the_order_and_is_one_call_ahead() -> None:
    started = []

    def read(number: int) -> int:
        started.append(number)
        return number

    seen = []
    for number in read_ahead(functools.partial(read, i) for i in range(5)):
        seen.append(number)
        assert len(started) <= number + 2
    assert seen == started == [0, 1, 2, 3, 4]
    assert list(read_ahead([])) == []


def test_what_goes_wrong_while_reading_ahead_is_raised_in_its_turn() -> None:
    def fail() -> int:
        raise MissingObject("gone")

    reads = read_ahead([lambda: 1, fail, lambda: 3])
    assert next(reads) == 1
    with pytest.raises(MissingObject, match="gone"):
        next(reads)
