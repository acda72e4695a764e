"""METASPACE's measure of colocalization in a few lines of numpy and scipy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter


def cosines(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Cosine similarity of all pairs of (n, height, width) images, as METASPACE prepares them."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    caps = [np.percentile(image, 99) or image.max() for image in flat]
    flat = np.minimum(flat, np.array(caps)[:, None])
    flat[flat < np.quantile(flat, 0.5, axis=1, keepdims=True)] = 0
    smooth = median_filter(flat.reshape(images.shape), (1, 3, 3)).reshape(flat.shape)
    length = np.linalg.norm(smooth, axis=1)
    length[length == 0] = 1
    unit = smooth / length[:, None]
    return np.asarray(unit @ unit.T)


def prepare_image(image: npt.NDArray[np.floating]) -> npt.NDArray[np.uint16]:
    """Cap, threshold and smooth a (height, width) image, and round it to 0 to 4095."""
    values = image.astype(np.float64)
    # 0 where less than 1 % of the pixels have anything: then nothing is capped
    values = np.minimum(values, np.percentile(values, 99) or values.max())
    values[values < np.median(values)] = 0
    values = median_filter(values, 3)
    top = values.max()
    prepared: npt.NDArray[np.uint16] = np.rint(values * (4095 / top if top > 0 else 0)).astype(
        "<u2"
    )
    return prepared


def find_partners(
    images: npt.NDArray[np.uint16], n_kept: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Rank the cosines of all pairs of (n, n_pixels) prepared images, falling, ties in order."""
    exact = images.astype(np.float64)  # sums of whole numbers below 2**53
    products = exact @ exact.T
    length = np.sqrt(np.diagonal(products))
    length[length == 0] = np.inf
    cosines = np.minimum(products / length[:, None] / length, 1).astype(np.float32)
    partner = np.full((len(images), n_kept), -1, np.int32)
    coefficient = np.zeros(partner.shape, np.float32)
    for row, values in enumerate(cosines):
        best = [at for at in np.argsort(-values, kind="stable")[:n_kept] if values[at] > 0]
        partner[row, : len(best)] = best
        coefficient[row, : len(best)] = values[best]
    return partner, coefficient


def lay_out(images: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return (n, n_pixels) prepared images as kernels want them: (n_tiles, n_vectors, 3, 16)."""
    n, n_pixels = images.shape
    padded = np.pad(images, ((0, -n % 3), (0, -n_pixels % 16)))
    tiles = padded.reshape(len(padded) // 3, 3, -1, 16).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles)


def average_squares(images: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float64]:
    """Means of squares, those at the far edges smaller."""
    height, width = images.shape[1:]
    starts = [np.arange(0, length, side) for length in (height, width)]
    lengths = [np.diff([*first, n]) for first, n in zip(starts, (height, width), strict=True)]
    sums = np.add.reduceat(images.astype(np.float64), starts[0], axis=1)
    means: npt.NDArray[np.float64] = np.add.reduceat(sums, starts[1], axis=2) / np.outer(*lengths)
    return means
