"""Colocalization of as many ions as a large run finds; its kernels alone are in `kernels`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.colocalization import colocalize

from benchmarks.yardsticks import measure_loop

_FILLED = 0.3  # of the pixels, before what is below the median is left out
_PER_BLOCK = 500


@dataclass(frozen=True)
class ColocalizationCost:
    """What finding the partners of ions takes.

    Attributes
    ----------
    n_images : int
        Images, one for each ion.
    cpu_s : float
        CPU seconds of preparing and ranking them, without making them.
    loop_s : float
        L at the time, CPU seconds.
    """

    n_images: int
    cpu_s: float
    loop_s: float

    @property
    def loops(self) -> float:
        """In L."""
        return self.cpu_s / self.loop_s


def measure_colocalization(*, tiny: bool) -> ColocalizationCost:
    """Measure it once, on images of 100 x 100 pixels."""
    n_images, size = (60, 20) if tiny else (10_000, 100)
    making_s = [0.0]
    names = [(f"C{row}", row) for row in range(n_images)]
    started = time.process_time()
    colocalize(_draw_images(n_images, size, making_s), n_images, (size, size), names)
    cpu_s = time.process_time() - started - making_s[0]
    return ColocalizationCost(n_images, cpu_s, measure_loop(10 if tiny else 1000))


def _draw_images(
    n_images: int, size: int, making_s: list[float]
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield images block by block, as they are read in a run; add up what making them takes."""
    random = np.random.default_rng(1)
    for start in range(0, n_images, _PER_BLOCK):
        begun = time.process_time()
        shape = (min(_PER_BLOCK, n_images - start), size, size)
        images = random.standard_gamma(0.5, shape, np.float32)
        images *= random.random(shape, np.float32) < _FILLED
        making_s[0] += time.process_time() - begun
        yield images
