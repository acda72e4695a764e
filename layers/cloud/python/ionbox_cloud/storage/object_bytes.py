"""Objects as bytes, written so that damage shows when they are read: JSON and named arrays.

A sealed JSON object has its own checksum in it; an ``.npz`` file has one of each array. What is not
what was written is a `DamagedObject`, whatever the parsers would have made of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ionbox_cloud.errors import DamagedObject

if TYPE_CHECKING:  # collections.abc has it from Python 3.12 on
    pass

Arrays = dict[str, npt.NDArray[Any]]

SEAL = "sha256"
"""Field of a sealed JSON object that has the checksum of all others."""

# What zipfile and numpy raise on bytes that are not what was written.
_BROKEN_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, KeyError, IndexError, TypeError, RuntimeError, NotImplementedError),
)


def encode_json(value: Any) -> bytes:
    """Write a value as JSON with sorted keys, so that equal values make equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def seal(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with one more field: the SHA-256 of the others."""
    return {**value, SEAL: hashlib.sha256(encode_json(dict(value))).hexdigest()}


def unseal(data: bytes, key: str) -> dict[str, Any]:
    """Parse a JSON object that `seal` made, and return it without the checksum.

    Raises
    ------
    DamagedObject
        If it is no JSON object, or not with this checksum.
    """
    try:
        value = json.loads(data)
        found = value.pop(SEAL)
        expected = hashlib.sha256(encode_json(value)).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DamagedObject.of(key, "it is no JSON with a checksum") from None
    if found != expected:
        raise DamagedObject.of(key, "its checksum is another")
    return dict(value)


def encode_arrays(arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False) -> bytes:
    """Return named arrays as an ``.npz`` file; equal arrays make equal bytes."""
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def parse_arrays(data: bytes, key: str) -> Arrays:
    """Return the arrays of an ``.npz`` file, by name.

    Raises
    ------
    DamagedObject
        If the file, or an array in it, does not have the bytes that were written.
    """
    try:
        # first: a damaged header of an array would ask for any amount of memory
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            broken = archive.testzip()
        if broken is None:
            # never pickles: reading one runs what is in it
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return dict(arrays)
    except _BROKEN_ARCHIVE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DamagedObject.of(key, reason) from None
    raise DamagedObject.of(key, f"the checksum of {broken} in it is another")
