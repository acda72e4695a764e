"""Profile spectra as three kinds of analyzer record them, with peaks of known m/z and height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SIGMA_PER_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))


@dataclass(frozen=True)
class Instrument:
    """An analyzer: the full width at half height of its peaks, and how many points lie in it."""

    name: str
    resolving_power: float  # at m/z 200
    exponent: float  # of m/z, to which the width is proportional
    points_per_width: float

    def width(self, mz: Floats) -> Floats:
        """Return the full width at half height, Da."""
        width: Floats = 200 / self.resolving_power * (mz / 200) ** self.exponent
        return width

    def axis(self, lowest: float, highest: float) -> Floats:
        """Return the m/z of the points: each step is that part of the width there."""
        step = 200 / self.resolving_power / 200**self.exponent / self.points_per_width
        power = 1 - self.exponent
        axis: Floats
        if power == 0:
            axis = lowest * np.exp(step * np.arange(int(np.log(highest / lowest) / step)))
        else:
            n_points = int((highest**power - lowest**power) / power / step)
            axis = (lowest**power + power * step * np.arange(n_points)) ** (1 / power)
        return axis

    def draw(self, axis: Floats, mz: Floats, height: Floats) -> Floats:
        """Return the sum of Gaussian peaks."""
        total = np.zeros(len(axis))
        for at, top, sigma in zip(mz, height, self.width(mz) * _SIGMA_PER_FWHM, strict=True):
            near = slice(*np.searchsorted(axis, (at - 8 * sigma, at + 8 * sigma)))
            total[near] += top * np.exp(-(((axis[near] - at) / sigma) ** 2) / 2)
        return total


ORBITRAP = Instrument("orbitrap", 140_000, 1.5, 6)
FTICR = Instrument("fticr", 400_000, 2, 4)
TOF = Instrument("tof", 20_000, 1, 8)
INSTRUMENTS = (ORBITRAP, FTICR, TOF)

LOWEST, HIGHEST = 400.0, 412.0


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile spectrum, and the peaks it was made of."""

    mz: Floats
    intensity: Floats
    true_mz: Floats
    true_height: Floats


def build_profile(instrument: Instrument, *, noise: float = 0.0, cut: float = 0.0) -> Profile:
    """Draw 40 peaks, four widths apart or more, of heights from 100 to 100,000.

    Parameters
    ----------
    instrument : Instrument
        What records it.
    noise : float
        Standard deviation of either component of the noise, whose amplitude is added.
    cut : float
        Points below become zero, as where the instrument cuts its noise.
    """
    random = np.random.RandomState(len(instrument.name))
    axis = instrument.axis(LOWEST, HIGHEST)
    places = np.linspace(LOWEST + 0.2, HIGHEST - 0.2, 40)
    mz = places + random.uniform(-0.1, 0.1, len(places))
    height = 10 ** random.uniform(2, 5, len(places))
    intensity = instrument.draw(axis, mz, height)
    if noise:
        intensity += noise * np.hypot(random.normal(size=len(axis)), random.normal(size=len(axis)))
    intensity[intensity < cut] = 0
    return Profile(axis, intensity, mz, height)
