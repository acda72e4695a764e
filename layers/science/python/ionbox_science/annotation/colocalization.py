"""Which ions lie in the same places: cosine similarity of median-thresholded ion images.

In: the images of the annotated ions' first isotope peaks. Out: for each ion the ions most similar
to it, and how similar. RenderImages prepares its images; PublishResults joins and compares all, or
joins what calls of CompareImages found, if there are many.

The measure is METASPACE's (its engine's ``colocalization.py``; chosen among others by Ovchinnikova
et al. 2020, doi:10.1093/bioinformatics/btaa085). Per image of a first isotope peak: cap at the 99th
percentile, set to 0 what lies below the median, smooth by a median filter of 3 x 3 pixels. The
coefficient of two ions is the cosine of their images.

Prepared images are whole numbers from 0 to 4095 (METASPACE: to 255), so every sum of products is
exact and no coefficient depends on blocks or the processor. ``kernels/images/prepare.c`` prepares,
``partners.c`` multiplies and ranks (`ionbox_science.annotation.partners`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.annotation.partners import (
    NO_PARTNER,
    TILE,
    Partners,
    Prepared,
    find_partners,
    without_empty_pixels,
)
from ionbox_science.columns import ArrayRecord
from ionbox_science.kernel_calls import call_kernel
from ionbox_science.progress import part_of_progress, report_progress

MAX_PARTNERS = 100
"""Partners that are kept per ion, as in METASPACE."""

_MAX_VALUES = 1 << 27  # pixels of all prepared images together, uint16: 256 MB
_PREPARED = 0.3  # of the time that a thousand images take
_FEW_ROWS = 8  # numpy adds up longer runs in another order
_VECTOR = 16  # the same number as in ``tiles.h``


@dataclass(frozen=True)
class Colocalization(ArrayRecord):
    """The ions that are most alike in space.

    Attributes
    ----------
    ion : (n_ions,) str
        Names, as in ``annotations.csv``.
    partner : (n_ions, n_partners) int32
        Other ions by their place in ``ion``, the most similar first, equally similar ones in the
        order of ``ion``; `NO_PARTNER` where no further ion has anything in common.
    coefficient : (n_ions, n_partners) float32
        Cosine similarity, above 0 and up to 1; 0 where there is no partner.
    """

    ion: npt.NDArray[np.str_]
    partner: npt.NDArray[np.int32]
    coefficient: npt.NDArray[np.float32]


def colocalize(
    blocks: Iterable[npt.NDArray[np.float32]],
    n_images: int,
    shape: tuple[int, int],
    image_of: Sequence[tuple[str, int]],
    n_partners: int = MAX_PARTNERS,
    max_values: int = _MAX_VALUES,
) -> Colocalization:
    """Find the partners of each ion.

    Parameters
    ----------
    blocks : iterable of (n, height, width) float32
        The images of first isotope peaks, in order, in blocks of any size.
    n_images : int
        Images in all blocks together.
    shape : (int, int)
        Height and width of an image, pixels.
    image_of : sequence of (str, int)
        Name and image of each ion. Ions of equal formula share an image, so their coefficient is 1.
    n_partners : int
        Most partners that are kept per ion.
    max_values : int
        If all images together have more pixels, each is first averaged over squares, as small as
        will do.

    Raises
    ------
    ValueError
        If the blocks have more or fewer than ``n_images`` images.

    Notes
    -----
    Memory: 2 bytes per pixel of all images, of at most ``max_values`` pixels; one block of them.
    """
    prepared = make_part(0, n_images, n_images, shape, max_values)
    row = 0
    with part_of_progress(0, _PREPARED):
        for block in blocks:
            if row + len(block) <= n_images:
                prepare_part(block, row, prepared, 0, n_images, max_values)
            row += len(block)
            report_progress(row, n_images, "images")
    if row != n_images:
        raise ValueError(f"{row} images instead of {n_images}")
    with part_of_progress(_PREPARED, 1):
        return colocalize_prepared(prepared, n_images, image_of, n_partners)


def colocalize_prepared(
    prepared: Prepared,
    n_images: int,
    image_of: Sequence[tuple[str, int]],
    n_partners: int = MAX_PARTNERS,
) -> Colocalization:
    """Find the partners of each ion, as `colocalize` does, from all images prepared.

    Parameters
    ----------
    prepared : (n_tiles, n_vectors, 3, 16) uint16
        What `make_part` returned for all images, filled; images of no ion are cleared.
    n_images : int
        How many images there are.
    image_of : sequence of (str, int)
        Name and image of each ion.
    n_partners : int
        Most partners that are kept per ion.
    """
    _, n_ions = _order_ions(image_of, n_images)
    for row in np.flatnonzero(n_ions == 0):
        prepared[row // TILE, :, row % TILE] = 0  # so that it is nobody's partner
    n_kept = min(n_partners, max(len(image_of) - 1, 0))
    prepared = without_empty_pixels(prepared)
    similar = find_partners(prepared, n_images, n_kept + 1)
    return colocalize_compared(similar, image_of, n_partners)


def compare_prepared(prepared: Prepared, n_images: int, first: int, stop: int) -> Partners:
    """Find as many partners of images ``first`` to ``stop`` as `colocalize_compared` may need.

    Parameters
    ----------
    prepared : (n_tiles, n_vectors, 3, 16) uint16
        What `make_part` returned for all images, filled. Each of them is of some ion.
    n_images : int
        How many images there are.
    first, stop : int
        Which of them to find partners for, as `find_partners` takes them.
    """
    prepared = without_empty_pixels(prepared)
    return find_partners(prepared, n_images, MAX_PARTNERS + 1, (first, stop))


def colocalize_compared(
    similar: Partners, image_of: Sequence[tuple[str, int]], n_partners: int = MAX_PARTNERS
) -> Colocalization:
    """Find the partners of each ion from those of all images.

    Parameters
    ----------
    similar : Partners
        For each image at least as many partners as are kept of an ion, and itself.
    image_of : sequence of (str, int)
        Name and image of each ion.
    n_partners : int
        Most partners that are kept per ion.
    """
    names, n_ions = _order_ions(image_of, len(similar.partner))
    n_kept = min(n_partners, max(len(names) - 1, 0))
    named = _name_ions(similar.partner, similar.coefficient, n_ions, n_kept)
    return Colocalization(names, *named)


def _order_ions(
    image_of: Sequence[tuple[str, int]], n_images: int
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.intp]]:
    """Return the names of the ions in the order of images, and how many ions each image has."""
    order = sorted(image_of, key=lambda pair: (pair[1], pair[0]))
    image = np.array([row for _, row in order], dtype=np.intp)
    names = np.array([name for name, _ in order], dtype=np.str_)
    return names, np.bincount(image, minlength=n_images)


def prepare_images(
    images: npt.NDArray[np.floating], prepared: Prepared, first: int, n_images: int
) -> None:
    """Cap, threshold and smooth images.

    Parameters
    ----------
    images : (n, height, width) float32 or float64
        Intensities, counts. One that is not finite throughout counts as empty.
    prepared : (n_tiles, n_vectors, 3, 16) uint16
        As `make_prepared` returns it; gets values of 0 to 4095. The brightest pixel of an image has
        4095, unless all are 0.
    first : int
        Place of the first image among all.
    n_images : int
        Number of all images.
    """
    images = np.ascontiguousarray(images)
    call_kernel(
        "ionbox_prepare_images",
        *(images, images.itemsize, *images.shape),
        *(first, n_images, prepared),
    )


def make_prepared(n_images: int, n_pixels: int) -> Prepared:
    """Return room for prepared images, zero: (n_tiles, n_vectors, 3, 16), as ``tiles.h`` says."""
    return np.zeros((-(-n_images // TILE), -(-n_pixels // _VECTOR), TILE, _VECTOR), np.uint16)


def make_part(
    first: int, stop: int, n_images: int, shape: tuple[int, int], max_values: int = _MAX_VALUES
) -> Prepared:
    """Return room for images ``first`` to ``stop`` of all, zero, in tiles as all of them have.

    Parameters
    ----------
    first, stop : int
        Which images; the first tile also has those before, and the last those behind, as zeros.
    n_images : int
        Number of all images.
    shape : (int, int)
        Height and width of an image, pixels.
    max_values : int
        As `colocalize` takes it.
    """
    n_pixels = count_prepared_pixels(n_images, shape, max_values)
    return make_prepared(stop - first // TILE * TILE, n_pixels)


def count_prepared_pixels(
    n_images: int, shape: tuple[int, int], max_values: int = _MAX_VALUES
) -> int:
    """Return how many pixels an image has that is prepared, one of ``n_images`` of a shape."""
    shrink = _choose_shrink(n_images, shape, max_values)
    return -(-shape[0] // shrink) * -(-shape[1] // shrink)


def prepare_part(
    images: npt.NDArray[np.float32],
    row: int,
    part: Prepared,
    first: int,
    n_images: int,
    max_values: int = _MAX_VALUES,
) -> None:
    """Prepare images from ``row`` on of all, (n, height, width) counts, in a part from `make_part`.

    Parameters are as there; ``first`` is that of the part.
    """
    height, width = images.shape[1:]
    shrink = _choose_shrink(n_images, (height, width), max_values)
    small = images if shrink == 1 else average_squares(images, shrink)
    prepare_images(small, part, row - first // TILE * TILE, len(part) * TILE)


@dataclass(frozen=True)
class PackedPart(ArrayRecord):
    """Some images prepared, without what is 0 in three neighbouring ones.

    Attributes
    ----------
    filled : (n_tiles * n_vectors / 8 rounded up,) uint8
        A bit for each vector of a tile, in order, highest bit first: 1 if it is kept.
    vectors : (n_kept, 3, 16) uint16
        Those that are kept.
    """

    filled: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.uint16]


def pack_part(part: Prepared) -> PackedPart:
    """Pack a part to be stored: of most images much is 0, of sparse slides nearly all."""
    words = part.view(np.uint64).reshape(part.shape[0] * part.shape[1], -1)
    filled = words.any(axis=1)
    return PackedPart(np.packbits(filled), part.reshape(-1, TILE, _VECTOR)[filled])


def join_part(part: PackedPart, first: int, stop: int, prepared: Prepared) -> None:
    """Put images ``first`` to ``stop`` among all; neighbouring parts may share a tile.

    Raises
    ------
    ValueError
        If the part is not one of these images.
    """
    tiles = prepared[first // TILE : -(-stop // TILE)].reshape(-1, TILE, _VECTOR)
    if part.filled.size != -(-len(tiles) // 8):
        raise ValueError(f"{part.filled.size} bytes of bits for {len(tiles)} vectors")
    tiles[np.unpackbits(part.filled, count=len(tiles)).view(bool)] |= part.vectors


def _name_ions(
    similar: npt.NDArray[np.int32],
    cosines: npt.NDArray[np.float32],
    n_ions: npt.NDArray[np.intp],
    n_kept: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Turn the partners of images into those of ions, of which each image has ``n_ions``.

    Ions are in the order of images, so ties stay in order.
    """
    first = np.cumsum(n_ions) - n_ions
    partner = np.full((n_ions.sum(), n_kept), NO_PARTNER, np.int32)
    coefficient = np.zeros(partner.shape, np.float32)
    for row in np.flatnonzero(n_ions):
        images = similar[row][similar[row] != NO_PARTNER]
        n = n_ions[images]
        ions = np.repeat(first[images] - (np.cumsum(n) - n), n) + np.arange(n.sum())
        values = np.repeat(cosines[row, : images.size], n)
        for ion in range(first[row], first[row] + n_ions[row]):
            is_other = ions != ion
            others = ions[is_other][:n_kept]
            partner[ion, : others.size] = others
            coefficient[ion, : others.size] = values[is_other][:n_kept]
    return partner, coefficient


def _choose_shrink(n_images: int, shape: tuple[int, int], limit: int) -> int:
    """Return the side of the squares to average, so that all images fit the limit."""
    shrink = 1
    while n_images * -(-shape[0] // shrink) * -(-shape[1] // shrink) > limit:
        if shrink >= max(shape):
            break  # a pixel per image; nothing is left to save
        shrink += 1
    return shrink


def average_squares(images: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float64]:
    """Average images over squares; at the far edges they are what is left of the images."""
    lengths = [np.minimum(side, n - np.arange(0, n, side)) for n in images.shape[1:]]
    n_pixels = np.outer(*lengths)
    means = np.empty((len(images), *n_pixels.shape))
    for image, out in zip(images, means, strict=True):
        rows = _add_neighbours(image.astype(np.float64), side)
        out[:] = _add_neighbours(rows.T, side).T / n_pixels
    return means


def _add_neighbours(rows: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Return the sum of each ``side`` rows, the last of those that are left.

    Of few rows whole ones are added, four times as fast as numpy's ``reduceat`` and in its order,
    to the last bit: the first row, and the sum of the others.
    """
    if side > _FEW_ROWS:
        return np.add.reduceat(rows, np.arange(0, len(rows), side), axis=0)
    first = rows[::side]
    others = np.zeros(first.shape)
    for k in range(1, side):
        added = rows[k::side]
        others[: len(added)] += added
    return first + others
