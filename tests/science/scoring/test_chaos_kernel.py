"""The chaos kernel against its numpy version, scipy's ten lines and METASPACE's library."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_science.scoring.chaos import measure_chaos
from scipy import ndimage

from tests.oracles.chaos import measure_chaos as oracle

N_LEVELS = 30
CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = np.ones((3, 3), bool)

Image = npt.NDArray[np.float32]


def chaos_in_scipy(image: Image) -> float:
    levels = (image.max() * np.arange(N_LEVELS, dtype=np.float32)) / np.float32(N_LEVELS)
    counts = []
    for level in levels:
        dilated = ndimage.binary_dilation(image > level, CROSS)
        closed = ndimage.binary_erosion(dilated, SQUARE, border_value=1)
        counts.append(ndimage.label(closed, CROSS)[1])
    chaos = 1 - np.mean(counts) / np.count_nonzero(image > 0)
    return 0.0 if np.isclose(chaos, 1.0) else float(chaos)


def noisy_images(seed: int, filled: float, shape: tuple[int, int, int] = (8, 40, 31)) -> Image:
    rng = np.random.default_rng(seed)
    return (rng.random(shape) * (rng.random(shape) < filled)).astype(np.float32)


def smooth_images(seed: int, n_values: int) -> Image:
    noise = ndimage.gaussian_filter(noisy_images(seed, 1.0), (0, 2, 2))
    steps = np.floor(n_values * (noise - noise.min()) / np.ptp(noise))
    images: Image = steps.astype(np.float32)
    return images


any_images = stn.arrays(
    np.float32,
    stn.array_shapes(min_dims=3, max_dims=3, max_side=12),
    elements=st.one_of(
        st.just(0.0),
        st.integers(0, 30).map(float),
        st.floats(0, width=32),  # inf, NaN, the largest and the smallest of all
    ),
    fill=st.just(0.0),
)


@given(any_images, st.integers(1, 63))
@settings(max_examples=300)
def test_equals_numpy_to_the_bit(images: Image, n_levels: int) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        expected = oracle(images, n_levels)
    np.testing.assert_array_equal(measure_chaos(images, n_levels), expected)


@pytest.mark.parametrize("filled", [0.003, 0.02, 0.1, 0.3, 0.7, 1.0])
def test_equals_numpy_and_scipy_on_noise(filled: float) -> None:
    for seed in range(4):
        images = noisy_images(seed, filled)
        chaos = measure_chaos(images, N_LEVELS)
        np.testing.assert_array_equal(chaos, oracle(images, N_LEVELS))
        assert chaos.tolist() == [chaos_in_scipy(image) for image in images]


@pytest.mark.parametrize("n_values", [2, 5, 30, 31, 1000])
def test_equals_numpy_and_scipy_on_objects_and_plateaus(n_values: int) -> None:
    for seed in range(4):
        images = smooth_images(seed, n_values)
        chaos = measure_chaos(images, N_LEVELS)
        np.testing.assert_array_equal(chaos, oracle(images, N_LEVELS))
        assert chaos.tolist() == [chaos_in_scipy(image) for image in images]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 7), (7, 2), (3, 3)])
def test_out_of_image_neighbours_take_no_part_on_narrow_grids(shape: tuple[int, int]) -> None:
    for seed in range(30):
        images = noisy_images(seed, 0.5, (3, *shape))
        images[:, 0, 0] = 1
        chaos = measure_chaos(images, N_LEVELS)
        assert chaos.tolist() == [chaos_in_scipy(image) for image in images]


@pytest.mark.parametrize("height", [60, 300])
def test_pixels_in_the_corners_of_large_empty_grids(height: int) -> None:
    image = np.zeros((4, height, 257), np.float32)
    image[0, :2, :2] = image[1, -2:, -2:] = [[1, 2], [3, 4]]
    image[2, 50:53, 100:103] = image[2, -1, -3:] = image[2, 0, -2:] = 1
    image[3, 20:30, :3] = 5
    assert measure_chaos(image, N_LEVELS).tolist() == [chaos_in_scipy(one) for one in image]


def test_equals_metaspace_but_for_its_rule_for_one() -> None:
    with warnings.catch_warnings():  # it leaves a file open
        warnings.simplefilter("ignore", ResourceWarning)
        from cpyImagingMSpec import measure_of_chaos

    for filled in (0.05, 0.3, 1.0):
        images = noisy_images(5, filled)
        theirs = np.array([measure_of_chaos(image, N_LEVELS) for image in images])
        ours = measure_chaos(images, N_LEVELS)
        same_rule = ~np.isclose(theirs, 1.0)
        np.testing.assert_allclose(ours[same_rule], theirs[same_rule], rtol=0, atol=1e-15)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -0.0])
def test_nothing_to_measure_is_zero(value: float) -> None:
    image = noisy_images(1, 0.0 if value == 0 else 1.0, (1, 5, 6))
    image[0, 2, 3] = value
    assert measure_chaos(image, N_LEVELS) == [0.0]


def test_an_image_leaves_no_trace_in_the_next() -> None:
    images = np.concatenate([noisy_images(seed, f) for seed, f in enumerate([1, 0.01, 0.4, 0.02])])
    alone = [measure_chaos(image[None], N_LEVELS)[0] for image in images]
    assert measure_chaos(images, N_LEVELS).tolist() == alone


def test_no_images() -> None:
    assert measure_chaos(np.zeros((0, 4, 4), np.float32), N_LEVELS).shape == (0,)


@pytest.mark.parametrize("n_levels", [0, 64, -1])
def test_refuses_impossible_levels(n_levels: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        measure_chaos(np.ones((1, 2, 2), np.float32), n_levels)
