"""Which ions lie in the same places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.annotation import colocalization
from ionbox_science.annotation.colocalization import (
    Colocalization,
    PackedPart,
    average_squares,
    colocalize,
    colocalize_compared,
    colocalize_prepared,
    compare_prepared,
    join_part,
    make_part,
    make_prepared,
    pack_part,
    prepare_images,
    prepare_part,
)
from ionbox_science.annotation.partners import NO_PARTNER, Partners, without_empty_pixels

from tests.oracles import colocalization as oracle
from tests.oracles.colocalization import cosines, lay_out

Images = npt.NDArray[np.float32]


def draw(seed: int, n: int, height: int = 9, width: int = 7) -> Images:
    """Images of which many pixels are empty, some alike."""
    random = np.random.default_rng(seed)
    images = random.gamma(1, 1000, (n, height, width))
    images *= random.random((n, 1, 1)) < np.linspace(0.2, 1.5, height * width).reshape(
        1, height, width
    )
    images[random.random(images.shape) < random.random((n, 1, 1)) * 0.6] = 0
    if n > 2:
        images[1] = images[0] * 3 + random.random(images[0].shape)
    return images.astype(np.float32)


def names(n: int) -> list[tuple[str, int]]:
    return [(f"ion {i:04}", i) for i in range(n)]


def find(
    images: Images, image_of: Sequence[tuple[str, int]] | None = None, *cuts: int, n: int = 100
) -> Colocalization:
    blocks = np.split(images, cuts)
    shape = (images.shape[1], images.shape[2])
    return colocalize(blocks, len(images), shape, image_of or names(len(images)), n)


def as_matrix(found: Colocalization) -> npt.NDArray[np.float64]:
    """Coefficients of all pairs; all partners must have been kept."""
    n = len(found.ion)
    matrix = np.zeros((n, n))
    for ion in range(n):
        kept = found.partner[ion] != NO_PARTNER
        matrix[ion, found.partner[ion][kept]] = found.coefficient[ion][kept]
    return matrix


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=60)
def test_coefficients_are_those_of_metaspaces_measure(seed: int, n: int) -> None:
    images = draw(seed, n)
    expected = cosines(images)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(as_matrix(find(images)), expected, atol=2e-3)


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=40)
def test_they_are_symmetric_between_0_and_1_and_fall(seed: int, n: int) -> None:
    found = find(draw(seed, n))
    matrix = as_matrix(found)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix.min(initial=0) >= 0
    assert matrix.max(initial=0) <= 1
    assert (np.diff(found.coefficient, axis=1) <= 0).all()
    assert not (found.partner == np.arange(n)[:, None]).any()
    assert ((found.coefficient > 0) == (found.partner != NO_PARTNER)).all()


@given(st.integers(0, 10_000), st.lists(st.integers(0, 9), max_size=4))
@settings(max_examples=30)
def test_they_do_not_depend_on_how_images_come_in_blocks(seed: int, cuts: list[int]) -> None:
    images = draw(seed, 9)
    whole, cut = find(images), find(images, None, *sorted(cuts))
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(array, cut.to_arrays()[name])


def test_the_order_of_images_does_not_matter() -> None:
    images = draw(11, 10)
    order = np.random.default_rng(1).permutation(10)
    shuffled = [(f"ion {image:04}", row) for row, image in enumerate(order)]
    one, other = find(images), find(images[order], shuffled)
    place = np.argsort(other.ion)
    np.testing.assert_array_equal(as_matrix(one), as_matrix(other)[place][:, place])


def test_only_the_most_similar_are_kept_and_ties_stand_in_order() -> None:
    images = np.repeat(draw(3, 1), 6, axis=0)
    found = find(images, n=3)
    assert found.partner.tolist()[0] == [1, 2, 3]
    assert found.partner.tolist()[2] == [0, 1, 3]
    assert (found.coefficient == 1).all()


def test_ions_of_one_formula_share_an_image_and_are_each_others_best() -> None:
    found = find(draw(8, 3), [("c", 1), ("b", 0), ("a", 0), ("d", 2)])
    assert found.ion.tolist() == ["a", "b", "c", "d"]
    assert found.partner[0, 0] == 1
    assert found.coefficient[0, 0] == 1


def test_an_image_that_no_ion_has_is_nobodys_partner() -> None:
    images = draw(8, 4)
    without, alone = find(images[1:]), find(images, [(f"ion {i:04}", i + 1) for i in range(3)])
    for name, array in without.to_arrays().items():
        np.testing.assert_array_equal(array, alone.to_arrays()[name])


def test_an_empty_image_has_no_partners() -> None:
    images = draw(2, 4)
    images[2] = 0
    found = find(images)
    assert (found.partner[2] == NO_PARTNER).all()
    assert not (found.partner == 2).any()


@pytest.mark.parametrize("n", [0, 1])
def test_without_other_ions_there_are_no_partners(n: int) -> None:
    found = find(draw(1, 1)[:n])
    assert found.partner.shape == found.coefficient.shape == (n, 0)


def test_a_lonely_bright_pixel_is_smoothed_away() -> None:
    images = np.zeros((1, 5, 5), np.float32)
    images[0, 2, 2] = 1000
    prepared = make_prepared(1, 25)
    prepare_images(images, prepared, 0, 1)
    assert not prepared.any()


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 300), st.floats(0, 0.02))
def test_images_that_are_nearly_empty_are_prepared_to_the_same_values(
    seed: int, height: int, width: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width), np.float32)
    for _ in range(round(share * height * width / 9)):  # spots of 3 x 3, some over the edge
        y, x = rng.integers(-2, height), rng.integers(-2, width)
        spot = image[max(y, 0) : max(y + 3, 0), max(x, 0) : max(x + 3, 0)]
        spot[:] = rng.choice([0, 1, 2, 1e5], spot.shape)
    prepared = make_prepared(1, image.size)
    prepare_images(image[None], prepared, 0, 1)
    expected = lay_out(oracle.prepare_image(image).reshape(1, -1))
    np.testing.assert_array_equal(prepared, expected)


def test_pixels_that_all_images_lack_cost_no_products(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((3, 100, 100), np.float32)
    images[:, 40:45, 40:45] = np.arange(1, 76).reshape(3, 5, 5)
    named = [(str(row), row) for row in range(3)]
    n_multiplied = []

    def counted(prepared: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        n_multiplied.append(leave_out(prepared).shape[1])
        return leave_out(prepared)

    leave_out = without_empty_pixels
    monkeypatch.setattr(colocalization, "without_empty_pixels", counted)
    sparse = colocalize([images], 3, (100, 100), named)
    assert 5 <= n_multiplied[0] <= 14  # of 625 runs of 16 pixels
    monkeypatch.setattr(colocalization, "without_empty_pixels", lambda prepared: prepared)
    whole = colocalize([images], 3, (100, 100), named)
    np.testing.assert_array_equal(sparse.coefficient, whole.coefficient)


def test_too_many_pixels_are_averaged_over_squares_first() -> None:
    images = np.kron(draw(4, 5), np.ones((1, 3, 3), np.float32))
    shape = (images.shape[1], images.shape[2])
    small = colocalize([images], 5, shape, names(5), max_values=5 * 9 * 7)
    np.testing.assert_allclose(as_matrix(small), as_matrix(find(images[:, ::3, ::3])), atol=1e-6)
    tiny = colocalize([images], 5, shape, names(5), max_values=1)
    assert tiny.partner.shape == (5, 4)


@pytest.mark.parametrize("side", [2, 3, 5, 8, 9, 40])
def test_averages_are_the_obvious_ones_to_the_last_bit(side: int) -> None:
    images = np.random.default_rng(side).lognormal(5, 5, (20, 31, 44)).astype(np.float32)
    found = average_squares(images, side)
    np.testing.assert_array_equal(found, oracle.average_squares(images, side))


def test_missing_images_are_noticed() -> None:
    with pytest.raises(ValueError, match="2 images instead of 3"):
        colocalize([draw(1, 2)], 3, (9, 7), names(3))


def pack_images(images: Images, first: int, n_images: int, max_values: int) -> PackedPart:
    """What is stored of some images of many, which come one by one."""
    shape = (images.shape[1], images.shape[2])
    part = make_part(first, first + len(images), n_images, shape, max_values)
    for row in range(len(images)):
        prepare_part(images[row : row + 1], first + row, part, first, n_images, max_values)
    return pack_part(part)


@settings(max_examples=20)
@given(st.integers(0, 9), st.lists(st.integers(0, 14), max_size=4), st.sampled_from([10**6, 300]))
def test_parts_prepared_alone_and_joined_are_all_images(
    seed: int, cuts: list[int], max_values: int
) -> None:
    images = draw(seed, 14)
    bounds = sorted({0, *cuts, 14})
    joined = make_part(0, 14, 14, (9, 7), max_values)
    for first, stop in pairwise(bounds):
        packed = pack_images(images[first:stop], first, 14, max_values)
        join_part(packed, first, stop, joined)
    found = colocalize_prepared(joined, 14, names(14))
    expected = colocalize([images], 14, (9, 7), names(14), max_values=max_values)
    np.testing.assert_array_equal(found.partner, expected.partner)
    np.testing.assert_array_equal(found.coefficient, expected.coefficient)


def test_what_is_empty_in_three_neighbours_is_not_stored() -> None:
    images = np.zeros((6, 40, 40), np.float32)
    images[3:, 10:14, 16:32] = np.arange(1, 65).reshape(4, 16)
    packed = pack_images(images, 0, 6, 10**6)
    assert 1 <= len(packed.vectors) <= 3 * 4
    assert packed.filled.size == 2 * 100 / 8


def test_a_part_of_other_images_does_not_fit() -> None:
    packed = pack_images(draw(1, 5), 0, 20, 10**6)
    joined = make_part(0, 20, 20, (9, 7))
    with pytest.raises(ValueError, match="1 bytes of bits for 28 vectors"):
        join_part(packed, 0, 20, joined)


@settings(max_examples=20)
@given(st.integers(0, 9), st.integers(1, 130), st.lists(st.integers(0, 43), max_size=4))
def test_images_compared_in_parts_have_the_partners_of_all(
    seed: int, n_images: int, cuts: list[int]
) -> None:
    images = draw(seed, n_images)
    ions = [*names(n_images), ("Z of the first image", 0)]
    prepared = make_prepared(n_images, images[0].size)
    prepare_images(images, prepared, 0, n_images)
    bounds = sorted({0, *(3 * cut for cut in cuts if 3 * cut < n_images), n_images})
    parts = [compare_prepared(prepared, n_images, *rows) for rows in pairwise(bounds)]
    found = colocalize_compared(Partners.concatenate(parts), ions)
    expected = colocalize_prepared(prepared, n_images, ions)
    for name, array in expected.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array)
