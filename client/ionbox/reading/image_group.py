"""``ion_images.zarr`` of a run, read piece by piece; lost parts are never read as zeros.

A row of the group is an ion formula, and has an image per isotope peak; `ImageGroup.image_of` says
which ion has which row. For `ionbox.results` (tables of images) and the viewer (single images).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_cloud.published import IMAGES, ImageArrays
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import colocalize_images
from ionbox_science.annotation.colocalization import Colocalization

from ionbox.errors import DamagedResults, NotFound
from ionbox.reading.damage import reading
from ionbox.reading.image_rows import read_rows
from ionbox.reading.recent_chunks import Float32s, RecentChunks

_KEPT_BYTES = 256 << 20  # of chunks that were looked at last: a viewer's images at hand

_NEVER_ZERO = {ImageArrays.MZ, ImageArrays.TIC, ImageArrays.MASK}


class ImageGroup:
    """The images of a run; nothing is read before it is asked for. Threads may share one.

    `read_image` reads the whole chunk that an image is in and keeps the chunks used last, `take`
    reads many images and keeps none.

    Parameters
    ----------
    store : Store
        Where the results are.
    folder : str
        Key of ``ion_images.zarr`` in the store.
    place : str
        Path or URI of the results, for messages.

    Raises
    ------
    DamagedResults
        By everything that reads: if an object of the group is missing or cannot be read.
    """

    def __init__(self, store: Store, folder: str, place: str) -> None:
        self._store, self._folder, self._place = store, folder, place
        self._recent = RecentChunks(_KEPT_BYTES)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """How many rows, isotope peaks, and pixels in height and width there are."""
        n_images, n_isotopes, height, width = self._images.shape
        return n_images, n_isotopes, height, width

    @property
    def image_of(self) -> dict[str, int]:
        """Row of each ion, named as in ``annotations.csv``."""
        with reading(self._place, IMAGES):
            return dict(self._images.attrs[ImageArrays.IMAGE_OF])

    @property
    def ion_formula(self) -> list[str]:
        """Ion formula of each row."""
        return [str(formula) for formula in self._read(ImageArrays.ION_FORMULA)]

    @property
    def mz(self) -> npt.NDArray[np.float64]:
        """Theoretical m/z: (n_rows, n_isotopes) float64; 0 where the pattern has fewer peaks."""
        return self._read(ImageArrays.MZ)

    @property
    def abundance(self) -> Float32s:
        """Theoretical abundance: (n_rows, n_isotopes) float32, the pattern's base peak is 100."""
        return self._read(ImageArrays.ABUNDANCE)

    @functools.cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Measured pixels: (height, width) bool, read-only."""
        mask = self._read(ImageArrays.MASK)
        mask.flags.writeable = False
        return mask

    @functools.cached_property
    def tic(self) -> npt.NDArray[np.float64]:
        """Total ion current: (height, width) float64, counts."""
        return self._read(ImageArrays.TIC)

    @functools.cached_property
    def positions(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Position of each column and row, (width,) and (height,) int64, the first 0.

        They ascend by 1, unless the images leave out what lies between regions far apart.
        """
        group = self._group
        if ImageArrays.X not in group:
            height, width = self.shape[2:]
            return np.arange(width), np.arange(height)
        x, y = self._read(ImageArrays.X), self._read(ImageArrays.Y)
        return x - x[0], y - y[0]

    def read_image(self, row: int, isotope: int) -> Float32s:
        """Return one isotope image: (height, width) float32, counts.

        Parameters
        ----------
        row : int
            Row of the ion, as `image_of` says.
        isotope : int
            Which isotope peak, from 0.

        Raises
        ------
        NotFound
            If the run has no such row or isotope peak.
        """
        n_ions, n_isotopes = self.shape[:2]
        if not (0 <= row < n_ions and 0 <= isotope < n_isotopes):
            raise NotFound(
                f"there is no image {row}/{isotope}: the run has {n_ions} ions with {n_isotopes} "
                "isotope images each"
            )
        # a chunk is the least that is decompressed, so all of it is kept for the neighbours
        chunk, place = divmod(row, self._images.chunks[0])
        read = functools.partial(self._read_chunk, chunk, isotope)
        image: Float32s = self._recent.get((chunk, isotope), read)[place]
        return image

    def _read_chunk(self, chunk: int, isotope: int) -> Float32s:
        images, per_chunk = self._images, self._images.chunks[0]
        start, stop = chunk * per_chunk, min((chunk + 1) * per_chunk, images.shape[0])
        with reading(self._place, IMAGES):
            return np.asarray(images[start:stop, isotope], np.float32)

    def take(self, key: tuple[Any, ...]) -> Float32s:
        """Read a part of the array of images, float32, counts.

        Parameters
        ----------
        key : tuple
            An index, a slice or a list of indices for each axis: rows, isotope peaks, y, x.
        """
        images, (rows, *others) = self._images, key
        # zarr's oindex, ten times slower for lists of rows, is left for what read_rows cannot do
        scattered = isinstance(rows, list | np.ndarray)
        with reading(self._place, IMAGES):
            if scattered and all(isinstance(each, slice | int | np.integer) for each in others):
                found = read_rows(images, np.asarray(rows, np.intp), tuple(others))
            else:
                found = images.oindex[key]
            return np.asarray(found, np.float32)

    @functools.cached_property
    def fraction_of(self) -> dict[str, dict[str, int]]:
        """Label series of each ion that is in some, named as in ``annotations.csv``, by label."""
        group = self._group
        if ImageArrays.LABEL_FRACTIONS not in group:
            return {}
        with reading(self._place, IMAGES):
            return dict(group[ImageArrays.LABEL_FRACTIONS].attrs[ImageArrays.FRACTION_OF])

    def read_fraction(self, series: int) -> Float32s:
        """Return the fraction image of a label series: (height, width) float32, NaN where none."""
        group = self._group
        with reading(self._place, IMAGES):
            return np.asarray(group[ImageArrays.LABEL_FRACTIONS][series], np.float32)

    def colocalize(self) -> Colocalization:
        """Compare the images of all ions; for runs whose results have no colocalization yet."""
        group = self._group
        with reading(self._place, IMAGES):
            return colocalize_images(group)

    def require_whole(self) -> None:
        """Open the images now, and refuse them if objects are missing: zarr would read zeros.

        Raises
        ------
        DamagedResults
            If objects are missing, or there are no images at all.
        """
        _ = self._group

    def _read(self, name: str) -> npt.NDArray[Any]:
        """Read a whole array that lies beside the images."""
        group = self._group
        with reading(self._place, IMAGES):
            return np.asarray(group[name][...])

    @functools.cached_property
    def _images(self) -> Any:
        group = self._group
        with reading(self._place, IMAGES):
            return group[ImageArrays.IMAGES]

    @functools.cached_property
    def _group(self) -> Any:
        import zarr
        from ionbox_cloud.storage.zarr_folder import ZarrFolder

        with reading(self._place, IMAGES):
            objects = ZarrFolder(self._store.objects_below(self._folder))
            group: Any = zarr.open_group(objects, mode="r")
            self._check(group)
        return group

    def _check(self, group: Any) -> None:
        """Compare the objects that are there with those that must be.

        zarr writes no object that would hold zeros only, so a missing object may be right. But no
        ion has a first isotope image without intensity, save those that are listed: there must be
        an object for every range of rows with another one. The other arrays are never all zero, and
        there is an object for each labelled fraction.
        """
        images = group[ImageArrays.IMAGES]
        if not images.shape[0]:
            return
        found: dict[str, set[int]] = {}
        for key in self._store.list(self._folder):
            name, *index = key.removeprefix(f"{self._folder}/").split("/")
            # keys of objects are <array>/c/<row's place>/…, beside <array>/zarr.json
            if len(index) > 1 and index[0] == "c":
                found.setdefault(name, set()).add(int(index[1]))
        per_object = (images.shards or images.chunks)[0]
        rows = set(range(images.shape[0])) - set(images.attrs.get(ImageArrays.SILENT, ()))
        lost = {row // per_object for row in rows} - found.get(ImageArrays.IMAGES, set())
        if ImageArrays.LABEL_FRACTIONS in group:
            fractions = set(range(group[ImageArrays.LABEL_FRACTIONS].shape[0]))
            lost |= fractions - found.get(ImageArrays.LABEL_FRACTIONS, set())
        if lost or not found.keys() >= _NEVER_ZERO:
            raise DamagedResults(
                f"{self._place}: {IMAGES} is not whole, parts of it are missing; fetch or annotate "
                "again"
            )
