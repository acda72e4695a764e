"""Records made of arrays: how they are selected, joined and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt


class ArrayRecord:
    """Base of dataclasses whose fields are all arrays."""

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self._names()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Rebuild a record from what `to_arrays` returned."""
        return cls(**{name: arrays[name] for name in cls._names()})

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type] # a dataclass below


class Columns(ArrayRecord):
    """Base of records whose arrays all have one row per thing."""

    def take(self, rows: npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | slice) -> Self:
        """Select rows."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self._names()})

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join records, row after row."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in cls._names()
            }
        )
