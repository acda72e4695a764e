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
from ionbox_cloud.report import images as report_images
from ionbox_cloud.report.images import encode_best, encode_image, encode_mask
from ionbox_cloud.stored.images import StoredImages
from ionbox_science.annotation.image_packing import STEPS

from tests.oracles.image_packing import unpack_image

images = arrays.arrays(
    np.float32, (3, 5), elements=st.floats(0, 2.0**127, width=32) | st.just(np.float32(np.inf))
)


def inflate(data: str) -> bytes:
    return zlib.decompress(base64.b64decode(data), -zlib.MAX_WBITS) if data else b""


def decode(encoded: report_images.EncodedImage, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
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


class Store:
    """Images that count how they are read."""

    def __init__(self, n_ions: int = 10, per_shard: int = 3) -> None:
        self.images = np.random.default_rng(2).random((n_ions, 2, 8, 8)).astype(np.float32)
        self.reads: list[tuple[int, int, int]] = []
        self.stored = StoredImages(self.images.shape, per_shard, {}, self.read)

    def read(self, start: int, stop: int, isotope: int) -> npt.NDArray[np.float32]:
        assert start // self.stored.per_shard == (stop - 1) // self.stored.per_shard
        self.reads.append((start, stop, isotope))
        return self.images[start:stop, isotope]


RANKED = [4, 9, 0, 2, 7]


def test_with_room_for_all_every_isotope_of_an_object_is_read_once() -> None:
    store = Store()
    found = encode_best(store.stored, [RANKED], 10**6)
    assert sorted(found) == sorted(RANKED)
    ranges = [(0, 3), (4, 5), (7, 8), (9, 10)]
    assert store.reads == [(*rows, isotope) for rows in ranges for isotope in (0, 1)]
    for row, encoded in found.items():
        for isotope, image in enumerate(encoded):
            assert image is not None
            np.testing.assert_allclose(
                decode(image, (8, 8)), store.images[row, isotope], atol=1 / STEPS
            )


@pytest.mark.parametrize("cells", [64, 200, 10**6])
@pytest.mark.parametrize("groups", [(RANKED, []), (RANKED[:2], RANKED[2:])])
def test_groups_come_one_after_the_other_first_isotopes_of_the_best_ions_first(
    groups: tuple[list[int], list[int]], cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_images, "IMAGE_CELLS_PER_ITEM", cells)
    one = len(encode_image(Store().images[0, 0]).packed) + 155
    for n in range(11):
        store = Store()
        found = encode_best(store.stored, groups, n * one)
        wanted = [(row, k) for group in groups for k in (0, 1) for row in group]
        kept = [(row, k) for row, k in wanted if row in found and found[row][k]]
        assert kept == wanted[: len(kept)]
        assert abs(len(kept) - n) <= 1
        assert len(store.reads) <= max(4, n + 1) * 2


def test_what_has_room_is_read_at_once_as_soon_as_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_images, "IMAGE_CELLS_PER_ITEM", 3 * 64)
    store = Store(per_shard=100)
    found = encode_best(store.stored, [range(10)], 10**6)
    assert sorted(found) == list(range(10))
    assert [read[2] for read in store.reads] == [0, 0, 1]  # three images, then all others
