"""Named arrays as bytes: those that numpy writes, and found damaged wherever they are."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.storage.array_bytes import encode_arrays, parse_arrays

ARRAYS: dict[str, npt.NDArray[Any]] = {
    "numbers": np.arange(1000.0).reshape(10, 100),
    "none": np.empty((0, 3), np.float32),
    "one": np.array(7),
    "words": np.array(["x", "über"]),
    "by columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "every other": np.arange(20)[::2],
    "flags": np.array([True, False]),
    "big-endian": np.arange(3, dtype=">f8"),
    "pairs": np.array([(1, 2.5)], [("count", np.int32), ("mz", np.float64)]),
    "not Latin": np.zeros(2, [("ж", np.int8)]),
}


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_written_as_numpy_writes_them(*, compressed: bool) -> None:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, allow_pickle=False, **ARRAYS)
    assert encode_arrays(ARRAYS, compressed=compressed) == buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_as_numpy_reads_them(*, compressed: bool) -> None:
    data = encode_arrays(ARRAYS, compressed=compressed)
    found = parse_arrays(memoryview(data), "key")
    with np.load(io.BytesIO(data)) as expected:
        assert list(found) == expected.files
        for name, array in found.items():
            assert array.dtype == expected[name].dtype
            for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS", "WRITEABLE", "ALIGNED"):
                assert array.flags[flag] == expected[name].flags[flag]
            np.testing.assert_array_equal(array, expected[name])


def test_an_array_of_objects_is_never_read() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, objects=np.array([{}], object))
    with pytest.raises(DamagedObject, match="object 'key' is damaged"):
        parse_arrays(buffer.getvalue(), "key")
    with pytest.raises(ValueError, match="pickle"):
        encode_arrays({"objects": np.array([{}], object)})


def test_damage_of_what_is_stored_as_it_is_shows_in_every_byte_of_an_array() -> None:
    numbers = np.arange(40, dtype=np.uint8)
    whole = encode_arrays({"numbers": numbers})
    start = whole.index(numbers.tobytes())
    for place in range(start, start + len(numbers)):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(DamagedObject, match=r"the checksum of numbers\.npy in it is another"):
            parse_arrays(damaged, "key")
