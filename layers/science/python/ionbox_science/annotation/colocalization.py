"""Which ions lie in the same places: cosine similarity of median-thresholded ion images.

In: the images of the annotated ions' first isotope peaks. Out: for each ion the ions most similar
to it, and how similar (a part of ``PublishResults``).

The measure is METASPACE's (its engine's ``colocalization.py``; chosen among others by Ovchinnikova
et al. 2020, doi:10.1093/bioinformatics/btaa085). Per image of a first isotope peak: cap at the 99th
percentile, set to 0 what lies below the median, smooth by a median filter of 3 x 3 pixels. The
coefficient of two ions is the cosine of their images.

Prepared images are whole numbers from 0 to 4095 (METASPACE: to 255), so every sum of products is
exact and no coefficient depends on blocks, threads or the linear algebra library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import ArrayRecord

MAX_PARTNERS = 100
"""Partners that are kept per ion, as in METASPACE."""

NO_PARTNER = -1
"""Fills up the partners of an ion that has fewer; its coefficient is 0."""

_HOTSPOT_PERCENTILE = 99
_TOP = 4095  # a product has 24 bits, so sums over an image of up to 2**29 pixels stay below 2**53
_MAX_VALUES = 1 << 27  # pixels of all prepared images together, uint16: 256 MB
BLOCK_VALUES = 1 << 23  # pixels that are multiplied at a time, float64: 64 MB
BLOCK_ROWS = 256  # images whose cosines with all others are made at a time

Float64s = npt.NDArray[np.float64]


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
    Memory: 2 bytes per pixel of all images, of at most ``max_values`` pixels; one block of them;
    and 64 MB to multiply.
    """
    images = _prepare_all(blocks, n_images, shape, max_values)
    order = sorted(image_of, key=lambda pair: (pair[1], pair[0]))
    names = np.array([name for name, _ in order], dtype=np.str_)
    image = np.array([row for _, row in order], dtype=np.intp)
    n_kept = min(n_partners, max(len(order) - 1, 0))
    partner = np.full((len(order), n_kept), NO_PARTNER, np.int32)
    coefficient = np.zeros((len(order), n_kept), np.float32)
    used, place = np.unique(image, return_inverse=True)
    for start, cosines in _cosines(without_empty_pixels(images[used])):
        in_block = np.flatnonzero((place >= start) & (place < start + len(cosines)))
        for ion in in_block:
            # in float32 before they are ranked: what is stored as equal has to be a tie
            similar = cosines[place[ion] - start].astype(np.float32)[place]
            similar[ion] = 0
            best = _largest(similar, n_kept)
            partner[ion, : best.size] = best
            coefficient[ion, : best.size] = similar[best]
    return Colocalization(names, partner, coefficient)


def prepare_image(image: npt.NDArray[np.floating], shrink: int = 1) -> npt.NDArray[np.uint16]:
    """Cap, threshold and smooth an image.

    Parameters
    ----------
    image : (height, width) float
        Intensities, counts.
    shrink : int
        Side, in pixels, of the squares that are averaged first; at the far edges they are what is
        left of the image. 1 averages nothing.

    Returns
    -------
    (n_rows, n_columns) uint16
        0 to 4095; the brightest pixel has 4095, unless all are 0.
    """
    if shrink == 1 and is_nearly_empty(image):
        return _prepare_sparse(image)
    values = _average_squares(image.astype(np.float64), shrink)
    # 0 where less than 1 % of the pixels have anything: then nothing is capped
    cap = np.percentile(values, _HOTSPOT_PERCENTILE) or values.max()
    values = np.minimum(values, cap)
    values[values < np.median(values)] = 0
    values = median_of_neighbours(values)
    return _scale(values)


def _scale(values: Float64s) -> npt.NDArray[np.uint16]:
    top = values.max(initial=0)
    if top > 0:
        values = values * (_TOP / top)
    return np.rint(values).astype(np.uint16)


def is_nearly_empty(image: npt.NDArray[np.floating]) -> bool:
    """Say whether so few pixels have anything that both the 99th percentile and the median are 0.

    As of pixels that are scattered over a slide. A pixel below zero or not a number is none of
    these.
    """
    n_filled = int(np.count_nonzero(image))
    return 100 * n_filled < image.size - 100 and bool(image.min() >= 0)


def _prepare_sparse(image: npt.NDArray[np.floating]) -> npt.NDArray[np.uint16]:
    """Prepare an image of which less than 1 % is above zero: the same values, for less work.

    Nothing is capped or set to 0, and medians are made only where a neighbour has anything.
    """
    height, width = image.shape
    rows, columns = np.nonzero(image)
    around = np.arange(-1, 2)
    near = np.unique(
        np.clip(rows[:, None, None] + around[:, None], 0, height - 1) * width
        + np.clip(columns[:, None, None] + around, 0, width - 1)
    )
    row, column = np.divmod(near, width)
    # an edge that is mirrored repeats its own pixel
    neighbours = image[
        np.clip(row[:, None, None] + around[:, None], 0, height - 1),
        np.clip(column[:, None, None] + around, 0, width - 1),
    ]
    prepared = np.zeros(image.size, np.uint16)
    middle = np.median(neighbours.reshape(-1, 9).astype(np.float64), axis=1)
    prepared[near] = _scale(middle)
    return prepared.reshape(image.shape)


def median_of_neighbours(image: Float64s) -> Float64s:
    """Return the median of each pixel and its eight neighbours; edges are mirrored."""
    padded = np.pad(image, 1, mode="symmetric")
    above, here, below = padded[:-2], padded[1:-1], padded[2:]
    low, high = np.minimum(above, below), np.maximum(above, below)
    columns = (
        np.minimum(low, here),
        np.maximum(low, np.minimum(high, here)),
        np.maximum(high, here),
    )
    lowest, middle, highest = ((c[:, :-2], c[:, 1:-1], c[:, 2:]) for c in columns)
    # With nine values as three sorted columns, their median is the median of three: the largest of
    # the lowest, the middle of the middle, the smallest of the highest.
    return _median_of_three(
        np.maximum(np.maximum(lowest[0], lowest[1]), lowest[2]),
        _median_of_three(*middle),
        np.minimum(np.minimum(highest[0], highest[1]), highest[2]),
    )


def _median_of_three(a: Float64s, b: Float64s, c: Float64s) -> Float64s:
    median: Float64s = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return median


def _prepare_all(
    blocks: Iterable[npt.NDArray[np.float32]], n_images: int, shape: tuple[int, int], limit: int
) -> npt.NDArray[np.uint16]:
    """Return all images prepared: (n_images, n_pixels)."""
    shrink = _choose_shrink(n_images, shape, limit)
    n_pixels = -(-shape[0] // shrink) * -(-shape[1] // shrink)
    prepared = np.zeros((n_images, n_pixels), np.uint16)
    row = 0
    for block in blocks:
        for image in block:
            prepared[row] = prepare_image(image, shrink).ravel()
            row += 1
    if row != n_images:
        raise ValueError(f"{row} images instead of {n_images}")
    return prepared


def _choose_shrink(n_images: int, shape: tuple[int, int], limit: int) -> int:
    """Return the side of the squares to average, so that all images fit the limit."""
    shrink = 1
    while n_images * -(-shape[0] // shrink) * -(-shape[1] // shrink) > limit:
        if shrink >= max(shape):
            break  # a pixel per image; nothing is left to save
        shrink += 1
    return shrink


def _average_squares(image: Float64s, side: int) -> Float64s:
    if side == 1:
        return image
    starts = [np.arange(0, length, side) for length in image.shape]
    sums = np.add.reduceat(np.add.reduceat(image, starts[0], axis=0), starts[1], axis=1)
    lengths = [np.diff([*first, n]) for first, n in zip(starts, image.shape, strict=True)]
    means: Float64s = sums / np.outer(*lengths)
    return means


def without_empty_pixels(images: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Leave out pixels that are 0 in all images, if they are most: sums stay the same, exactly."""
    filled = images.any(axis=0)
    return images[:, filled] if 2 * np.count_nonzero(filled) < filled.size else images


def _cosines(images: npt.NDArray[np.uint16]) -> Iterator[tuple[int, Float64s]]:
    """Yield (first row, cosines of a block of rows with all rows); 0 where an image is empty.

    Images are multiplied strip by strip of pixels, so that only a strip is in float64 at a time.
    """
    n_images, n_pixels = images.shape
    strip = max(1, BLOCK_VALUES // max(n_images, 1))
    strips = [slice(first, first + strip) for first in range(0, n_pixels, strip)]
    squares = np.zeros(n_images)
    for pixels in strips:
        part = images[:, pixels].astype(np.float64)
        squares += np.einsum("ip,ip->i", part, part)
    length = np.sqrt(squares)
    length[length == 0] = np.inf
    for first in range(0, n_images, BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        products = np.zeros((len(images[rows]), n_images))
        for pixels in strips:
            part = images[:, pixels].astype(np.float64)
            products += part[rows] @ part.T  # exact: sums of whole numbers below 2**53
        yield first, np.minimum(products / length[rows, None] / length, 1.0)


def _largest(values: npt.NDArray[np.float32], n: int) -> npt.NDArray[np.intp]:
    """Return indices of the n largest values above 0, falling; equal values in their order."""
    if n == 0:
        return np.empty(0, np.intp)
    limit = np.partition(values, values.size - n)[values.size - n]
    candidates = np.flatnonzero((values >= limit) & (values > 0))
    return candidates[np.argsort(-values[candidates], kind="stable")[:n]]
