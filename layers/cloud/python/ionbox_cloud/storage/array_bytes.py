"""Named arrays as bytes, written so that damage shows when they are read: ``.npz`` files.

Such a file has a checksum of each array. What is not what was written is a `DamagedObject`,
whatever the parsers would have made of it.
"""

from __future__ import annotations

import errno
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.lib.format as npy_format
import numpy.typing as npt

from ionbox_cloud.errors import DamagedObject

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    from typing_extensions import Buffer

Arrays = dict[str, npt.NDArray[Any]]

_LONGEST_HEAD = 10 + 0xFFFF  # of an array's file in version 1.0: magic, length, description

# What zipfile and numpy raise on bytes that are not what was written.
_BROKEN_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, KeyError, IndexError, TypeError, RuntimeError, NotImplementedError),
)


def encode_arrays(arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False) -> bytes:
    """Return named arrays as an ``.npz`` file; equal arrays make equal bytes, numpy's."""
    if compressed:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                _write_array(entry, np.asanyarray(array))
    return pieces.join()


def _write_array(entry: IO[bytes], array: npt.NDArray[Any]) -> None:
    """Write an array in numpy's format, its bytes without copying them."""
    if not array.flags.c_contiguous or array.dtype.hasobject or array.dtype.names:
        npy_format.write_array(entry, array, allow_pickle=False)
        return
    header = npy_format.header_data_from_array_1_0(array)
    npy_format.write_array_header_1_0(entry, header)
    if array.size:
        entry.write(array.reshape(-1).view(np.uint8).data)


def parse_arrays(data: Buffer, key: str) -> Arrays:
    """Return the arrays of an ``.npz`` file, by name.

    Raises
    ------
    DamagedObject
        If the file, or an array in it, does not have the bytes that were written.
    """
    octets = memoryview(data).cast("B")
    try:
        with zipfile.ZipFile(io.BufferedReader(_View(octets))) as archive:
            return {
                entry.filename.removesuffix(".npy"): _parse_array(
                    _read_entry(archive, entry, octets)
                )
                for entry in archive.infolist()
            }
    except _BROKEN_ARCHIVE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DamagedObject.of(key, reason) from None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, octets: memoryview) -> memoryview:
    """Return the bytes of an array's file, after comparing their checksum; stored ones uncopied."""
    with archive.open(entry) as opened:  # compares what stands before them with the directory
        if entry.compress_type != zipfile.ZIP_STORED:
            return memoryview(opened.read())
    name_bytes, extra_bytes = struct.unpack_from("<HH", octets, entry.header_offset + 26)
    start = entry.header_offset + 30 + name_bytes + extra_bytes
    content = octets[start : start + entry.file_size]
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise zipfile.BadZipFile(f"the checksum of {entry.filename} in it is another")
    return content


def _parse_array(content: memoryview) -> npt.NDArray[Any]:
    """Return an array from the bytes of its file; it is the only one to hold them."""
    head = io.BytesIO(content[:_LONGEST_HEAD])
    if npy_format.read_magic(head) != (1, 0):  # of a header that is long, or not Latin
        return npy_format.read_array(io.BytesIO(content), allow_pickle=False)
    shape, by_columns, dtype = npy_format.read_array_header_1_0(head)
    if dtype.hasobject:  # never pickles: reading one runs what is in it
        raise ValueError("an array of objects")
    count = math.prod(shape)
    if not count:
        return np.empty(shape, dtype)
    flat = np.frombuffer(content, dtype, count, head.tell())
    # a copy, as numbers in the file begin at any byte
    return flat.reshape(shape[::-1]).copy().T if by_columns else flat.reshape(shape).copy()


class _Pieces(io.RawIOBase):
    """A file to be written that keeps what it is given, without copying it.

    What is written at a place where a piece begins replaces that piece, which must be as long.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, Buffer] = {}
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        self._position = offset
        return offset

    def write(self, data: Buffer) -> int:
        n_bytes = memoryview(data).nbytes
        if n_bytes:
            self._pieces[self._position] = data
        self._position += n_bytes
        return n_bytes

    def join(self) -> bytes:
        return b"".join(self._pieces.values())


class _View(io.RawIOBase):
    """Bytes in memory as a file to be read, without copying them."""

    def __init__(self, octets: memoryview) -> None:
        self._octets = octets
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = (0, self._position, len(self._octets))[whence]
        if before + offset < 0:
            raise OSError(errno.EINVAL, "before the start")
        self._position = before + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        piece = self._octets[self._position : self._position + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
