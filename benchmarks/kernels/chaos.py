"""Measure of spatial chaos."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from ionbox_science.chaos import measure_chaos
from scipy import ndimage

from benchmarks.kernels import Contenders

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it leaves a file open while it loads
    from cpyImagingMSpec import measure_of_chaos

TITLE = "chaos"

_N_LEVELS = 30
_EIGHT_NEIGHBOURS = np.ones((3, 3))


def cases(*, tiny: bool) -> Mapping[str, Contenders]:
    """Images of which 2, 30 and 100 % of the pixels are filled."""
    size, n_images = (20, 2) if tiny else (200, 20)
    return {f"{share:.0%} filled": _contenders(share, size, n_images) for share in (0.02, 0.3, 1)}


def _contenders(share: float, size: int, n_images: int) -> Contenders:
    random = np.random.default_rng(1)
    intensity = random.gamma(2, size=(n_images, size, size)).astype(np.float32)
    structure = ndimage.gaussian_filter(random.random(intensity.shape), (0, 2, 2))
    images = np.where(structure >= np.quantile(structure, 1 - share), intensity, np.float32(0))
    return {
        "ionbox": lambda: measure_chaos(images, _N_LEVELS),
        "oracle (scipy)": lambda: [_plain_chaos(image) for image in images],
        "cpyImagingMSpec": lambda: [
            _drop_one(measure_of_chaos(image, _N_LEVELS)) for image in images
        ],
    }


def _plain_chaos(image: np.ndarray) -> float:
    n_components = 0
    for level in range(_N_LEVELS):
        mask = image > image.max() * np.float32(level) / np.float32(_N_LEVELS)
        mask = ndimage.binary_dilation(mask)
        mask = ndimage.binary_erosion(mask, _EIGHT_NEIGHBOURS, border_value=1)
        n_components += ndimage.label(mask)[1]
    return _drop_one(1 - n_components / _N_LEVELS / np.count_nonzero(image))


def _drop_one(chaos: float) -> float:
    """Count a perfect 1 as 0, as METASPACE does around the library."""
    return 0.0 if np.isclose(chaos, 1.0) else chaos
