"""Profile spectra of simulated peaks: what an instrument records before anybody picks peaks.

Each peak becomes a Gaussian of the analyzer's width, sampled on an m/z axis that all spectra share;
what overlaps adds up. As in files of instruments that cut noise, points far from any peak are not
stored, and those at its feet are zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ionbox_science.theory.isotope_model import FWHM_PER_SIGMA, IsotopeModel, peak_sigma

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

POINTS_PER_WIDTH = 6
"""Points within the full width at half height of a peak."""

_REACH = 2 * POINTS_PER_WIDTH  # points to either side of a peak: two widths, where it has ended
_KNOTS_PER_OCTAVE = 1 << 17


@dataclass(frozen=True, eq=False)
class ProfileAxis:
    """The m/z at which an analyzer takes samples.

    Attributes
    ----------
    mz : (n_points,) float64
        Ascending; steps grow with the width of peaks.
    model : IsotopeModel
        The analyzer.
    """

    mz: Floats
    model: IsotopeModel

    @staticmethod
    def over(lowest: float, highest: float, model: IsotopeModel) -> ProfileAxis:
        """Return the axis from one m/z to another."""
        n_knots = int(np.log2(highest / lowest) * _KNOTS_PER_OCTAVE) + 2
        knots = np.geomspace(lowest, highest, n_knots)
        per_da = POINTS_PER_WIDTH / (FWHM_PER_SIGMA * peak_sigma(model, knots))
        n_before = np.cumsum(np.diff(knots) * (per_da[1:] + per_da[:-1]) / 2)
        points = np.arange(int(n_before[-1]))
        return ProfileAxis(np.interp(points, np.concatenate(([0.0], n_before)), knots), model)

    def draw(
        self, pixel: Integers, mz: Floats, intensity: Floats, cut: float
    ) -> tuple[Integers, Floats, Floats]:
        """Return the points of profile spectra that have these peaks.

        Parameters
        ----------
        pixel : (n_peaks,) int64
            Spectrum of each peak.
        mz, intensity : (n_peaks,) float64
            Position and height.
        cut : float
            What is lower is stored as zero, counts.

        Returns
        -------
        pixel, mz, intensity : (n_points,) int64, float64, float64
            In the order of pixels, and of m/z within a pixel.
        """
        nearest = np.searchsorted(self.mz, mz)
        index = np.clip(nearest[:, None] + np.arange(-_REACH, _REACH + 1), 0, len(self.mz) - 1)
        distance = (self.mz[index] - mz[:, None]) / peak_sigma(self.model, mz)[:, None]
        height = intensity[:, None] * np.exp(-(distance**2) / 2)
        place, points = np.unique(pixel[:, None] * len(self.mz) + index, return_inverse=True)
        total: Floats = np.bincount(points.ravel(), height.ravel(), len(place)).astype(np.float64)
        total[total < cut] = 0.0
        owner: Integers = place // len(self.mz)
        return owner, self.mz[place % len(self.mz)], total
