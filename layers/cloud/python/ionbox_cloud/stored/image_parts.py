"""What later states need of the images: made where these are in memory, and what they are like.

Each call of RenderImages leaves two objects: the images of first isotope peaks prepared to be
compared (`ionbox_science.annotation.colocalization`), ``runs/<run>/prepared-<n>-<n>.npz``, and
pictures for the report (`ionbox_cloud.stored.pictures`), ``runs/<run>/pictures-<n>-<n>.npz``. So
PublishResults reads two objects of each call, however many images there are, and none of
``ion_images.zarr``. Of many images CompareImages reads the prepared ones instead, and each of its
calls leaves which images are most alike, ``runs/<run>/partners-<n>-<n>.npz``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.colocalization import (
    MAX_PARTNERS,
    PackedPart,
    join_part,
    make_part,
    pack_part,
    prepare_part,
)
from ionbox_science.annotation.partners import NO_PARTNER, Partners, Prepared
from ionbox_science.progress import report_progress

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import CompareItem, ImageItem
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.store import Store
from ionbox_cloud.stored.images import ImageList
from ionbox_cloud.stored.pictures import PicturePacker, Pictures

Item = TypeVar("Item", ImageItem, CompareItem)
Part = TypeVar("Part")


class ImagePart:
    """What later states need of the images of an item, gathered while they are drawn.

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
        """Write the objects of the item."""
        of_item = self._plan.run_id, self._item.start, self._item.stop
        prepared, pictures = pack_part(self._prepared), self._packer.pictures()
        work.write_arrays(keys.prepared_images(*of_item), prepared.to_arrays())
        work.write_arrays(keys.pictures(*of_item), pictures.to_arrays())


def read_prepared(
    work: Store, plan: RunPlan, n_images: int, items: Sequence[ImageItem]
) -> Prepared:
    """Read the images of first isotope peaks that the items of RenderImages prepared.

    Returns
    -------
    (n_tiles, n_vectors, 3, 16) uint16
        All of them, as `ionbox_science.annotation.colocalization` compares them.

    Raises
    ------
    MissingObject
        If an item's object is not there.
    DamagedObject
        If one is not what was written.

    Notes
    -----
    Memory: 2 bytes per pixel of first isotopes, 256 MB at most (more are averaged); and objects
    that are read at once.
    """
    prepared = make_part(0, n_images, n_images, (plan.height, plan.width))
    names = [keys.prepared_images(plan.run_id, item.start, item.stop) for item in items]

    def join(arrays: Arrays, item: ImageItem) -> None:
        join_part(PackedPart.from_arrays(arrays), item.start, item.stop, prepared)

    for _ in _read_parts(work, items, names, n_images, join):
        pass
    return prepared


def read_pictures(
    work: Store, plan: RunPlan, n_images: int, items: Sequence[ImageItem]
) -> list[Pictures]:
    """Read the pictures that the items of RenderImages made for the report; ions in order.

    Raises as `read_prepared` does.
    """
    names = [keys.pictures(plan.run_id, item.start, item.stop) for item in items]

    def unpack(arrays: Arrays, item: ImageItem) -> Pictures:
        return _check(Pictures.from_arrays(arrays), item, plan)

    return list(_read_parts(work, items, names, n_images, unpack))


def _check(pictures: Pictures, item: ImageItem, plan: RunPlan) -> Pictures:
    """Return pictures if they are those of the item."""
    shape = (item.stop - item.start, plan.config.isotope_peaks)
    arrays = pictures.maximum, pictures.start, pictures.n_bytes
    if any(array.shape != shape for array in arrays):
        raise ValueError(f"pictures {pictures.n_bytes.shape} instead of {shape}")
    if (pictures.start + pictures.n_bytes).max(initial=0) > pictures.packed.size:
        raise ValueError(f"{pictures.packed.size} bytes of pictures")
    return pictures


def write_partners(work: Store, item: CompareItem, found: Partners) -> None:
    """Write what was found for the images of an item."""
    work.write_arrays(item.output_key, found.to_arrays())


def read_partners(work: Store, items: Sequence[CompareItem]) -> Partners:
    """Read what the items of CompareImages found: the partners of all images of a run.

    Raises
    ------
    MissingObject
        If an item's object is not there.
    DamagedObject
        If one is not what was written.
    """
    names = [item.output_key for item in items]

    def unpack(arrays: Arrays, item: CompareItem) -> Partners:
        return _check_partners(Partners.from_arrays(arrays), item)

    n_images = items[-1].n_images
    return Partners.concatenate(list(_read_parts(work, items, names, n_images, unpack)))


def _check_partners(found: Partners, item: CompareItem) -> Partners:
    """Return partners if they are those of the item."""
    shape = (item.stop - item.start, MAX_PARTNERS + 1)
    if found.partner.shape != shape or found.coefficient.shape != shape:
        raise ValueError(f"partners {found.partner.shape} instead of {shape}")
    lowest, highest = found.partner.min(), found.partner.max()
    if lowest < NO_PARTNER or highest >= item.n_images:
        raise ValueError(f"partners {lowest} to {highest} of {item.n_images} images")
    return found


def _read_parts(
    work: Store,
    items: Sequence[Item],
    names: Sequence[str],
    n_images: int,
    unpack: Callable[[Arrays, Item], Part],
) -> Iterator[Part]:
    """Yield what each item left, in order; tell how many of the images are read.

    Parameters
    ----------
    work : Store
        Where the objects lie.
    items : sequence of items
        The Map's items.
    names : sequence of str
        Keys of their objects.
    n_images : int
        Images of all items.
    unpack : callable
        Makes a part of the arrays of an object and its item; a KeyError or ValueError says that
        these are not what was written.

    Raises
    ------
    MissingObject
        If an item's object is not there.
    DamagedObject
        If one is not what was written.
    """
    for item, name, arrays in zip(items, names, work.read_many_arrays(names), strict=True):
        try:
            part = unpack(arrays, item)
        except (KeyError, ValueError) as error:
            raise DamagedObject.of(name, str(error)) from None
        yield part
        report_progress(item.stop, n_images, "images")
