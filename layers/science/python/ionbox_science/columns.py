"""Base classes of dataclasses made of numpy arrays: how they are stored, selected and joined.

Ion tables, scores, annotations and other results that travel between the states of a run are such
records; ``to_arrays`` gives what is written to an ``.npz``, ``from_arrays`` takes what was read.
"""

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
        """Rebuild a record from what `to_arrays` returned; further arrays are ignored.

        Raises
        ------
        KeyError
            If an array is missing.
        """
        return cls(**{name: arrays[name] for name in cls._names()})

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type] # a dataclass below


class Columns(ArrayRecord):
    """Base of records whose arrays all have the same number of rows: one per ion, say."""

    def take(self, rows: npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | slice) -> Self:
        """Return the record of some rows: by indices, in their order, by a mask, or by a slice."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self._names()})

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join records of one class, rows of the first part first; at least one part."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in cls._names()
            }
        )
