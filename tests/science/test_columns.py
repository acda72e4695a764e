"""Records of arrays: selecting, joining, storing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_science.columns import Columns


@dataclass(frozen=True)
class Animals(Columns):
    """A name and two weights each."""

    name: npt.NDArray[np.str_]
    weight: npt.NDArray[np.float32]


@pytest.fixture
def animals() -> Animals:
    return Animals(np.array(["cat", "horse", "ox"]), np.arange(6, dtype=np.float32).reshape(3, 2))


def assert_equal(one: Animals, other: Animals) -> None:
    for name, array in one.to_arrays().items():
        np.testing.assert_array_equal(array, other.to_arrays()[name])
        assert array.dtype == other.to_arrays()[name].dtype


def test_arrays_are_named_as_the_fields_and_build_the_same_record(animals: Animals) -> None:
    arrays = animals.to_arrays()
    assert list(arrays) == ["name", "weight"]
    assert_equal(Animals.from_arrays({**arrays, "something else": np.zeros(1)}), animals)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (slice(1, None), ["horse", "ox"]),
        (np.array([2, 0, 2]), ["ox", "cat", "ox"]),
        (np.array([False, True, False]), ["horse"]),
        (np.array([], np.int64), []),
    ],
)
def test_rows_are_taken_from_all_arrays(
    animals: Animals, rows: slice | npt.NDArray[np.int64], names: list[str]
) -> None:
    taken = animals.take(rows)
    assert taken.name.tolist() == names
    np.testing.assert_array_equal(taken.weight, animals.weight[rows])


def test_parts_joined_are_the_whole(animals: Animals) -> None:
    parts = [animals.take(slice(0, 1)), animals.take(slice(1, 1)), animals.take(slice(1, 3))]
    assert_equal(Animals.concatenate(parts), animals)


def test_a_missing_array_is_an_error(animals: Animals) -> None:
    with pytest.raises(KeyError, match="weight"):
        Animals.from_arrays({"name": animals.name})
