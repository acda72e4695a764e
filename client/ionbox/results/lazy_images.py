"""Ion images as an xarray.DataArray that reads what is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from ionbox.reading.image_group import ImageGroup


class _ZarrImages(BackendArray):
    """What xarray asks when values are needed.

    xarray's own reader of zarr is not used: it opens every array of the group.
    """

    def __init__(self, images: ImageGroup) -> None:
        self.images = images
        self.shape = images.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        return self.images.take(key)


def lazy_images(
    images: ImageGroup, image_of: Mapping[str, int], mz: npt.NDArray[np.float64]
) -> xr.DataArray:
    """Name the images of an array.

    Parameters
    ----------
    images : ImageGroup
        The run's.
    image_of : mapping of str to int
        Names of ions and their images.
    mz : (n_images, n_isotopes) float64
        Theoretical.
    """
    order = sorted(image_of.items(), key=lambda pair: (pair[1], pair[0]))
    rows = np.array([row for _, row in order], dtype=np.intp)
    lazy = indexing.LazilyIndexedArray(_ZarrImages(images))
    named = xr.DataArray(xr.Variable(("image", "isotope", "y", "x"), lazy), name="intensity")
    named = named.isel(image=xr.DataArray(rows, dims="ion"))
    return named.assign_coords(
        ion=np.array([name for name, _ in order], dtype=object),
        isotope=np.arange(images.shape[1]),
        mz=(("ion", "isotope"), mz[rows]),
    )
