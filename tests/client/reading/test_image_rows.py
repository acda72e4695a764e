"""Scattered images are read as zarr's own outer indexing reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from ionbox.reading.image_rows import read_rows

VALUES = np.random.default_rng(1).random((50, 4, 3, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def array() -> Any:
    made = zarr.create_array(
        {}, shape=VALUES.shape, dtype="float32", chunks=(4, 1, 3, 5), shards=(20, 4, 3, 5)
    )
    made[...] = VALUES
    return made


@given(
    rows=st.lists(st.integers(0, 49), max_size=60),
    isotopes=st.sampled_from([slice(None), slice(1), slice(1, 3), 2]),
)
def test_rows_in_any_order_and_number(array: Any, rows: list[int], isotopes: Any) -> None:
    found = read_rows(array, np.array(rows, np.intp), (isotopes, slice(None), slice(1, 4)))
    np.testing.assert_array_equal(found, VALUES[rows, isotopes, :, 1:4])
