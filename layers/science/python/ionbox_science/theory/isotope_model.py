"""What shapes an isotope pattern besides the formula: analyzer, peak width, charge.

A part of a run's config. Nothing here needs numpy: who reads a config does not wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ionbox_science.setting_table import (
    DEFAULTS,
    PATTERN_VERSIONS,
    REFERENCE_MZ,
    PatternVersion,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Analyzer = Literal["orbitrap", "fticr", "tof"]

ANALYZERS: tuple[Analyzer, ...] = ("orbitrap", "fticr", "tof")
"""In the order in which the kernel numbers them."""

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian over its standard deviation, 2.355."""

_FALLS_WITH_POWER: Mapping[Analyzer, float] = {"orbitrap": 0.5, "fticr": 1.0, "tof": 0.0}
"""Power of m/z with which resolving power falls: as 1/√(m/z) in an orbitrap, as 1/(m/z) in an
FTICR, not at all in a TOF. As in cpyMSpec's instrument models."""


@dataclass(frozen=True)
class IsotopeModel:
    """What shapes an isotope pattern besides the formula.

    Attributes
    ----------
    analyzer : {"orbitrap", "fticr", "tof"}
        Decides how resolving power falls with m/z: as 1/√(m/z), as 1/(m/z), or not at all.
    sigma : float
        Standard deviation of a peak at m/z 200, in Da.
    n_peaks : int
        Isotope peaks to keep.
    charge : int
        +1 or -1.
    version : {"cpymspec-0.4.2", "cpymspec-0.3.5"}
        Whose patterns are made. With those of 0.3.5, ``sigma`` is the width of an ion's most
        abundant isotopologue at whatever m/z, and the analyzer has no say.
    """

    analyzer: Analyzer
    sigma: float
    n_peaks: int = DEFAULTS["isotope_peaks"]
    charge: int = 1
    version: PatternVersion = PATTERN_VERSIONS[0]

    @property
    def resolving_power(self) -> float:
        """Resolving power at m/z 200: m/z over full width at half maximum."""
        return REFERENCE_MZ / (self.sigma * FWHM_PER_SIGMA)


def sigma_from_resolving_power(
    analyzer: Analyzer, resolving_power: float, at_mz: float = REFERENCE_MZ
) -> float:
    """Convert a declared resolving power into the peak width at m/z 200.

    Parameters
    ----------
    analyzer : {"orbitrap", "fticr", "tof"}
        Decides how resolving power depends on m/z.
    resolving_power : float
        m/z over full width at half maximum.
    at_mz : float
        The m/z at which the resolving power is declared.

    Returns
    -------
    float
        Standard deviation in Da at m/z 200, rounded to 1e-6 Da.

    Notes
    -----
    METASPACE's table halves the declared value (its "140K" gives 68,604 at m/z 200); this is the
    true conversion, and ``isocalc_sigma`` overrides it for comparisons with METASPACE.
    """
    at_reference: float = resolving_power * (at_mz / REFERENCE_MZ) ** _FALLS_WITH_POWER[analyzer]
    return round(REFERENCE_MZ / at_reference / FWHM_PER_SIGMA, 6)


def peak_sigma(model: IsotopeModel, mz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the standard deviation in Da of a peak at each m/z: float64, same shape as ``mz``."""
    widening: npt.NDArray[np.float64] = (mz / REFERENCE_MZ) ** (
        1 + _FALLS_WITH_POWER[model.analyzer]
    )
    return model.sigma * widening
