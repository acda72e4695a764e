"""The kernels that prepare images and rank pairs of them against their numpy versions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_science.annotation.colocalization import make_prepared, prepare_images
from ionbox_science.annotation.partners import Partners, count_pairs, find_partners
from ionbox_science.kernel_calls import call_kernel

from tests.oracles import colocalization as oracle

UInt16s = npt.NDArray[np.uint16]

INTENSITIES = st.one_of(
    st.just(0.0), st.integers(0, 9).map(float), st.floats(0, 2.0**100, width=32)
)


def prepare(images: npt.NDArray[np.floating]) -> UInt16s:
    """Prepare (n, height, width) images, and return them as the kernel lays them out."""
    prepared = make_prepared(len(images), images[0].size)
    prepare_images(images, prepared, 0, len(images))
    return prepared


def expect(images: npt.NDArray[np.floating]) -> UInt16s:
    return oracle.lay_out(np.stack([oracle.prepare_image(image).ravel() for image in images]))


def spotted(seed: int, filled: float, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Images with intensities over some powers of ten."""
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 3, shape) * (random.random(shape) < filled)
    return values.astype(np.float32)


@given(
    stn.arrays(
        np.float32, stn.array_shapes(min_dims=3, max_dims=3, max_side=9), elements=INTENSITIES
    )
)
@settings(max_examples=200)
def test_images_are_prepared_as_numpy_does(images: npt.NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(prepare(images), expect(images))


@pytest.mark.parametrize("filled", [0.005, 0.02, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(2, 60, 41), (3, 50, 30), (4, 1, 300), (5, 101, 1)])
def test_ranks_are_numpys_whatever_is_filled(filled: float, shape: tuple[int, int, int]) -> None:
    images = spotted(7, filled, shape)
    np.testing.assert_array_equal(prepare(images), expect(images))
    twice = images.astype(np.float64) * 1.1
    np.testing.assert_array_equal(prepare(twice), expect(twice))


def test_ranks_are_numpys_among_values_that_lie_close() -> None:
    close = np.nextafter(1, np.arange(2, 1502).reshape(1, 30, 50) % 7) + np.eye(30, 50) * 1e-14
    for image in (close, close * 1e300, close + 2.0 ** np.arange(50)):
        np.testing.assert_array_equal(prepare(image), expect(image))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_that_is_not_finite_counts_as_empty(value: float) -> None:
    images = spotted(1, 1.0, (2, 6, 7))
    images[0, 3, 4] = value
    np.testing.assert_array_equal(prepare(images), expect(np.stack([0 * images[1], images[1]])))


def test_negative_intensities_count_as_none() -> None:
    images = spotted(1, 1.0, (2, 20, 21))
    images[0] -= 2
    images[1] = -1
    expected = expect(images[:1].clip(0))
    found = prepare(images)
    assert not found[0, :, 1].any()
    below = (images[0] < 0).mean()
    assert 0.5 < below < 0.99  # the median is among them
    np.testing.assert_array_equal(found[0, :, 0], expected[0, :, 0])


@pytest.mark.parametrize(("first", "n_all"), [(-1, 3), (2, 3), (0, 1)])
def test_no_image_is_written_beyond_the_room_for_all(first: int, n_all: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        prepare_images(spotted(1, 1.0, (2, 3, 4)), make_prepared(3, 12), first, n_all)


def alike(seed: int, n: int, n_pixels: int, top: int = 4095) -> UInt16s:
    """Prepared images of which some are empty, some equal, and many partly empty."""
    random = np.random.default_rng(seed)
    images = random.integers(0, top, (n, n_pixels), np.uint16, endpoint=True)
    images[random.random(n) < 0.1] = 0
    images[1::5] = images[: len(images[1::5])]
    for image in images[::2]:
        image[: random.integers(n_pixels + 1)] = 0
    return images


def assert_equal(found: Partners, expected: tuple[npt.NDArray[Any], npt.NDArray[Any]]) -> None:
    np.testing.assert_array_equal(found.partner, expected[0])
    np.testing.assert_array_equal(found.coefficient, expected[1])


@pytest.mark.parametrize("plain", [False, True])
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 200), st.integers(1, 12))
@settings(max_examples=60)
def test_partners_are_those_of_numpy(
    plain: bool, seed: int, n: int, n_pixels: int, n_kept: int
) -> None:
    images = alike(seed, n, n_pixels, top=2 if seed % 2 else 4095)
    found = find_partners(oracle.lay_out(images), n, n_kept, plain=plain)
    assert_equal(found, oracle.find_partners(images, n_kept))


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("n_pixels", [1023, 1024, 1025, 5000])
def test_partners_of_more_images_than_a_block_and_more_pixels_than_a_strip(
    n_pixels: int, plain: bool
) -> None:
    images = alike(n_pixels, 200, n_pixels)
    found = find_partners(oracle.lay_out(images), len(images), 21, plain=plain)
    assert_equal(found, oracle.find_partners(images, 21))


@pytest.mark.parametrize("n", [1, 96, 97, 200])
def test_every_pair_is_counted(n: int) -> None:
    prepared, n_done = oracle.lay_out(alike(n, n, 20)), np.zeros(1, np.int64)
    found = np.zeros((n, 1), np.int32), np.zeros((n, 1), np.float32)
    call_kernel("ionbox_find_partners", prepared, n, prepared.shape[1], 0, n, 0, 1, *found, n_done)
    assert n_done[0] == n * (n + 1) // 2 == count_pairs(n, n)


@pytest.mark.parametrize("rows", [(0, 3), (96, 192), (96, 200), (3, 198), (150, 153), (198, 200)])
def test_every_pair_of_some_rows_is_counted(rows: tuple[int, int]) -> None:
    prepared, n_done = oracle.lay_out(alike(1, 200, 20)), np.zeros(1, np.int64)
    n_rows = rows[1] - rows[0]
    found = np.zeros((n_rows, 1), np.int32), np.zeros((n_rows, 1), np.float32)
    shape = 200, prepared.shape[1]
    call_kernel("ionbox_find_partners", prepared, *shape, *rows, 0, 1, *found, n_done)
    assert n_done[0] == count_pairs(200, n_rows)


@pytest.mark.parametrize("plain", [False, True])
@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 12), st.data())
@settings(max_examples=60)
def test_partners_of_some_rows_are_those_among_all(
    plain: bool, seed: int, n: int, n_kept: int, data: st.DataObject
) -> None:
    images = alike(seed, n, 20, top=2 if seed % 2 else 4095)
    first = 3 * data.draw(st.integers(0, (n - 1) // 3))
    stop = data.draw(st.sampled_from([*range(first, n, 3), n]))
    found = find_partners(oracle.lay_out(images), n, n_kept, (first, stop), plain=plain)
    partner, coefficient = oracle.find_partners(images, n_kept)
    assert_equal(found, (partner[first:stop], coefficient[first:stop]))


@pytest.mark.parametrize("rows", [(1, 6), (0, 4), (-3, 3), (3, 9), (6, 3)])
def test_rows_that_are_no_tiles_are_refused(rows: tuple[int, int]) -> None:
    prepared, found = oracle.lay_out(alike(1, 8, 20)), np.zeros((9, 1), np.int32)
    counts = np.zeros((9, 1), np.float32), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="out of range"):
        call_kernel("ionbox_find_partners", prepared, 8, 2, *rows, 0, 1, found, *counts)


@pytest.mark.parametrize("plain", [False, True])
def test_no_sum_overflows_where_all_pixels_are_the_brightest(plain: bool) -> None:
    images = np.full((4, 3000), 4095, np.uint16)
    images[3, 1:] = 0
    found = find_partners(oracle.lay_out(images), 4, 4, plain=plain)
    partner, coefficient = found.partner, found.coefficient
    assert partner[:3].tolist() == [[0, 1, 2, 3]] * 3
    assert partner[3].tolist() == [3, 0, 1, 2]
    assert (coefficient[:3, :3] == 1).all()
    expected = np.array([1, *[3000**-0.5] * 3], np.float32)
    np.testing.assert_array_equal(coefficient[3], expected)
