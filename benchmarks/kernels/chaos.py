"""Measure of spatial chaos, against METASPACE's library and the numpy oracle.

The cost depends on how many pixels are not zero and whether they form objects, so both vary.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from ionbox_science.scoring.chaos import measure_chaos
from scipy import ndimage

from benchmarks.kernels import Contender, Contenders
from tests.oracles import chaos as oracle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it leaves a file open while it loads
    from cpyImagingMSpec import measure_of_chaos

TITLE = "chaos"
GOALS = {"cpyImagingMSpec": 3.0}

_N_LEVELS = 30  # as in a run

Images = npt.NDArray[np.float32]


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield images of which 2, 30 and 100 % of the pixels are filled: noise, and objects."""
    size, n_images = (20, 2) if tiny else (200, 20)
    random = np.random.default_rng(1)
    shape = (n_images, size, size)
    for share in (0.02, 0.3, 1.0):
        noise = np.where(random.random(shape) < share, random.random(shape), 0)
        yield f"noise, {share:.0%} filled", _contenders(noise.astype(np.float32))
    smooth = ndimage.gaussian_filter(random.random(shape), (0, 3, 3)).astype(np.float32)
    smooth -= smooth.min(axis=(1, 2), keepdims=True)
    for share in (0.02, 0.3, 1.0):
        lowest = np.quantile(smooth, 1 - share, axis=(1, 2), keepdims=True)
        yield f"objects, {share:.0%} filled", _contenders(smooth * (smooth >= lowest))


def _contenders(images: Images) -> Contenders:
    return {
        "ionbox": Contender(lambda: [measure_chaos(images, _N_LEVELS)]),
        "oracle (numpy)": Contender(lambda: [oracle.measure_chaos(images, _N_LEVELS)]),
        "cpyImagingMSpec": Contender(lambda: [_measure_with_cpyimagingmspec(images)]),
    }


def _measure_with_cpyimagingmspec(images: Images) -> npt.NDArray[np.float64]:
    chaos = np.array([measure_of_chaos(image, _N_LEVELS) for image in images])
    return np.where(np.isclose(chaos, 1.0), 0.0, chaos)  # as METASPACE does around the library
