"""Spatial chaos against scipy in ten lines, and against METASPACE's own C++ library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ionbox_science.scoring.chaos import measure_chaos
from scipy import ndimage

from tests.builders import draw_blob
from tests.oracles import obvious
from tests.oracles.chaos import count_components

N_LEVELS = 30

shapes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
# whole numbers up to 60: many equal, many exactly on a threshold
images = arrays.arrays(
    np.float32, shapes, elements=st.one_of(st.just(0.0), st.integers(0, 60)), fill=st.just(0.0)
)


def measure_one(image: npt.NDArray[Any]) -> float:
    return float(measure_chaos(image[None].astype(np.float32), N_LEVELS)[0])


@settings(max_examples=150)
@given(images)
def test_chaos_agrees_with_the_obvious_version(image: npt.NDArray[np.float32]) -> None:
    assert measure_one(image) == pytest.approx(obvious.measure_chaos(image), abs=1e-12)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3, 0.6, 1.0])
def test_chaos_agrees_with_the_library_of_metaspace(density: float) -> None:
    with warnings.catch_warnings():
        # it is old: invalid escapes in its sources, and a file left open while loading
        warnings.simplefilter("ignore")
        from cpyImagingMSpec import measure_of_chaos
    random = np.random.default_rng(int(density * 100))
    for height, width in [(3, 3), (7, 12), (25, 18), (40, 40)]:
        smooth = ndimage.gaussian_filter(random.random((height, width)), 1.0)
        for image in (random.random((height, width)), smooth):
            sparse = (image * (random.random(image.shape) < density)).astype(np.float32)
            # the library has no value for an empty image
            if sparse.any():
                expected = measure_of_chaos(sparse, N_LEVELS)
                # a perfect 1 says nothing: METASPACE takes it for 0
                expected = 0.0 if np.isclose(expected, 1.0) else expected
                assert measure_one(sparse) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
        elements=st.integers(0, 6),
    )
)
def test_components_are_counted_at_every_level(levels: npt.NDArray[np.uint8]) -> None:
    counted = count_components(levels, 6)
    expected = [[ndimage.label(image > i)[1] for i in range(6)] for image in levels]
    np.testing.assert_array_equal(counted, expected)


@given(st.integers(0, 1000))
def test_an_image_has_the_same_chaos_in_any_company(seed: int) -> None:
    stack = np.random.default_rng(seed).integers(0, 9, (5, 6, 7)).astype(np.float32)
    together = measure_chaos(stack, N_LEVELS)
    np.testing.assert_array_equal(together, [measure_one(image) for image in stack])


@settings(max_examples=60)
@given(images, st.sampled_from([0.25, 2.0, 1024.0]))
def test_scale_does_not_matter(image: npt.NDArray[np.float32], factor: float) -> None:
    assert measure_one(image * factor) == measure_one(image)


@settings(max_examples=60)
@given(images)
def test_mirrored_and_turned_images_are_equally_chaotic(image: npt.NDArray[np.float32]) -> None:
    assert measure_one(image) == measure_one(image[::-1]) == measure_one(image.T)


def test_an_object_is_less_chaotic_than_the_same_pixels_shuffled() -> None:
    blob = draw_blob(30, 30, 15, 15, 10)
    shuffled = np.random.default_rng(1).permutation(blob.ravel()).reshape(blob.shape)
    assert measure_one(blob) > 0.99
    assert measure_one(shuffled) < 0.96


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4)),
        np.array([[1.0, np.inf], [2.0, 3.0]]),
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        np.array([[5.0]]),
    ],
    ids=["empty", "infinite", "not a number", "one pixel"],
)
def test_images_that_say_nothing_have_no_score(image: npt.NDArray[np.float64]) -> None:
    assert measure_one(image) == 0.0


def test_no_images_have_no_scores() -> None:
    assert measure_chaos(np.zeros((0, 4, 4), np.float32), N_LEVELS).shape == (0,)
