"""Reading and writing objects: the same calls on S3, a local folder and memory.

Handlers get three stores (`Stores`): the inbox, work and results buckets, or folders of these names
on one machine. Keys come from `ionbox_cloud.keys`. Writes are atomic: an object is there whole or
not at all, so an object that is there is a finished one. Nothing else in ionbox touches storage.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ionbox_cloud.environment import StoresEnvironment
from ionbox_cloud.storage.byte_store import ByteStore, ObjectFacts
from ionbox_cloud.storage.object_bytes import encode_json, seal, unseal
from ionbox_cloud.storage.side_by_side import SideBySide, map_in_order, side_by_side

if TYPE_CHECKING:
    import numpy.typing as npt

    from ionbox_cloud.storage.array_bytes import Arrays

__all__ = ["ObjectFacts", "Store", "Stores", "open_stores"]


class Store(ByteStore):
    """One bucket or folder of objects: bytes, JSON and named arrays."""

    def side_by_side(self) -> AbstractContextManager[SideBySide]:
        """Make requests that do not need one another at once; see `side_by_side`."""
        return side_by_side(self.at_once)

    def read_many(self, keys: Sequence[str]) -> Iterator[memoryview]:
        """Yield what `read_view` returns of many objects, in order, some of them read at once.

        As many as are read at once are in memory: `at_once`. What is wrong with an object is raised
        when it is its turn.
        """
        return map_in_order(self.read_view, keys, self.at_once)

    def read_json(self, key: str) -> Any:
        """Read an object and parse it as JSON."""
        return json.loads(self.read(key))

    def read_json_if_whole(self, key: str) -> Any:
        """Read a JSON object; None if there is none, or it is only half written."""
        data = self.read_if_there(key)
        try:
            return None if data is None else json.loads(data)
        except ValueError:
            return None

    def read_many_json(self, keys: Sequence[str]) -> Sequence[Any]:
        """Read many objects as `read_json_if_whole` does, in the order of their keys."""
        return list(map_in_order(self.read_json_if_whole, keys, self.at_once))

    def write_json(self, key: str, value: Any) -> None:
        """Write a value as JSON, laid out for people; see `encode_json`."""
        self.write(key, encode_json(value))

    def write_sealed(self, key: str, value: Mapping[str, Any]) -> None:
        """Write a JSON object with its own checksum in it: `read_sealed` finds any damage."""
        self.write_json(key, seal(value))

    def create_sealed(self, key: str, value: Mapping[str, Any]) -> bool:
        """Write as `write_sealed` does, unless there is an object; say whether it was written."""
        return self.create(key, encode_json(seal(value)))

    def read_sealed(self, key: str) -> dict[str, Any]:
        """Read what `write_sealed` wrote, without the checksum.

        Raises
        ------
        MissingObject
            If there is none.
        DamagedObject
            If it is not what was written.
        """
        return unseal(self.read(key), key)

    def read_arrays(self, key: str) -> Arrays:
        """Read what `write_arrays` wrote: a name → array mapping.

        Raises
        ------
        MissingObject
            If there is none.
        DamagedObject
            If it is not what was written: the file has a checksum of each array.
        """
        return _parse_arrays(self.read_view(key), key)

    def read_many_sealed(self, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield what `read_sealed` returns of many objects; see `read_many`."""
        for key, data in zip(keys, self.read_many(keys), strict=True):
            yield unseal(bytes(data), key)

    def read_many_arrays(self, keys: Sequence[str]) -> Iterator[Arrays]:
        """Yield what `read_arrays` returns of many objects; see `read_many`."""
        for key, data in zip(keys, self.read_many(keys), strict=True):
            yield _parse_arrays(data, key)

    def write_arrays(
        self, key: str, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False
    ) -> None:
        """Write named arrays as one ``.npz`` object; equal arrays make equal bytes."""
        from ionbox_cloud.storage.array_bytes import encode_arrays

        self.write(key, encode_arrays(arrays, compressed=compressed))


def _parse_arrays(data: memoryview, key: str) -> Arrays:
    """Import numpy only where arrays are read: it takes as long as all else in a function."""
    from ionbox_cloud.storage.array_bytes import parse_arrays

    return parse_arrays(data, key)


@dataclass(frozen=True)
class Stores:
    """The three places objects live: inbox, work and results; see `StoresEnvironment`."""

    inbox: Store
    work: Store
    results: Store

    @classmethod
    def open(cls, environment: StoresEnvironment) -> Stores:
        """Open inbox, work and results as the environment says; absent folders are made."""
        return cls(
            Store.open(environment.inbox_url),
            Store.open(environment.work_url, environment.work_expiry_days),
            Store.open(environment.results_url, environment.segments_expiry_days),
        )


@functools.cache
def open_stores(environment: StoresEnvironment) -> Stores:
    """Open the stores once per process: connections are kept from call to call."""
    return Stores.open(environment)
