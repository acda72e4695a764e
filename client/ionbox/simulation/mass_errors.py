"""How far an instrument's m/z are off where data is to be as hard as real data.

A straight line over m/z, which calibration before the measurement left behind; more where a pixel
has more ions, for they repel each other. Each ion's own error comes on top: that is drawn with the
ion, in `ionbox.simulation.real_section`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ionbox.simulation.section import TARGET, Floats, PlantedIons, Section

_SLOPES = (0.003, 0.0)  # ppm per Da, of one half of datasets and of the other
_SLOPE_SPREAD = 0.0004
_OFFSET_SPREAD = 0.1  # ppm, of the line at its middle
_TIC_PPM = 0.1
_NO_IONS_MZ = 500.0


@dataclass(frozen=True)
class MassErrors:
    """How far an instrument's m/z are off, besides each ion's own error.

    Attributes
    ----------
    slope : float
        ppm per Da.
    middle_mz, offset_ppm : float
        A point of the line.
    tic_ppm : float
        How much more a pixel is off that has twice the usual ions.
    usual_tic : float
        How many these are, counts.
    """

    slope: float
    middle_mz: float
    offset_ppm: float
    tic_ppm: float
    usual_tic: float

    def line_ppm(self, mz: Floats) -> Floats:
        """Return how far m/z are off in all pixels, ppm; same shape as ``mz``."""
        off: Floats = self.offset_ppm + self.slope * (mz - self.middle_mz)
        return off

    def drift_ppm(self, tic: Floats) -> Floats:
        """Return how much more pixels of a total ion current are off, ppm; same shape as it."""
        drift: Floats = self.tic_ppm * (tic / self.usual_tic - 1)
        return drift


def draw_mass_errors(ions: PlantedIons, section: Section, rng: np.random.Generator) -> MassErrors:
    """Draw the errors of an instrument: in half of all datasets the line has a slope.

    Parameters
    ----------
    ions : PlantedIons
        Where the middle of the line is, and what the ions in a pixel are compared with.
    section : Section
        Where the ions lie.
    rng : Generator
        Source of random numbers.
    """
    slope = _SLOPES[int(rng.integers(2))] + _SLOPE_SPREAD * rng.standard_normal()
    offset_ppm = _OFFSET_SPREAD * rng.standard_normal()
    targets = ions.mz[np.array(ions.kind) == TARGET, 0]
    middle_mz = float(np.median(targets)) if len(targets) else _NO_IONS_MZ
    return MassErrors(slope, middle_mz, offset_ppm, _TIC_PPM, _usual_tic(ions, section))


def _usual_tic(ions: PlantedIons, section: Section) -> float:
    """Return the mean of pixels' ions, by ions: where most are measured there is no shift."""
    counts, patterns = ions.amplitude * ions.abundance.sum(axis=1), np.array(ions.pattern)
    tic = np.zeros(section.n_pixels)
    for name, image in section.patterns.items():
        tic += counts[patterns == name].sum() * image
    return max(float((tic**2).sum() / max(tic.sum(), 1.0)), 1.0)
