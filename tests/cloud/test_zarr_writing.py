"""What is written without zarr is what zarr would write, and is read by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_cloud.storage.zarr_writing import METADATA, ZarrArray, describe_group
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

Objects = dict[str, bytes]
Values = npt.NDArray[Any]


def write(array: ZarrArray, values: Values) -> Objects:
    """A group with one array, by the names of its objects."""
    objects = {METADATA: describe_group(), f"a/{METADATA}": array.describe()}
    step = array.shard[0] if array.shard else max(len(values), 1)
    for first in range(0, max(len(values), 1), step):
        encoded = array.encode(values[first : first + step], first)
        if encoded is not None:
            objects[f"a/{encoded[0]}"] = bytes(encoded[1])
    return objects


def write_with_zarr(array: ZarrArray, values: Values) -> Objects:
    buffers: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(buffers))
    stored: Any = group.create_array(
        "a",
        shape=array.shape,
        chunks=array.chunk or array.shape,
        shards=array.shard,
        compressors=[ZstdCodec(level=0, checksum=False), Crc32cCodec()],
        dtype=str if values.dtype.kind == "U" else values.dtype,
        dimension_names=array.dimension_names,
    )
    stored.attrs.update(array.attributes)
    if values.size:
        is_text = values.dtype.kind == "U"
        stored[...] = values.astype(np.dtypes.StringDType()) if is_text else values
    return {name: buffer.to_bytes() for name, buffer in buffers.items()}


def read(objects: Objects) -> Values:
    buffer = default_buffer_prototype().buffer
    store = MemoryStore({name: buffer.from_bytes(data) for name, data in objects.items()})
    array: Any = zarr.open_group(store, mode="r")["a"]
    return np.asarray(array[...])


WHOLE = {
    "numbers": np.linspace(-1, 1, 35).reshape(7, 5),
    "few numbers": np.array([[0.5]], np.float32),
    "places": np.arange(9),
    "pixels": np.eye(5, dtype=bool),
    "texts": np.array(["C6H12O6", "", "Ångström €"]),
    "zeros": np.zeros((3, 4)),
    "no pixels": np.zeros((3, 4), bool),
    "empty texts": np.array(["", ""]),
    "nothing": np.zeros((0, 4), np.float32),
    "no texts": np.zeros(0, "U1"),
}


@pytest.mark.parametrize("values", WHOLE.values(), ids=WHOLE)
def test_an_array_of_one_chunk_is_what_zarr_writes(values: Values) -> None:
    array = ZarrArray.of(values, ("y", "x")[: values.ndim])
    objects = write(array, values)
    assert objects == write_with_zarr(array, values)
    np.testing.assert_array_equal(read(objects), values)


@given(stn.array_shapes(min_dims=4, max_dims=4, max_side=5), st.data())
def test_shards_have_the_chunks_that_zarr_writes(
    shape: tuple[int, ...], data: st.DataObject
) -> None:
    values = data.draw(
        stn.arrays(np.float32, shape, elements=st.floats(0, 100, width=32), fill=st.just(0.0))
    )
    per_chunk, n_chunks = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    array = ZarrArray(
        shape,
        values.dtype,
        ("ion", "isotope", "y", "x"),
        chunk=(per_chunk, 1, *shape[2:]),
        shard=(per_chunk * n_chunks, *shape[1:]),
        attributes={"image_of": {"C6H12O6+H+": 0}},
    )
    objects, expected = write(array, values), write_with_zarr(array, values)
    np.testing.assert_array_equal(read(objects), values)
    assert objects[f"a/{METADATA}"] == expected[f"a/{METADATA}"]
    # zarr writes the same chunks in another order
    assert {name: len(data) for name, data in objects.items()} == {
        name: len(data) for name, data in expected.items()
    }
