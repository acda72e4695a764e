"""Measure of spatial chaos in numpy: what ``kernels/scoring/chaos.c`` must equal, bit for bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def measure_chaos(images: npt.NDArray[np.float32], n_levels: int) -> npt.NDArray[np.float64]:
    """Measure the spatial chaos of ion images.

    Parameters
    ----------
    images : (n_images, height, width) float32
        Intensities, zero where nothing was measured. Not negative.
    n_levels : int
        Number of thresholds between zero and the maximum.

    Returns
    -------
    (n_images,) float64
        1 for one compact object, near 0 for noise; 0 for images that are empty, not finite, or
        so even that the measure says nothing.

    Notes
    -----
    Thresholding commutes with dilation and erosion, so each image is quantised to the number of
    thresholds below it, closed once in grey levels, and components are counted at all levels in
    one pass from the highest level down.
    """
    maximum = images.max(axis=(1, 2), initial=0)
    n_pixels = np.count_nonzero(images > 0, axis=(1, 2))
    usable = np.isfinite(maximum) & (n_pixels > 0)
    chaos = np.zeros(len(images))
    if not usable.any():
        return chaos
    levels = _quantise(images[usable], maximum[usable], n_levels)
    n_components = count_components(_close(levels), n_levels)
    measured = 1 - n_components.mean(axis=1) / n_pixels[usable]
    chaos[usable] = np.where(np.isclose(measured, 1.0), 0.0, measured)
    return chaos


def count_components(levels: npt.NDArray[np.uint8], n_levels: int) -> npt.NDArray[np.int64]:
    """Count the 4-connected components of ``levels > i`` for every ``i`` below ``n_levels``.

    Parameters
    ----------
    levels : (n_images, height, width) uint8
        Grey levels 0 to n_levels.
    n_levels : int
        Number of thresholds.

    Returns
    -------
    (n_images, n_levels) int64

    Notes
    -----
    Components above a threshold are its pixels minus the merges among them. Edges between
    neighbours are taken by descending lower end; an edge whose ends are already connected merges
    nothing. Every edge is looked at once for all thresholds together.
    """
    n_images, image_size = len(levels), levels[0].size
    flat = levels.ravel()
    image_of = np.arange(flat.size) // image_size
    born = np.zeros((n_images, n_levels + 1), np.int64)
    np.add.at(born, (image_of, flat), 1)
    merged = np.zeros_like(born)
    parent = np.arange(flat.size)
    first, second = _neighbours(levels.shape)
    lower_end = np.minimum(flat[first], flat[second])
    for level in range(n_levels, 0, -1):
        edges = np.flatnonzero(lower_end == level)
        roots = _merge(parent, first[edges], second[edges])
        merged[:, level] = np.bincount(image_of[roots], minlength=n_images)
    alive = born - merged
    return np.cumsum(alive[:, :0:-1], axis=1)[:, ::-1]


def _merge(
    parent: npt.NDArray[np.intp], first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Connect pairs of nodes in the forest ``parent``; return the roots that ceased to be roots."""
    absorbed: list[npt.NDArray[np.intp]] = []
    while True:
        nodes = np.concatenate([first, second])
        while True:
            above = parent[parent[nodes]]
            if np.array_equal(above, parent[nodes]):
                break
            parent[nodes] = above
        first, second = parent[first], parent[second]
        apart = first != second
        first, second = first[apart], second[apart]
        if not first.size:
            return np.concatenate([np.empty(0, np.intp), *absorbed])
        # the larger root hangs below the smaller: no cycles, whichever of several pairs wins
        larger = np.maximum(first, second)
        parent[larger] = np.minimum(first, second)
        absorbed.append(np.unique(larger))


def _neighbours(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the flat indices of all horizontally or vertically adjacent pairs of pixels."""
    index = np.arange(np.prod(shape), dtype=np.intp).reshape(shape)
    first = np.concatenate([index[:, :, :-1].ravel(), index[:, :-1, :].ravel()])
    second = np.concatenate([index[:, :, 1:].ravel(), index[:, 1:, :].ravel()])
    return first, second


def _quantise(
    images: npt.NDArray[np.float32], maximum: npt.NDArray[np.float32], n_levels: int
) -> npt.NDArray[np.uint8]:
    """Count the thresholds below each pixel."""
    levels = np.zeros(images.shape, np.uint8)
    for i in range(n_levels):
        threshold = maximum * np.float32(i) / np.float32(n_levels)
        levels += images > threshold[:, None, None]
    return levels


def _close(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Close grey levels; pixels outside the image take no part."""
    dilated = levels.copy()
    for target, source in _shifts(axis=1), _shifts(axis=2):
        np.maximum(dilated[target], levels[source], out=dilated[target])
        np.maximum(dilated[source], levels[target], out=dilated[source])
    closed = dilated.copy()
    for target, source in _shifts(axis=1), _shifts(axis=2):
        before = closed.copy()
        np.minimum(closed[target], before[source], out=closed[target])
        np.minimum(closed[source], before[target], out=closed[source])
    return closed


def _shifts(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the index of all pixels but the last along an axis, and of all but the first."""
    everything = [slice(None)] * 3
    head, tail = everything.copy(), everything.copy()
    head[axis] = slice(None, -1)
    tail[axis] = slice(1, None)
    return tuple(head), tuple(tail)
