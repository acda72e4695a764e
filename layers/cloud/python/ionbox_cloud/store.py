"""Reading and writing objects: the same calls on S3, a local folder and memory.

Handlers get three stores (`Stores`): the inbox, work and results buckets, or folders of these names
on one machine. Keys come from `ionbox_cloud.keys`. Writes are atomic: an object is there whole or
not at all, so an object that is there is a finished one. Nothing else in ionbox touches storage.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_cloud.byte_store import ByteStore, ObjectFacts
from ionbox_cloud.environment import StoresEnvironment

__all__ = ["Arrays", "ObjectFacts", "Store", "Stores", "encode_json", "open_stores"]

_READ_AT_ONCE = 32  # small objects: the time is in waiting

Arrays = dict[str, npt.NDArray[Any]]


class Store(ByteStore):
    """One bucket or folder of objects: bytes, JSON and named arrays."""

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
        """Read many objects at once as `read_json_if_whole` does, in the order of their keys."""
        with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
            return list(threads.map(self.read_json_if_whole, keys))

    def write_json(self, key: str, value: Any) -> None:
        """Write a value as JSON, laid out for people; see `encode_json`."""
        self.write(key, encode_json(value))

    def read_arrays(self, key: str) -> Arrays:
        """Read what `write_arrays` wrote: a name → array mapping."""
        # never pickles: reading one runs what is in it
        with np.load(io.BytesIO(self.read(key)), allow_pickle=False) as archive:
            return dict(archive)

    def write_arrays(
        self, key: str, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False
    ) -> None:
        """Write named arrays as one ``.npz`` object; equal arrays make equal bytes."""
        buffer = io.BytesIO()
        save = np.savez_compressed if compressed else np.savez
        save(buffer, allow_pickle=False, **arrays)
        self.write(key, buffer.getvalue())


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


def encode_json(value: Any) -> bytes:
    """Write a value as JSON with sorted keys, so that equal values make equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
