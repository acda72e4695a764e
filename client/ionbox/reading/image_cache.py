"""Images of a run, read from ``ion_images.zarr`` chunk by chunk: in a bucket, by ranges."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_cloud.store import Store

from ionbox.errors import NotFound

Float32s = npt.NDArray[np.float32]

_KEPT_BYTES = 256 << 20


class ImageReader:
    """Reads isotope images; keeps the chunks looked at last. May be used by several threads.

    Parameters
    ----------
    results : Store
        Where the results lie.
    folder : str
        Key of ``ion_images.zarr``.
    """

    def __init__(self, results: Store, folder: str) -> None:
        self._results = results
        self._folder = folder
        self._lock = threading.RLock()
        self._chunks: OrderedDict[tuple[int, int], Float32s] = OrderedDict()

    def read(self, row: int, isotope: int) -> Float32s:
        """Return one isotope image: (height, width) float32.

        Parameters
        ----------
        row : int
            Of the ion, as the attribute ``image_of`` says.
        isotope : int
            From 0.

        Raises
        ------
        NotFound
            If there is none.
        """
        n_ions, n_isotopes = self._images.shape[:2]
        if not (0 <= row < n_ions and 0 <= isotope < n_isotopes):
            raise NotFound(
                f"there is no image {row}/{isotope}: the run has {n_ions} ions with {n_isotopes} "
                "isotope images each"
            )
        per_chunk = self._images.chunks[0]
        image: Float32s = self._read_chunk(row // per_chunk, isotope)[row % per_chunk]
        return image

    @property
    def image_of(self) -> dict[str, int]:
        """Row of each ion, named as in ``annotations.csv``."""
        return dict(self._images.attrs["image_of"])

    @property
    def ion_formula(self) -> list[str]:
        """Formula of each row's ion."""
        return [str(formula) for formula in self._group["ion_formula"][...]]

    @property
    def patterns(self) -> tuple[npt.NDArray[np.float64], Float32s]:
        """Theoretical m/z and abundance of each row's ion: (n_ions, n_isotopes) each."""
        return np.asarray(self._group["mz"][...]), np.asarray(self._group["abundance"][...])

    @functools.cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Measured pixels: (height, width) bool."""
        return np.asarray(self._group["mask"][...])

    @functools.cached_property
    def tic(self) -> npt.NDArray[np.float64]:
        """Total ion current: (height, width) float64, counts."""
        return np.asarray(self._group["tic"][...])

    def _read_chunk(self, chunk: int, isotope: int) -> Float32s:
        key = (chunk, isotope)
        with self._lock:  # one at a time: two that want the same chunk read it once
            if key not in self._chunks:
                start = chunk * self._images.chunks[0]
                stop = min(start + self._images.chunks[0], self._images.shape[0])
                images = np.asarray(self._images[start:stop, isotope], np.float32)
                self._make_room(images.nbytes)
                self._chunks[key] = images
            self._chunks.move_to_end(key)
            return self._chunks[key]

    def _make_room(self, n_bytes: int) -> None:
        while self._chunks and n_bytes + sum(c.nbytes for c in self._chunks.values()) > _KEPT_BYTES:
            self._chunks.popitem(last=False)

    @functools.cached_property
    def _images(self) -> Any:
        return self._group["images"]

    @functools.cached_property
    def _group(self) -> Any:
        import zarr
        from zarr.storage import ObjectStore

        store = ObjectStore(self._results.objects_below(self._folder), read_only=True)
        return zarr.open_group(store, mode="r")
