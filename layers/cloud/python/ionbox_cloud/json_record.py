"""Records that travel or rest as JSON: read strictly, written plainly.

Messages between states are read strictly: what one version writes, the same version reads. What is
published is read by older and newer versions, too: `PublishedRecord` passes over fields it does
not know, and takes a field's default where one is missing.

A record is a frozen dataclass; its field types are the schema. They may be ``str``, ``int``,
``float``, ``bool``, ``X | None``, ``tuple[X, ...]`` (a JSON list), ``dict[str, X]``, ``Any``, and
whatever has ``from_json``: other records, and the science ring's config.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

from ionbox_cloud.errors import InvalidMessage


@functools.cache
def _field_types(record_type: Any) -> dict[str, Any]:
    """Return the types of a record's fields; cached, because resolving annotations is slow."""
    hints = get_type_hints(record_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(record_type)}


@dataclass(frozen=True)
class JsonRecord:
    """Base of frozen dataclasses with a JSON form; strict unless `PublishedRecord`."""

    _tolerant: ClassVar[bool] = False

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a record from parsed JSON.

        Raises
        ------
        InvalidMessage
            If it is no object, or a field is missing, unknown or of another type; tolerant records
            pass over unknown fields and take defaults for missing ones.
        """
        if not isinstance(value, Mapping):
            raise InvalidMessage(f"{cls.__name__}: expected an object, got {value!r}")
        field_types = _field_types(cls)  # type: ignore[arg-type] # mypy: classes do hash
        unknown = [] if cls._tolerant else sorted(set(value) - set(field_types))
        missing = sorted(set(field_types) - set(value) - cls._optional())
        if unknown or missing:
            found = {"unknown fields": unknown, "missing": missing}
            said = (f"{kind} {names}" for kind, names in found.items() if names)
            raise InvalidMessage(f"{cls.__name__}: {', '.join(said)}")
        return cls(
            **{
                name: _read_value(value[name], kind, f"{cls.__name__}.{name}")
                for name, kind in field_types.items()
                if name in value
            }
        )

    @classmethod
    def _optional(cls) -> set[str]:
        """Return the fields that may be missing."""
        if not cls._tolerant:
            return set()
        fields = dataclasses.fields(cls)
        return {
            field.name
            for field in fields
            if field.default is not MISSING or field.default_factory is not MISSING
        }

    def to_json(self) -> dict[str, Any]:
        """Write the record as plain JSON values."""
        return {
            field.name: _write_value(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }


@dataclass(frozen=True)
class PublishedRecord(JsonRecord):
    """Base of records that other versions read: unknown fields are passed over.

    New fields need a default, because older records lack them.
    """

    _tolerant: ClassVar[bool] = True


def _read_value(value: Any, kind: Any, place: str) -> Any:
    """Read a value of a type; ``place`` is the field, for messages."""
    if hasattr(kind, "from_json"):
        return _read_record(value, kind.from_json, place)
    if isinstance(kind, types.UnionType):  # only X | None is in use
        inner = next(part for part in get_args(kind) if part is not type(None))
        return None if value is None else _read_value(value, inner, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InvalidMessage(f"{place}: expected a list, got {value!r}")
        return tuple(_read_value(item, get_args(kind)[0], place) for item in value)
    if get_origin(kind) is dict and isinstance(value, dict):
        inner = get_args(kind)[1]
        return {name: _read_value(item, inner, f"{place}.{name}") for name, item in value.items()}
    plain = get_origin(kind) or kind
    if plain is float and type(value) is int:  # JSON may write 1.0 as 1
        return float(value)
    if plain is not Any and type(value) is not plain:  # not isinstance: a bool is an int there
        raise InvalidMessage(f"{place}: expected {plain.__name__}, got {value!r}")
    return value


def _read_record(value: Any, read: Callable[[Any], Any], place: str) -> Any:
    """Read a record in a record; those of the science ring know nothing of messages."""
    try:
        return read(value)
    except (TypeError, AttributeError, ValueError) as error:
        raise InvalidMessage(f"{place}: {error}") from error


def _write_value(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, tuple):
        return [_write_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _write_value(item) for name, item in value.items()}
    return value
