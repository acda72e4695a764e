"""Records that travel or rest as JSON: read strictly, written plainly."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args, get_origin, get_type_hints

from ionbox_cloud.errors import InvalidMessage


@functools.cache
def _field_types(record_type: Any) -> dict[str, Any]:
    return get_type_hints(record_type)


@dataclass(frozen=True)
class JsonRecord:
    """Base of frozen dataclasses with a JSON form."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a record.

        Raises
        ------
        InvalidMessage
            If a field is missing, unknown or of another type.
        """
        if not isinstance(value, Mapping):
            raise InvalidMessage(f"{cls.__name__}: expected an object, got {value!r}")
        field_types = _field_types(cls)  # type: ignore[arg-type] # mypy: classes do hash
        unknown = sorted(set(value) - set(field_types))
        missing = sorted(set(field_types) - set(value))
        if unknown or missing:
            raise InvalidMessage(f"{cls.__name__}: unknown fields {unknown}, missing {missing}")
        return cls(
            **{
                name: _read_value(value[name], kind, f"{cls.__name__}.{name}")
                for name, kind in field_types.items()
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Write the record as plain JSON values."""
        return {
            field.name: _write_value(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }


def _read_value(value: Any, kind: Any, place: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, JsonRecord):
        return kind.from_json(value)
    if isinstance(kind, types.UnionType):
        inner = next(part for part in get_args(kind) if part is not type(None))
        return None if value is None else _read_value(value, inner, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InvalidMessage(f"{place}: expected a list, got {value!r}")
        return tuple(_read_value(item, get_args(kind)[0], place) for item in value)
    plain = get_origin(kind) or kind
    if plain is float and type(value) is int:
        return float(value)
    if plain is not Any and type(value) is not plain:
        raise InvalidMessage(f"{place}: expected {plain.__name__}, got {value!r}")
    return value


def _write_value(value: Any) -> Any:
    if isinstance(value, JsonRecord):
        return value.to_json()
    if isinstance(value, tuple):
        return [_write_value(item) for item in value]
    return value
