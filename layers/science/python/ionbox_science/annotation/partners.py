"""Which images are most alike: the best partners of images among all, by their cosines.

In: all images, prepared. Out: for each, or for some neighbouring ones, the images most similar to
it, and how similar. What is found of an image does not depend on which others it is found with.
``kernels/images/partners.c`` multiplies and ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import ArrayRecord
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.progress import watched_count

NO_PARTNER = -1
"""Fills up the partners of an image or ion that has fewer; its coefficient is 0."""

TILE = 3
"""Images that lie together; the same number as in ``tiles.h``."""

Prepared = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Partners(ArrayRecord):
    """The images that are most similar to each of some images, itself among them.

    Attributes
    ----------
    partner : (n, n_kept) int32
        The most similar first, equally similar ones in order; `NO_PARTNER` where no further image
        has anything in common.
    coefficient : (n, n_kept) float32
        Their cosines; 0 where there is no partner.
    """

    partner: npt.NDArray[np.int32]
    coefficient: npt.NDArray[np.float32]

    @classmethod
    def concatenate(cls, parts: Sequence[Partners]) -> Partners:
        """Join the partners of neighbouring images."""
        partner = np.concatenate([part.partner for part in parts])
        return cls(partner, np.concatenate([part.coefficient for part in parts]))


def find_partners(
    prepared: Prepared,
    n_images: int,
    n_kept: int,
    rows: tuple[int, int] | None = None,
    *,
    plain: bool = False,
) -> Partners:
    """Find for each image the ones most similar to it, itself among them.

    Parameters
    ----------
    prepared : (n_tiles, n_vectors, 3, 16) uint16
        The images, as `ionbox_science.annotation.colocalization.prepare_images` leaves them.
    n_images : int
        How many there are.
    n_kept : int
        Most images to keep of each.
    rows : (int, int)
        For which images to find partners, (first, stop); for all if left out. The first is the
        first of a tile, and the last is the last of one or of all.
    plain : bool
        Use only what every processor has; for tests, the result is the same.

    Raises
    ------
    ValueError
        If the rows begin or end within a tile.

    Notes
    -----
    Of two rows only one product is made, so rows together take half as long as one by one.
    """
    first, stop = rows or (0, n_images)
    partner = np.full((stop - first, n_kept), NO_PARTNER, np.int32)
    coefficient = np.zeros(partner.shape, np.float32)
    with watched_count(count_pairs(n_images, stop - first), "pairs") as n_done:
        call_kernel(
            "ionbox_find_partners",
            *(prepared, n_images, prepared.shape[1], first, stop),
            *(int(plain), n_kept, partner, coefficient, n_done),
        )
    return Partners(partner, coefficient)


def count_pairs(n_images: int, n_rows: int) -> int:
    """Return how many pairs are compared to find partners of ``n_rows`` images among all."""
    return n_rows * (n_images - n_rows) + n_rows * (n_rows + 1) // 2


def without_empty_pixels(prepared: Prepared) -> Prepared:
    """Leave out runs of pixels that are 0 in all images, if they are most: sums stay the same."""
    filled = prepared.any(axis=(0, 2, 3))
    few = 2 * np.count_nonzero(filled) < filled.size
    return np.ascontiguousarray(prepared[:, filled]) if few else prepared
