"""Which images are most alike, as calls of CompareImages leave it for PublishResults.

Each call leaves one object, ``runs/<run>/partners-<n>-<n>.npz``, which has the arrays of
`ionbox_science.annotation.partners.Partners` for some images of the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from ionbox_science.annotation.colocalization import MAX_PARTNERS
from ionbox_science.annotation.partners import NO_PARTNER, Partners
from ionbox_science.progress import report_progress

from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import CompareItem
from ionbox_cloud.store import Store


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
    parts = []
    names = [item.output_key for item in items]
    for item, name, arrays in zip(items, names, work.read_many_arrays(names), strict=True):
        try:
            parts.append(_check(Partners.from_arrays(arrays), item))
        except (KeyError, ValueError) as error:
            raise DamagedObject.of(name, str(error)) from None
        report_progress(item.stop, item.n_images, "images")
    return Partners.concatenate(parts)


def _check(found: Partners, item: CompareItem) -> Partners:
    """Return partners if they are those of the item."""
    shape = (item.stop - item.start, MAX_PARTNERS + 1)
    if found.partner.shape != shape or found.coefficient.shape != shape:
        raise ValueError(f"partners {found.partner.shape} instead of {shape}")
    lowest, highest = found.partner.min(), found.partner.max()
    if lowest < NO_PARTNER or highest >= item.n_images:
        raise ValueError(f"partners {lowest} to {highest} of {item.n_images} images")
    return found
