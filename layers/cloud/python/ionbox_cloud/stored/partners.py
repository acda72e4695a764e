"""Which images are most alike, as calls of CompareImages leave it for PublishResults.

Each call leaves one object, ``runs/<run>/partners-<n>-<n>.npz``, which has the arrays of
`ionbox_science.annotation.partners.Partners` for some images of the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from ionbox_science.annotation.colocalization import MAX_PARTNERS
from ionbox_science.annotation.partners import NO_PARTNER, Partners

from ionbox_cloud.messages import CompareItem
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.store import Store
from ionbox_cloud.stored.item_parts import read_item_parts


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
        return _check(Partners.from_arrays(arrays), item)

    n_images = items[-1].n_images
    return Partners.concatenate(list(read_item_parts(work, items, names, n_images, unpack)))


def _check(found: Partners, item: CompareItem) -> Partners:
    """Return partners if they are those of the item."""
    shape = (item.stop - item.start, MAX_PARTNERS + 1)
    if found.partner.shape != shape or found.coefficient.shape != shape:
        raise ValueError(f"partners {found.partner.shape} instead of {shape}")
    lowest, highest = found.partner.min(), found.partner.max()
    if lowest < NO_PARTNER or highest >= item.n_images:
        raise ValueError(f"partners {lowest} to {highest} of {item.n_images} images")
    return found
