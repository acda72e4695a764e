"""What PublishResults needs of the images, made by RenderImages, which has them in memory.

Each call leaves one object, ``runs/<run>/images-<n>-<n>.npz``, of two kinds of arrays: the images
of first isotope peaks prepared to be compared (`ionbox_science.annotation.colocalization`), and
pictures for the report (`ionbox_cloud.stored.pictures`). So PublishResults reads an object for each
call, however many images there are, and none of ``ion_images.zarr``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.colocalization import (
    PackedPart,
    Prepared,
    join_part,
    make_part,
    pack_part,
    prepare_part,
)
from ionbox_science.progress import report_progress

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import ImageItem
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import ImageList
from ionbox_cloud.stored.pictures import PicturePacker, Pictures


class ImagePart:
    """What PublishResults needs of the images of an item, gathered while they are drawn.

    Parameters
    ----------
    plan : RunPlan
        The run; it has the size of the images.
    listed : ImageList
        All ions to draw.
    item : ImageItem
        Which of them are drawn.

    Notes
    -----
    Memory: 2 bytes per pixel of first isotopes, and the pictures, which are smaller than that.
    """

    def __init__(self, plan: RunPlan, listed: ImageList, item: ImageItem) -> None:
        self._plan = plan
        self._item = item
        self._n_images = len(listed.mz)
        shape = (plan.height, plan.width)
        self._prepared = make_part(item.start, item.stop, self._n_images, shape)
        self._packer = PicturePacker(listed.place[item.start : item.stop])

    def add(self, start: int, images: npt.NDArray[np.float32]) -> None:
        """Add images of ions from ``start`` on, (n, n_isotopes, height, width) float32, counts."""
        first = self._item.start
        prepare_part(images[:, 0], start, self._prepared, first, self._n_images)
        self._packer.add(start - first, images)

    def write(self, work: Store) -> None:
        """Write the object of the item."""
        arrays = pack_part(self._prepared).to_arrays() | self._packer.pictures().to_arrays()
        key = keys.image_part(self._plan.run_id, self._item.start, self._item.stop)
        work.write_arrays(key, arrays)


@dataclass(frozen=True)
class ReadyImages:
    """What PublishResults needs of all images of a run.

    Attributes
    ----------
    prepared : (n_tiles, n_vectors, 3, 16) uint16
        The images of first isotope peaks, as `ionbox_science.annotation.colocalization` compares
        them.
    pictures : sequence of Pictures
        For the report; ions in order.
    """

    prepared: Prepared
    pictures: Sequence[Pictures]


def read_image_parts(
    work: Store, plan: RunPlan, n_images: int, items: Sequence[ImageItem]
) -> ReadyImages:
    """Read what the items of RenderImages left.

    Raises
    ------
    MissingObject
        If an item's object is not there.
    DamagedObject
        If one is not what was written.

    Notes
    -----
    Memory: 2 bytes per pixel of first isotopes, 256 MB at most (more are averaged); the pictures;
    and objects that are read at once.
    """
    prepared = make_part(0, n_images, n_images, (plan.height, plan.width))
    pictures: list[Pictures] = []
    names = [keys.image_part(plan.run_id, item.start, item.stop) for item in items]
    for item, name, arrays in zip(items, names, work.read_many_arrays(names), strict=True):
        try:
            join_part(PackedPart.from_arrays(arrays), item.start, item.stop, prepared)
            pictures.append(_check(Pictures.from_arrays(arrays), item, plan))
        except (KeyError, ValueError) as error:
            raise DamagedObject.of(name, str(error)) from None
        report_progress(item.stop, n_images, "images")
    return ReadyImages(prepared, pictures)


def _check(pictures: Pictures, item: ImageItem, plan: RunPlan) -> Pictures:
    """Return pictures if they are those of the item."""
    shape = (item.stop - item.start, plan.config.isotope_peaks)
    arrays = pictures.maximum, pictures.start, pictures.n_bytes
    if any(array.shape != shape for array in arrays):
        raise ValueError(f"pictures {pictures.n_bytes.shape} instead of {shape}")
    if (pictures.start + pictures.n_bytes).max(initial=0) > pictures.packed.size:
        raise ValueError(f"{pictures.packed.size} bytes of pictures")
    return pictures
