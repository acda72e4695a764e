"""Images survive their way into a report, the best ones first."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ionbox_cloud.report.images import EncodedImage, encode_best, encode_image, encode_mask
from ionbox_cloud.stored.pictures import (
    GOOD_FDR,
    LEFT_OUT,
    ROOM_BYTES,
    PicturePacker,
    Pictures,
    order_pictures,
    text_bytes,
)
from ionbox_science.annotation.image_packing import STEPS

from tests.oracles.image_packing import unpack_image

images = arrays.arrays(
    np.float32, (3, 5), elements=st.floats(0, 2.0**127, width=32) | st.just(np.float32(np.inf))
)


def inflate(data: str) -> bytes:
    return zlib.decompress(base64.b64decode(data), -zlib.MAX_WBITS) if data else b""


def decode(encoded: EncodedImage, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """What the page does."""
    return unpack_image(encoded.maximum, inflate(encoded.packed), shape)


@given(images)
def test_intensities_keep_their_place_on_a_scale_of_65535(image: npt.NDArray[np.float32]) -> None:
    encoded = encode_image(image)
    finite = image[np.isfinite(image)]
    assert encoded.maximum == finite.max(initial=0)
    if not encoded.maximum:
        assert encoded.packed == ""
        return
    found = decode(encoded, image.shape)
    expected = np.minimum(image.astype(np.float64), encoded.maximum)
    assert np.abs(found - expected).max() <= encoded.maximum / STEPS
    assert ((found > 0) == (image > 0)).all()


def test_a_mask_is_a_bit_per_pixel() -> None:
    mask = np.random.default_rng(1).random((7, 9)) < 0.5
    bits = np.unpackbits(np.frombuffer(inflate(encode_mask(mask)), np.uint8))[:63]
    np.testing.assert_array_equal(bits.reshape(7, 9), mask)


RANKED = [4, 9, 0, 2, 7]
IMAGES = np.random.default_rng(2).random((10, 2, 8, 8)).astype(np.float32)
PLACES = np.arange(20).reshape(10, 2)


def pack(
    *parts: slice, places: npt.NDArray[np.int64] = PLACES, room_bytes: int = ROOM_BYTES
) -> list[Pictures]:
    """What calls of RenderImages leave of the images."""
    packed = []
    for part in parts:
        packer = PicturePacker(places[part], room_bytes)
        packer.add(0, IMAGES[part])
        packed.append(packer.pictures())
    return packed


@pytest.mark.parametrize("parts", [[slice(0, 10)], [slice(0, 3), slice(3, 9), slice(9, 10)]])
def test_with_room_for_all_every_isotope_is_there(parts: list[slice]) -> None:
    found = encode_best(pack(*parts), [RANKED], 10**6)
    assert sorted(found) == sorted(RANKED)
    for row, encoded in found.items():
        for isotope, image in enumerate(encoded):
            assert image is not None
            assert image == encode_image(IMAGES[row, isotope])
            np.testing.assert_allclose(decode(image, (8, 8)), IMAGES[row, isotope], atol=1 / STEPS)


@pytest.mark.parametrize("groups", [(RANKED, []), (RANKED[:2], RANKED[2:])])
def test_groups_come_one_after_the_other_first_isotopes_of_the_best_ions_first(
    groups: tuple[list[int], list[int]],
) -> None:
    one = len(encode_image(IMAGES[0, 0]).packed) + 155
    for n in range(11):
        found = encode_best(pack(slice(0, 10)), groups, n * one)
        wanted = [(row, k) for group in groups for k in (0, 1) for row in group]
        kept = [(row, k) for row, k in wanted if row in found and found[row][k]]
        assert kept == wanted[: len(kept)]
        assert abs(len(kept) - n) <= 1


def test_pictures_without_room_are_passed_over_and_nothing_before_them() -> None:
    (part,) = pack(slice(0, 10))
    part.n_bytes[[2, 7], [1, 0]] = LEFT_OUT
    found = encode_best([part], [RANKED], 10**6)
    assert [[image is None for image in found[row]] for row in (2, 7, 4)] == [
        [False, True],
        [True, False],
        [False, False],
    ]


def test_images_shard_by_shard_are_packed_as_those_of_one() -> None:
    packer = PicturePacker(PLACES)
    for first in (0, 4, 8):
        packer.add(first, IMAGES[first : first + 4])
    found, (expected,) = packer.pictures(), pack(slice(0, 10))
    assert encode_best([found], [range(10)], 10**6) == encode_best([expected], [range(10)], 10**6)


def test_an_empty_image_has_a_picture_of_no_bytes() -> None:
    packer = PicturePacker(PLACES[:1])
    packer.add(0, np.zeros((1, 2, 8, 8), np.float32))
    assert packer.pictures().n_bytes.tolist() == [[0, 0]]
    assert encode_best([packer.pictures()], [[0]], 10**6) == {0: [EncodedImage(0, "")] * 2}


def test_what_comes_far_behind_the_end_of_a_report_is_not_packed() -> None:
    whole = pack(slice(0, 10))[0].n_bytes
    room = 4 * 3 * text_bytes(int(whole.max()))  # a report that has room for three, four times
    places = np.random.default_rng(3).permutation(20).reshape(10, 2)
    (found,) = pack(slice(0, 10), places=places, room_bytes=room)
    packed = found.n_bytes != LEFT_OUT
    assert packed[places <= 12].all()
    assert 13 <= packed.sum() < 16
    assert found.packed.size == whole[packed].sum()


@given(
    st.lists(st.tuples(st.floats(0, 0.2), st.floats(0, 1), st.integers(0, 5)), max_size=30),
    st.integers(1, 4),
)
def test_places_are_the_order_in_which_a_report_takes_images(
    rows: list[tuple[float, float, int]], n_isotopes: int
) -> None:
    rows += [(0.5, 0.0, image) for image in range(6)]  # each has an annotation
    place = order_pictures(6, n_isotopes, rows)
    ranked = sorted(rows, key=lambda row: (row[0], -row[1]))
    good = list(dict.fromkeys(image for fdr, _, image in ranked if fdr <= GOOD_FDR))
    rest = [image for image in dict.fromkeys(row[2] for row in ranked) if image not in good]
    wanted = []
    for group in (good, rest):
        wanted += [(image, 0) for image in group]
        wanted += [(image, k) for image in group for k in range(1, n_isotopes)]
    assert [place[at] for at in wanted] == list(range(6 * n_isotopes))
