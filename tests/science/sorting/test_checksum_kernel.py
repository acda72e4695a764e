"""CRC-32C of blocks equals google-crc32c's, which zarr uses, whatever sizes and places."""

from __future__ import annotations

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.sorting.block_checksums import checksum, checksum_blocks


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


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, B.4; and the check value of the catalogue of CRCs."""
    assert checksum(b"123456789") == 0xE3069283
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43
    assert checksum(b"") == 0


def test_a_block_without_size_is_refused() -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        checksum_blocks(b"12345678", 0)
