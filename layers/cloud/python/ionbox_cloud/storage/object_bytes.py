"""Objects as bytes, written so that damage shows when they are read: JSON.

A sealed JSON object has its own checksum in it. What is not what was written is a `DamagedObject`.
Arrays are in a module of their own, `ionbox_cloud.storage.array_bytes`: most functions do without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ionbox_cloud.errors import DamagedObject

SEAL = "sha256"
"""Field of a sealed JSON object that has the checksum of all others."""


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
