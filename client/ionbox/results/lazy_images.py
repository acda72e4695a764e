"""Ion images as an xarray.DataArray that reads only what is looked at; behind `Run.images`."""

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
    """What xarray asks when values are needed: an array in the way its backends are written.

    xarray's own reader of zarr is not used, because it opens every array of the group.
    """

    def __init__(self, images: ImageGroup) -> None:
        self.images = images
        self.shape = images.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        # "outer": a list of indices per axis; xarray takes other keys apart until they are that
        support = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        return self.images.take(key)


def lazy_images(
    images: ImageGroup, image_of: Mapping[str, int], mz: npt.NDArray[np.float64]
) -> xr.DataArray:
    """Give the rows and isotopes of an image group their names.

    Parameters
    ----------
    images : ImageGroup
        Images of the run.
    image_of : mapping of str to int
        Row of each ion, by the ion's name; several ions may share one.
    mz : (n_images, n_isotopes) float64
        Theoretical m/z of each image.

    Returns
    -------
    xarray.DataArray
        (ion, isotope, y, x) float32, counts; none of it read yet. Coordinates: ``ion``,
        ``isotope``, and ``mz`` of both.
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
