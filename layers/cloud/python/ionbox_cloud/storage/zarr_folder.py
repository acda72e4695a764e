"""A folder of a store, as zarr reads it.

zarr's own `zarr.storage.ObjectStore` awaits obstore's futures. Threads of Rust end these, and need
Python's lock once more after a result was handed over. In a process that is just ending, Python
ends such a thread in a way Rust takes for a fault: the process aborts without a word, with all its
work done (in one of five that read thirty objects and end at once). Here threads of Python wait for
plain calls instead, and no thread of Rust ever asks for the lock.

zarr takes 0.2 s to import, so import this where it is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import obstore
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Objects


class ZarrFolder(ObjectStore[Any]):
    """Reads the objects of a zarr group or array; nothing can be written.

    Parameters
    ----------
    store
        What `ByteStore.objects_below` returned. Reading is all that is made safe here: listing
        through zarr still awaits obstore.
    """

    def __init__(self, store: Objects, *, read_only: bool = True) -> None:
        if not read_only:
            raise ValueError("a folder that zarr reads cannot be written to")
        super().__init__(store, read_only=True)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read an object or a range of it; None if there is no such object."""
        content = await asyncio.to_thread(_read, self.store, key, byte_range)
        return None if content is None else prototype.buffer.from_bytes(content)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Read many ranges at once."""
        return await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges))

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        return await asyncio.to_thread(_exists, self.store, key)


_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


def _read(objects: Objects, key: str, byte_range: ByteRequest | None) -> Any:
    try:
        return obstore.get(objects, key, options=_options(byte_range)).bytes()
    except _ABSENT:
        return None


def _options(byte_range: ByteRequest | None) -> Any:
    match byte_range:
        case None:
            return None
        case RangeByteRequest(start, end):
            return {"range": (start, end)}
        case OffsetByteRequest(offset):
            return {"range": {"offset": offset}}
        case SuffixByteRequest(suffix):
            return {"range": {"suffix": suffix}}
    raise ValueError(f"unexpected range {byte_range}")


def _exists(objects: Objects, key: str) -> bool:
    try:
        obstore.head(objects, key)
    except _ABSENT:
        return False
    return True
