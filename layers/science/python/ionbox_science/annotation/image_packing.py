"""Ion images in few bytes, for people to look at: a bit per pixel, and 16 for those with signal.

In: an image. Out: its brightest pixel, and bytes. A pixel is a share of the brightest in steps of
1/65535; one with any signal is at least one step. ``kernels/images/pack.c`` does it.

Notes
-----
Of an image of n pixels come first n / 8 bytes, rounded up: 1 where there is signal, row by row,
highest bit first. Then the steps of those pixels, uint16, little-endian.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel

STEPS = 65535
"""The brightest pixel of an image: the most that a uint16 holds."""


def pack_image(image: npt.NDArray[np.floating[Any]]) -> tuple[float, npt.NDArray[np.uint8]]:
    """Pack an image of any shape.

    Parameters
    ----------
    image : array of float32 or float64
        Intensities, counts; one that is infinite or NaN counts as the highest finite one.

    Returns
    -------
    maximum : float
        Intensity of the brightest pixel, counts; 0 if there is none above 0.
    packed : (n_bytes,) uint8
        The pixels; no bytes if ``maximum`` is 0.
    """
    image = np.ascontiguousarray(image)
    maximum = np.zeros(1)
    packed = np.empty(-(-image.size // 8) + 2 * image.size, np.uint8)
    n_bytes = call_kernel("ionbox_pack_image", image, image.itemsize, image.size, maximum, packed)
    return float(maximum[0]), packed[:n_bytes]
