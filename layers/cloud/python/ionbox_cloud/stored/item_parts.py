"""What the items of a Map left of a whole, read item by item: one loop for all kinds of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ionbox_science.progress import report_progress

from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import CompareItem, ImageItem
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.store import Store

Item = TypeVar("Item", ImageItem, CompareItem)
Part = TypeVar("Part")


def read_item_parts(
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
