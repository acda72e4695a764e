"""Sorting peaks and cutting them: nothing lost, nothing twice, wherever the cuts are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.segments import (
    INDEX_STEP,
    SegmentLayout,
    cut_segments,
    encode_segment,
    index_segment,
    plan_bounds,
)

from tests.builders import build_peaks
from tests.oracles.peak_sorting import sort_peaks

# few values, so that many are equal
masses = st.lists(st.integers(0, 25).map(lambda i: 100 + i / 8), max_size=60)
dtypes = st.sampled_from([np.float32, np.float64])


def number_peaks(mz: list[float], dtype: type[np.floating] = np.float64) -> Peaks:
    """Give each peak a number of its own, as its pixel and intensity."""
    return build_peaks(mz, np.arange(len(mz)) + 1, np.arange(len(mz)), dtype)


@given(masses, dtypes)
def test_sorting_keeps_every_peak_whole_and_equal_mz_in_order(
    mz: list[float], dtype: type[np.floating]
) -> None:
    peaks = sort_peaks(number_peaks(mz, dtype))
    rows = list(zip(peaks.mz.tolist(), peaks.pixel.tolist(), strict=True))
    assert rows == sorted((value, i) for i, value in enumerate(mz))
    np.testing.assert_array_equal(peaks.intensity, peaks.pixel + 1)
    assert peaks.mz.dtype == dtype


@given(masses, st.lists(st.floats(99, 104), max_size=5).map(sorted), dtypes)
def test_each_peak_is_in_exactly_the_segment_of_its_mz(
    mz: list[float], bounds: list[float], dtype: type[np.floating]
) -> None:
    edges = np.array(bounds)
    segments = list(cut_segments(sort_peaks(number_peaks(mz, dtype)), edges))
    assert len(segments) == len(bounds) + 1
    assert sorted(p for s in segments for p in s.pixel.tolist()) == list(range(len(mz)))
    for i, segment in enumerate(segments):
        low = -np.inf if i == 0 else edges[i - 1].astype(dtype)
        high = np.inf if i == len(bounds) else edges[i].astype(dtype)
        assert ((segment.mz >= low) & (segment.mz < high)).all()


@given(masses, st.integers(1, 40), dtypes)
def test_equal_mz_are_never_split(
    mz: list[float], peaks_per_segment: int, dtype: type[np.floating]
) -> None:
    bounds = plan_bounds(np.array(mz), len(mz), peaks_per_segment)
    assert (np.diff(bounds) > 0).all()
    segments = cut_segments(sort_peaks(number_peaks(mz, dtype)), bounds)
    seen: set[float] = set()
    for segment in segments:
        values = set(segment.mz.tolist())
        assert not values & seen
        seen |= values


@given(st.integers(0, 300), st.integers(1, 50))
def test_segments_of_distinct_masses_have_about_the_size_asked_for(
    n_peaks: int, peaks_per_segment: int
) -> None:
    mz = np.arange(n_peaks) / 7 + 100
    bounds = plan_bounds(mz, n_peaks, peaks_per_segment)
    assert (np.diff(bounds) > 0).all()
    sizes = [len(s) for s in cut_segments(build_peaks(mz), bounds)]
    assert len(sizes) == max(1, round(n_peaks / peaks_per_segment))
    assert max(sizes) - min(sizes) <= 1


def test_bounds_do_not_depend_on_the_order_of_the_sample() -> None:
    sample = np.random.default_rng(0).uniform(100, 900, 500)
    np.testing.assert_array_equal(
        plan_bounds(sample, 5_000, 1_000), plan_bounds(np.sort(sample)[::-1], 5_000, 1_000)
    )


def test_a_small_dataset_is_one_segment() -> None:
    assert plan_bounds(np.arange(100.0), 100, 4_000_000).size == 0


@pytest.mark.parametrize(
    "n_peaks", [0, 1, INDEX_STEP - 1, INDEX_STEP, INDEX_STEP + 1, 3 * INDEX_STEP]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_rows_of_a_stored_segment_are_found_by_its_layout(
    n_peaks: int, dtype: type[np.floating]
) -> None:
    peaks = number_peaks((np.arange(n_peaks) / 16 + 100).tolist(), dtype)
    stored = b"".join(encode_segment(peaks))
    layout = SegmentLayout(n_peaks, np.dtype(dtype))
    assert layout.n_index == len(index_segment(peaks))
    assert len(stored) == sum(layout.byte_range("index", 0, layout.n_index))
    rows = slice(n_peaks // 3, n_peaks // 2)
    for name, column in (("mz", peaks.mz), ("intensity", peaks.intensity), ("pixel", peaks.pixel)):
        offset, length = layout.byte_range(name, rows.start, rows.stop)
        read = np.frombuffer(stored[offset : offset + length], layout.columns[name][1])
        np.testing.assert_array_equal(read, column[rows])


@settings(max_examples=25)
@given(st.floats(90, 1200), st.floats(0, 200), st.integers(0, 2**32 - 1))
def test_index_brackets_every_window(low: float, width: float, seed: int) -> None:
    mz: npt.NDArray[np.float64] = np.sort(
        np.random.default_rng(seed).integers(100, 1100, 20_000) / 1.0
    )
    index = index_segment(build_peaks(mz))
    # the blocks that may hold low..high: from the one before the first entry >= low
    first = max(int(np.searchsorted(index, low, "left")) - 1, 0) * INDEX_STEP
    last = int(np.searchsorted(index, low + width, "right")) * INDEX_STEP
    inside = np.flatnonzero((mz >= low) & (mz <= low + width))
    assert not inside.size or (first <= inside[0] and inside[-1] < last)
