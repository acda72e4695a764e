"""Checksums of the blocks of large objects, of which only parts are read.

CRC-32C, as zarr and parquet use it: it finds any damage of up to 32 neighbouring bits, and all
other damage but one in four billion. A block is what is read at least, so each read can be checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

UInt32s = npt.NDArray[np.uint32]


def checksum_blocks(data: Buffer, block_bytes: int) -> UInt32s:
    """Return the checksum of each block of some bytes.

    Parameters
    ----------
    data : bytes-like
        The blocks, one behind the other.
    block_bytes : int
        Size of a block, bytes; the last one may be shorter.

    Returns
    -------
    (n_blocks,) uint32
        None for no bytes.
    """
    octets = np.frombuffer(memoryview(data), np.uint8)
    checksums = np.empty(-(-octets.size // block_bytes), np.uint32)
    call_kernel("ionbox_checksum_blocks", octets, octets.size, block_bytes, checksums)
    return checksums


def copy_blocks(data: Buffer, block_bytes: int, target: npt.NDArray[Any]) -> UInt32s:
    """Copy bytes into an array; returns what `checksum_blocks` does.

    Parameters
    ----------
    data : bytes-like
        The blocks, one behind the other.
    block_bytes : int
        Size of a block, bytes; the last one may be shorter.
    target : array
        Contiguous, of as many bytes.

    Raises
    ------
    ValueError
        If the target has another size or is not contiguous.
    """
    octets = np.frombuffer(memoryview(data), np.uint8)
    if target.nbytes != octets.size or not target.flags.c_contiguous:
        raise ValueError(f"{octets.size} bytes do not fit {target.nbytes}")
    checksums = np.empty(-(-octets.size // block_bytes), np.uint32)
    call_kernel(
        "ionbox_copy_blocks",
        *(octets, octets.size, block_bytes, target.view(np.uint8), checksums),
    )
    return checksums


def checksum(data: Buffer) -> int:
    """Return the checksum of bytes as one block; 0 of none."""
    size = memoryview(data).nbytes
    return int(checksum_blocks(data, size)[0]) if size else 0
