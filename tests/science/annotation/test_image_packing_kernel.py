"""The kernel that packs images against its numpy version, byte by byte."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_science.annotation.image_packing import STEPS, pack_image

from tests.oracles import image_packing as oracle

SHAPES = stn.array_shapes(min_dims=1, max_dims=2, max_side=40)


def any_images(width: Literal[32, 64]) -> st.SearchStrategy[npt.NDArray[np.floating]]:
    """Images of which many pixels are empty, and some no numbers."""
    elements = st.one_of(st.just(0.0), st.integers(0, 9).map(float), st.floats(width=width))
    return stn.arrays(f"float{width}", SHAPES, elements=elements, fill=st.just(0.0))


@given(any_images(32) | any_images(64))
def test_equals_numpy_byte_by_byte(image: npt.NDArray[np.floating]) -> None:
    with np.errstate(over="ignore", under="ignore"):  # of huge and of tiny pixels
        maximum, packed = oracle.pack_image(image)
    found, kept = pack_image(image)
    assert found == maximum
    assert kept.tobytes() == packed


@pytest.mark.parametrize("n_pixels", [0, 1, 7, 8, 9, 1023, 1024, 1025, 4096, 5001])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_images_of_any_size_come_back(n_pixels: int, share: float) -> None:
    random = np.random.default_rng(n_pixels)
    image = random.gamma(1, 1000, n_pixels) * (random.random(n_pixels) < share)
    maximum, packed = pack_image(image.astype(np.float32))
    assert (maximum, packed.tobytes()) == oracle.pack_image(image.astype(np.float32))
    back = oracle.unpack_image(maximum, packed.tobytes(), image.shape)
    np.testing.assert_allclose(back, image, rtol=1e-6, atol=maximum / STEPS)


def test_halves_are_rounded_to_the_even_step() -> None:
    image = np.append(np.arange(1, 200) / 2, STEPS)
    _, packed = pack_image(image)
    steps = packed[-(-image.size // 8) :].view("<u2")
    np.testing.assert_array_equal(steps, np.maximum(np.rint(image), 1))


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0, np.nan, np.inf, -np.inf])
def test_without_a_finite_pixel_above_0_there_is_nothing_to_pack(value: float) -> None:
    maximum, packed = pack_image(np.full((3, 4), value))
    assert (maximum, packed.size) == (0.0, 0)
