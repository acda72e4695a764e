"""Window search and images: kernels against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid, Windows, extract_images, find_windows

from tests.oracles import ion_images as oracle

# few different values, so that there are ties and bounds that are hit
MZ = st.one_of(st.integers(99, 103).map(float), st.floats(99, 103), st.floats(1, 5000))


@st.composite
def searches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    ppm = draw(st.sampled_from([0.0, 3.0, 5000.0, 1e5]))
    pattern = draw(
        stn.arrays(
            np.float64, st.tuples(st.integers(0, 9), st.integers(1, 16)), elements=MZ | st.just(0.0)
        )
    )
    mz = draw(stn.arrays(dtype, st.integers(0, 60), elements=MZ.map(dtype)))
    half_width = pattern * ppm * 1e-6
    at_bounds = np.concatenate([pattern - half_width, pattern + half_width, pattern]).ravel()
    n_at_bounds = draw(st.integers(0, 20))
    return np.sort(np.concatenate([mz, at_bounds[:n_at_bounds]]).astype(dtype)), pattern, ppm


@given(searches())
@settings(max_examples=400)
def test_windows_equal_numpy(search: tuple[np.ndarray, np.ndarray, float]) -> None:
    mz, pattern, ppm = search
    found, expected = find_windows(mz, pattern, ppm), oracle.find_windows(mz, pattern, ppm)
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.stop, expected.stop)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_rows", "n_ions"), [(200_000, 3000), (500, 20_000), (100_000, 7)])
@pytest.mark.parametrize("ppm", [0.0, 3.0, 3000.0])
def test_windows_equal_numpy_at_all_densities(
    dtype: type[np.floating[Any]], n_rows: int, n_ions: int, ppm: float
) -> None:
    rng = np.random.default_rng(n_rows)
    mz = np.sort(rng.choice(rng.uniform(80, 1000, n_rows // 2), n_rows)).astype(dtype)
    pattern = rng.uniform(70, 1010, (n_ions, 1)) + np.arange(4)
    pattern[::5, 2:] = 0
    pattern[1::5, 0] = mz[rng.integers(0, n_rows, len(pattern[1::5]))]
    found, expected = find_windows(mz, pattern, ppm), oracle.find_windows(mz, pattern, ppm)
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.stop, expected.stop)


def test_windows_of_slices_and_other_orders() -> None:
    mz = np.linspace(90, 110, 4001)[::2]
    pattern = np.linspace(109, 91, 24).reshape(4, 6)[:, ::2]
    found, expected = find_windows(mz, pattern, 100.0), oracle.find_windows(mz, pattern, 100.0)
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.stop, expected.stop)


def test_padding_finds_nothing() -> None:
    windows = find_windows(np.array([0.0, 0.0, 5.0]), np.array([[5.0, 0.0]]), 3.0)
    assert windows.n_found.tolist() == [[1, 0]]


@st.composite
def scattered(draw: st.DrawFn) -> tuple[Peaks, Windows, Grid]:
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    n = draw(st.integers(0, 40))
    intensity = draw(
        stn.arrays(np.float32, n, elements=st.floats(0, width=32) | st.just(1.0) | st.just(0.0))
    )
    pixel = draw(stn.arrays(np.uint32, n, elements=st.integers(0, height * width - 1)))
    shape = draw(st.tuples(st.integers(0, 4), st.integers(1, 16)))
    bounds = np.sort(draw(stn.arrays(np.int64, (2, *shape), elements=st.integers(0, n))), axis=0)
    peaks = Peaks(np.arange(n, dtype=np.float64), intensity, pixel)
    return peaks, Windows(bounds[0], bounds[1]), Grid(np.ones((height, width), np.bool_))


@given(scattered())
@settings(max_examples=300)
def test_images_equal_numpy_to_the_bit(case: tuple[Peaks, Windows, Grid]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        expected = oracle.extract_images(*case)
    np.testing.assert_array_equal(extract_images(*case), expected)


def test_intensities_of_one_pixel_are_summed_in_float64() -> None:
    peaks = Peaks(np.arange(4.0), np.array([2**24, 1, 1, 1], np.float32), np.zeros(4, np.uint32))
    image = extract_images(
        peaks, Windows(np.array([[0]]), np.array([[4]])), Grid(np.ones((1, 2), bool))
    )
    assert image[0, 0].tolist() == [[2**24 + 4, 0]]


@pytest.mark.parametrize(
    ("start", "stop", "pixel"), [(0, 3, 0), (-1, 1, 0), (2, 1, 0), (0, 2, 4), (0, 1, 2**32 - 1)]
)
def test_refuses_what_is_out_of_range(start: int, stop: int, pixel: int) -> None:
    peaks = Peaks(np.ones(2), np.ones(2, np.float32), np.full(2, pixel, np.uint32))
    windows = Windows(np.array([[start]]), np.array([[stop]]))
    with pytest.raises(ValueError, match="out of range"):
        extract_images(peaks, windows, Grid(np.ones((2, 2), np.bool_)))
