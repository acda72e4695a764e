"""Objects of a folder as files, without the storage library, which copies them more often.

The library hands over what it reads in fresh memory, of which the system clears every page, and
copies once more what it writes. Here files are read into memory that this process had before, are
mapped, or are written from where the bytes lie. Files look as the library's do: one is written
under its name with ``#<number>`` behind it, then renamed.

All of it is a short cut. What does not go as expected is answered with None (False), and the caller
asks the library, which does it after all or says why not.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Keys whose names stand for themselves, in a path and in the library's addresses.
_NAME = r"(?!\.{1,2}(?:/|$))[^/#%\\\x00-\x1f\x7f]+"
_PLAIN_KEY = re.compile(rf"{_NAME}(?:/{_NAME})*")

_MOST_AT_ONCE = 1 << 30  # bytes of a call to the system, which stops at 2 GB


class FolderFiles:
    """Files of the objects below a folder.

    Parameters
    ----------
    url : str
        Address of the folder, ``file:///folder``.
    """

    def __init__(self, url: str) -> None:
        self._folder = Path(unquote(urlsplit(url).path))

    def read(self, key: str, offset: int = 0, n_bytes: int | None = None) -> memoryview | None:
        """Read ``n_bytes`` from ``offset``, fewer at the end of the file; by default all of it."""
        with contextlib.suppress(OSError), self._open(key) as file:
            n_left = _count_there(file, offset, n_bytes)
            pieces = []
            while n_left > 0:
                pieces.append(os.pread(file.fileno(), min(n_left, _MOST_AT_ONCE), offset))
                if not pieces[-1]:
                    return None  # it was cut meanwhile
                offset, n_left = offset + len(pieces[-1]), n_left - len(pieces[-1])
            if pieces:
                return memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        return None

    def map(self, key: str, offset: int, n_bytes: int) -> memoryview | None:
        """Map what `read` would read: no byte is read before it is looked at.

        Notes
        -----
        Only for files that are replaced and removed, and never cut or written to: a process that
        looks at what is mapped and no longer there is ended by the system (SIGBUS).
        """
        skipped = offset % mmap.ALLOCATIONGRANULARITY
        with contextlib.suppress(OSError), self._open(key) as file:
            n_there = _count_there(file, offset, n_bytes)
            if n_there > 0:
                begin, length = offset - skipped, skipped + n_there
                mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=begin)
                return memoryview(mapped)[skipped:]
        return None

    def write(self, key: str, pieces: Sequence[bytes | memoryview]) -> bool:
        """Write a file from consecutive pieces, then give it its name; say whether it was done."""
        path, half_written = self._folder / key, None
        try:
            if _PLAIN_KEY.fullmatch(key):
                half_written, file = _create_beside(path)
                with file:
                    _write_all(file, pieces)
                half_written.replace(path)
                return True
        except OSError:
            if half_written is not None:
                with contextlib.suppress(OSError):
                    half_written.unlink()
        return False

    def _open(self, key: str) -> io.FileIO:
        if not _PLAIN_KEY.fullmatch(key):
            raise FileNotFoundError(key)
        return io.FileIO(self._folder / key)


def _count_there(file: io.FileIO, offset: int, n_bytes: int | None) -> int:
    size = os.fstat(file.fileno()).st_size
    return size - offset if n_bytes is None else min(n_bytes, size - offset)


def _create_beside(path: Path) -> tuple[Path, io.FileIO]:
    """Create the file that is to be renamed to ``path``, and folders that are missing."""
    number = 1
    while True:
        half_written = path.with_name(f"{path.name}#{number}")
        try:
            return half_written, io.FileIO(half_written, "x")
        except FileExistsError:  # another process writes it, or was killed when it did
            number += 1
        except FileNotFoundError:
            path.parent.mkdir(parents=True)


def _write_all(file: io.FileIO, pieces: Sequence[bytes | memoryview]) -> None:
    for piece in pieces:
        octets = memoryview(piece).cast("B")
        while octets.nbytes:
            octets = octets[file.write(octets[:_MOST_AT_ONCE]) :]
