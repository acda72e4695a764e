"""The images that a run left behind, past ionbox: as zarr reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr


def open_array(
    results: Path, name: str = "images", mode: Literal["r", "a"] = "r"
) -> zarr.Array[Any]:
    """Open one of a run's arrays."""
    array = zarr.open_group(results / "ion_images.zarr", mode=mode)[name]
    assert isinstance(array, zarr.Array)
    return array


def read_array(results: Path, name: str = "images") -> npt.NDArray[Any]:
    """Read the whole of one of a run's arrays."""
    return np.asarray(open_array(results, name)[...])


def rows_of_ions(results: Path) -> dict[str, int]:
    """The row of each ion's images."""
    rows: Any = open_array(results).attrs["image_of"]
    return dict(rows)
