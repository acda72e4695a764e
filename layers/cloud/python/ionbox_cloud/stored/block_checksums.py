"""Checksums of the blocks of large objects, of which only parts are read.

CRC-32C, as zarr and parquet use it: it finds any damage of up to 32 neighbouring bits, and all
other damage but one in four billion. A block is what is read at least, so each read can be checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np
import numpy.typing as npt

from ionbox_cloud.errors import DamagedObject

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

UInt32s = npt.NDArray[np.uint32]

CHECKSUM = np.dtype("<u4")
"""How a checksum is stored."""


def checksum(data: Buffer) -> int:
    """Return the CRC-32C of bytes."""
    return google_crc32c.value(bytes(data))


def checksum_blocks(data: memoryview, block_bytes: int) -> UInt32s:
    """Return the checksum of each block; the last one may be shorter.

    Parameters
    ----------
    data : memoryview of bytes
        The blocks, one behind the other.
    block_bytes : int
        Size of a block, bytes.

    Returns
    -------
    (n_blocks,) uint32
        None for no bytes.
    """
    starts = range(0, len(data), block_bytes)
    return np.array([checksum(data[start : start + block_bytes]) for start in starts], np.uint32)


def checksum_pieces(pieces: Sequence[memoryview]) -> int:
    """Return the checksum of bytes that lie in several pieces, one behind the other."""
    found = 0
    for piece in pieces:
        found = google_crc32c.extend(found, bytes(piece))
    return found


def check_blocks(data: memoryview, block_bytes: int, expected: UInt32s, key: str) -> None:
    """Compare blocks that were read with their checksums.

    Raises
    ------
    DamagedObject
        If there are fewer or more blocks than checksums, or one has another checksum.
    """
    found = checksum_blocks(data, block_bytes)
    if not np.array_equal(found, expected):
        raise DamagedObject.of(key, "a block of it has another checksum")
