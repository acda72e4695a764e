"""``ion_images.zarr`` of a run, read piece by piece; lost parts are never read as zeros."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_cloud.published import IMAGES
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import colocalize_images
from ionbox_science.annotation.colocalization import Colocalization

from ionbox.errors import DamagedResults
from ionbox.reading.damage import reading
from ionbox.reading.image_rows import read_rows


class ImageGroup:
    """The images of a run; nothing is read before it is asked for.

    Parameters
    ----------
    store : Store
        Where the results are.
    folder : str
        Key of ``ion_images.zarr``.
    place : str
        The results, as people know them.
    """

    def __init__(self, store: Store, folder: str, place: str) -> None:
        self._store, self._folder, self._place = store, folder, place

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, isotopes, height and width."""
        n_images, n_isotopes, height, width = self._images.shape
        return n_images, n_isotopes, height, width

    @property
    def image_of(self) -> dict[str, int]:
        """Row of each ion, named as in ``annotations.csv``."""
        with reading(self._place, IMAGES):
            return dict(self._images.attrs["image_of"])

    def read(self, name: str) -> npt.NDArray[Any]:
        """Read a whole array that lies beside the images."""
        group = self._group
        with reading(self._place, IMAGES):
            return np.asarray(group[name][...])

    def take(self, key: tuple[Any, ...]) -> npt.NDArray[np.float32]:
        """Read some images: an index, a slice or a list of indices for each axis."""
        images, (rows, *others) = self._images, key
        scattered = isinstance(rows, list | np.ndarray)
        with reading(self._place, IMAGES):
            if scattered and all(isinstance(each, slice | int | np.integer) for each in others):
                found = read_rows(images, np.asarray(rows, np.intp), tuple(others))
            else:
                found = images.oindex[key]
            return np.asarray(found, np.float32)

    def colocalize(self) -> Colocalization:
        """Find the ions of similar images."""
        group = self._group
        with reading(self._place, IMAGES):
            return colocalize_images(group)

    def require_whole(self) -> None:
        """Refuse images of which objects are missing, which zarr would read as zeros.

        Raises
        ------
        DamagedResults
            If so, or there are none.
        """
        _ = self._group

    @functools.cached_property
    def _images(self) -> Any:
        group = self._group
        with reading(self._place, IMAGES):
            return group["images"]

    @functools.cached_property
    def _group(self) -> Any:
        import zarr
        from zarr.storage import ObjectStore

        with reading(self._place, IMAGES):
            objects = ObjectStore(self._store.objects_below(self._folder), read_only=True)
            group: Any = zarr.open_group(objects, mode="r")
            self._check(group)
        return group

    def _check(self, group: Any) -> None:
        """Compare the objects there are with those that hold something other than zeros.

        zarr writes no object that would hold zeros only. No ion has a first isotope image without
        intensity, so there is an object for every run of ions; neither are the other arrays zero.
        """
        images = group["images"]
        if not images.shape[0]:
            return
        found: dict[str, set[int]] = {}
        for key in self._store.list(self._folder):
            name, *index = key.removeprefix(f"{self._folder}/").split("/")
            if len(index) > 1 and index[0] == "c":
                found.setdefault(name, set()).add(int(index[1]))
        n_runs = math.ceil(images.shape[0] / (images.shards or images.chunks)[0])
        lost = set(range(n_runs)) - found.get("images", set())
        if lost or not {"mz", "tic", "mask"} <= found.keys():
            raise DamagedResults(
                f"{self._place}: {IMAGES} is not whole, parts of it are missing; fetch or annotate "
                "again"
            )
