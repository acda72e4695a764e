"""Measure of spatial chaos: how far an ion image is from noise.

In: ion images. Out: one number each, the third factor of MSM. A run computes it inside the kernel
that scores ions (``kernels/scoring/scores.c``); this function measures images that are there.

Definition: Alexandrov and Bartels 2013 (doi:10.1093/bioinformatics/btt388), in the form of
METASPACE's C++ library: threshold the image at 30 levels, close each mask (dilate with the four
neighbours, erode with all eight), count 4-connected components; noise falls apart into many.
The measure is 1 - (mean number of components over all levels) / (number of non-zero pixels).
``kernels/scoring/chaos.c`` computes it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ionbox_science.kernel_calls import call_kernel


def measure_chaos(images: npt.NDArray[np.float32], n_levels: int) -> npt.NDArray[np.float64]:
    """Measure the spatial chaos of ion images.

    Parameters
    ----------
    images : (n_images, height, width) float32
        Intensities, counts, zero where nothing was measured; negative ones count as zero.
    n_levels : int
        Number of thresholds from zero to below the maximum: 1 to 63. METASPACE's is 30.

    Returns
    -------
    (n_images,) float64
        1 for one compact object, near 0 for noise; 0 for images that are empty, not finite, or
        so even that the measure says nothing.

    Raises
    ------
    ValueError
        If the number of levels is out of range, or an image has nearly 2^32 pixels or more.

    Notes
    -----
    Every pixel is looked at once; all other cost follows the pixels that are not zero.
    """
    images = np.ascontiguousarray(images, np.float32)
    chaos = np.zeros(len(images))
    if images.size:
        call_kernel("ionbox_measure_chaos", images, *images.shape, n_levels, chaos)
    return chaos
