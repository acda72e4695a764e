"""CRC-32C of blocks equals google-crc32c's, which zarr uses, whatever sizes and places."""

from __future__ import annotations

from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.sorting.block_checksums import checksum, checksum_blocks, copy_blocks


@given(st.binary(max_size=700), st.integers(1, 200) | st.sampled_from([8, 16, 64]))
def test_each_block_has_its_checksum(data: bytes, block_bytes: int) -> None:
    blocks = [data[start : start + block_bytes] for start in range(0, len(data), block_bytes)]
    expected = [google_crc32c.value(block) for block in blocks]
    assert checksum_blocks(data, block_bytes).tolist() == expected


@given(st.binary(max_size=300), st.integers(0, 9))
def test_bytes_may_begin_anywhere(data: bytes, start: int) -> None:
    part = memoryview(data)[start:]
    assert checksum(part) == google_crc32c.value(bytes(part))


@pytest.mark.parametrize("block_bytes", [16384, 32768, 1 << 40])
def test_blocks_of_segments_are_many_and_large(block_bytes: int) -> None:
    data = np.random.default_rng(5).bytes(10 * 16384 + 4096)
    blocks = [data[start : start + block_bytes] for start in range(0, len(data), block_bytes)]
    expected = [google_crc32c.value(block) for block in blocks]
    assert checksum_blocks(data, block_bytes).tolist() == expected


@given(st.binary(max_size=700), st.integers(1, 200) | st.sampled_from([8, 16, 64]))
def test_what_is_copied_is_whole_and_summed_up_alike(data: bytes, block_bytes: int) -> None:
    target = np.zeros(len(data) + 1, np.uint8)
    copied = copy_blocks(data, block_bytes, target[:-1])
    np.testing.assert_array_equal(copied, checksum_blocks(data, block_bytes))
    assert target.tobytes() == data + b"\0"


def test_columns_of_numbers_are_copied_as_they_are() -> None:
    numbers = np.random.default_rng(3).random(50_000)
    target = np.empty_like(numbers)
    copied = copy_blocks(numbers.data, 32768, target)
    np.testing.assert_array_equal(target, numbers)
    np.testing.assert_array_equal(copied, checksum_blocks(numbers.data, 32768))


@pytest.mark.parametrize("target", [np.empty(3), np.empty((4, 2), np.float32)[:, 0]])
def test_a_target_that_does_not_fit_is_refused(target: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="16 bytes do not fit"):
        copy_blocks(bytes(16), 8, target)


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, B.4; and the check value of the catalogue of CRCs."""
    assert checksum(b"123456789") == 0xE3069283
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43
    assert checksum(b"") == 0


def test_a_block_without_size_is_refused() -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        checksum_blocks(b"12345678", 0)
