"""Windows and images against a test of every peak with every window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import (
    drop_small_images,
    extract_images,
    find_windows,
    window_bounds,
)

from tests.builders import build_grid, build_peaks
from tests.oracles import obvious
from tests.oracles.peak_sorting import sort_peaks

GRID = build_grid(3, 4)

# half-integers: windows of 10 000 ppm at 100 are 1 Da wide, so that peaks fall on their edges
half_integers = st.integers(190, 230).map(lambda i: i / 2)
peak_rows = st.tuples(half_integers, st.integers(1, 1000), st.integers(0, GRID.n_pixels - 1))
patterns = st.lists(
    st.lists(st.one_of(st.just(0.0), half_integers), min_size=2, max_size=2),
    min_size=1,
    max_size=6,
).map(np.array)


def build_sorted(rows: list[tuple[float, int, int]], dtype: type[np.floating]) -> Peaks:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return sort_peaks(build_peaks(columns[0], columns[1], columns[2], dtype))


@given(
    st.lists(peak_rows, max_size=40),
    patterns,
    st.sampled_from([0.5, 3.0, 10_000.0]),
    st.sampled_from([np.float32, np.float64]),
)
def test_images_hold_every_peak_of_their_window_and_no_other(
    rows: list[tuple[float, int, int]],
    pattern_mz: npt.NDArray[np.float64],
    ppm: float,
    dtype: type[np.floating],
) -> None:
    peaks = build_sorted(rows, dtype)
    windows = find_windows(peaks.mz, pattern_mz, ppm)
    images = extract_images(peaks, windows, GRID)
    assert images.dtype == np.float32
    for ion, peak in np.ndindex(pattern_mz.shape):
        mz = float(pattern_mz[ion, peak])
        expected, n_found = obvious.draw_image(peaks, mz, ppm, GRID.mask)
        assert windows.n_found[ion, peak] == n_found
        np.testing.assert_array_equal(images[ion, peak], expected)


def test_both_ends_of_a_window_count() -> None:
    low, high = window_bounds(np.array([500.0]), 3.0)
    assert (low[0], high[0]) == (500.0 - 0.0015, 500.0 + 0.0015)
    just_outside = np.nextafter(low[0], 0), np.nextafter(high[0], 1000)
    peaks = build_peaks([just_outside[0], low[0], 500.0, high[0], just_outside[1]])
    windows = find_windows(peaks.mz, np.array([[500.0]]), 3.0)
    assert (windows.start[0, 0], windows.stop[0, 0]) == (1, 4)


def test_peaks_of_one_pixel_are_summed() -> None:
    peaks = build_peaks([200.0, 200.0, 200.0001], [1.5, 2.0, 4.0], [5, 5, 5])
    image = extract_images(peaks, find_windows(peaks.mz, np.array([[200.0]]), 3.0), GRID)
    assert image[0, 0].ravel()[5] == 7.5
    assert np.count_nonzero(image) == 1


def test_padding_of_a_pattern_finds_nothing_even_at_mz_zero() -> None:
    peaks = build_peaks([0.0, 0.0, 200.0])
    windows = find_windows(peaks.mz, np.array([[200.0, 0.0]]), 3.0)
    assert windows.n_found.tolist() == [[1, 0]]


def test_no_peaks_make_empty_images() -> None:
    peaks = build_peaks([])
    windows = find_windows(peaks.mz, np.array([[200.0, 201.0]]), 3.0)
    images = extract_images(peaks, windows, GRID)
    assert images.shape == (1, 2, 3, 4)
    assert not images.any()


@pytest.mark.parametrize(
    ("min_px", "kept"), [(0, [1, 2, 3]), (1, [1, 2, 3]), (2, [0, 2, 3]), (4, [0, 0, 0])]
)
def test_small_images_count_peaks_and_not_pixels(min_px: int, kept: list[int]) -> None:
    # two of the peaks at 300 lie in one pixel
    peaks = build_peaks([100, 200, 200, 300, 300, 300], pixel=[0, 0, 1, 0, 0, 1])
    windows = find_windows(peaks.mz, np.array([[100.0, 200.0, 300.0, 0.0]]), 3.0)
    assert drop_small_images(windows, min_px).n_found[0].tolist() == [*kept, 0]


def test_taking_ions_takes_their_windows() -> None:
    peaks = build_peaks([100, 200, 300])
    windows = find_windows(peaks.mz, np.array([[100.0], [200.0], [300.0]]), 3.0)
    taken = windows.take(np.array([2, 0]))
    assert taken.start.tolist() == [[2], [0]]
    window, row = taken.rows()
    assert (window.tolist(), row.tolist()) == ([0, 1], [2, 0])
