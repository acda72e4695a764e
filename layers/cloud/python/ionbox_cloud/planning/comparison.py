"""Who compares the images of a run: PublishResults by itself, or so many calls of CompareImages.

PublishResults makes each product of two images once. An item of the Map finds partners for its own
images among all of them: items together make each product twice, and each reads all images. So they
are for many images only. All is decided by counts, and none of it is in any byte of the results.
"""

from __future__ import annotations

from ionbox_science.annotation.colocalization import MAX_PARTNERS, count_prepared_pixels
from ionbox_science.annotation.partners import TILE, count_pairs

from ionbox_cloud.planning.fan_out import SIMPLER_IS_WORTH, Cost, FanOut
from ionbox_cloud.planning.rates import BYTES_PER_S, COMPARE_S_PER_PRODUCT, REQUEST_S
from ionbox_cloud.planning.work_items import BASE_MEMORY_MB, MB, cut
from ionbox_cloud.storage.side_by_side import AT_ONCE

PRODUCTS_OF_ONE_CALL = 1_000_000_000_000
"""Products of two pixels that PublishResults makes by itself on one machine, at most: some 18
seconds there. From here on two workers are as fast as it, and more are faster."""

PRODUCTS_PER_ITEM = 200_000_000_000
"""Products of an item on one machine, about: four seconds."""

MOST_COMPARE_ITEMS = 200
"""Items at most. PublishResults reads an object of each, and each reads all images."""

_LONGEST_CALL_S = 300  # of the 600 that PublishResults has: predictions may be too low
_LONGEST_ITEM_S = 60  # of the 120 that an item has
_BYTES_PER_PIXEL = 2
_BYTES_PER_ROW = (MAX_PARTNERS + 1) * 8  # image and cosine of each partner
# Of 9,647 images of 100 x 100 pixels an item took 249 MB where a folder maps what is read of it; a
# bucket does not, so that images are there twice.
_COPIES = 2  # of the images: as they are compared, and as they were read


def cut_compare_items(
    n_images: int, shape: tuple[int, int], fan: FanOut | None = None
) -> list[tuple[int, int]]:
    """Cut images into items (start, stop) whose partners a call finds each.

    Parameters
    ----------
    n_images : int
        Images of the run.
    shape : (int, int)
        Height and width of an image, pixels.
    fan : FanOut or None
        What the run may use; None on one machine.

    Returns
    -------
    list of (int, int)
        Ranges that cover all images; empty if PublishResults is to compare them.
    """
    n_pixels = count_prepared_pixels(n_images, shape)
    if fan is None:
        n_items = _count_base_items(n_images, n_pixels)
    else:
        n_items = _choose_items(n_images, n_pixels, fan)
    return list(cut(n_images, _images_per_item(n_images, n_items))) if n_items else []


def compare_memory_mb(n_images: int, shape: tuple[int, int], n_rows: int) -> int:
    """Predict the memory in MB of an item of CompareImages, which has ``n_rows`` images."""
    prepared = n_images * count_prepared_pixels(n_images, shape) * _BYTES_PER_PIXEL
    return BASE_MEMORY_MB + (_COPIES * prepared + 2 * n_rows * _BYTES_PER_ROW) // MB


def _count_base_items(n_images: int, n_pixels: int) -> int:
    if count_pairs(n_images, n_images) * n_pixels <= PRODUCTS_OF_ONE_CALL:
        return 0
    n_items = -(-(n_images**2) * n_pixels // PRODUCTS_PER_ITEM)
    return max(2, min(MOST_COMPARE_ITEMS, n_items))


def _choose_items(n_images: int, n_pixels: int, fan: FanOut) -> int:
    """Choose how many items there are, none if PublishResults alone is worth hardly less."""
    read_s = n_images * n_pixels * _BYTES_PER_PIXEL / BYTES_PER_S
    written_s = n_images * _BYTES_PER_ROW / BYTES_PER_S

    def work_s(n_rows: int) -> float:
        return read_s + count_pairs(n_images, n_rows) * n_pixels * COMPARE_S_PER_PRODUCT

    def price(n_items: int) -> Cost:
        item_s = work_s(_images_per_item(n_images, n_items))
        join_s = written_s + n_items / AT_ONCE * REQUEST_S
        dollars = fan.price_work(n_items * item_s + join_s)
        return fan.price_map("CompareImages", n_items, item_s) + Cost(join_s, dollars)

    def is_short(n_items: int) -> bool:
        return work_s(_images_per_item(n_images, n_items)) <= _LONGEST_ITEM_S

    short = filter(is_short, range(2, MOST_COMPARE_ITEMS + 1))
    n_items = fan.choose(list(short) or [MOST_COMPARE_ITEMS], price)
    alone_s = work_s(n_images)
    alone = fan.worth(Cost(alone_s, fan.price_work(alone_s)))
    is_hardly_less = alone <= fan.worth(price(n_items)) + SIMPLER_IS_WORTH
    return 0 if is_hardly_less and alone_s <= _LONGEST_CALL_S else n_items


def _images_per_item(n_images: int, n_items: int) -> int:
    """Return how many images an item has: whole tiles of them."""
    return -(-n_images // (TILE * n_items)) * TILE
