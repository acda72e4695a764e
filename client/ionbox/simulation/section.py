"""What is simulated: a section of tissue, the ions planted in it, and the chemical background.

`ionbox.simulation.simulate` calls the three ``draw_…`` functions in turn, with random numbers of
one generator, and measures what they return. Patterns use arithmetic and square roots only, which
round alike on every processor, so equal seeds give equal bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidConfig, InvalidFormula
from ionbox_science.theory.formulas import build_ion_formula, join_modifier
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DETECTION_LIMIT = 10
"""Counts below which a peak is not reported."""

TARGET = "target"
"""Kind of a planted ion that the database has."""

_MEDIAN_AMPLITUDE = 150.0  # counts of the base peak where the pattern is 1
_AMPLITUDE_SPREAD = 1.2  # standard deviation of log amplitude
_PREVALENCE = (0.2, 1.0)  # share of pixels that show a background line


@dataclass(frozen=True)
class Section:
    """A piece of tissue on a pixel grid.

    Attributes
    ----------
    x, y : (n_pixels,) int64
        Pixel coordinates from 1, as in imzML, in order of acquisition (row by row).
    patterns : dict of str to (n_pixels,) float64
        Spatial patterns by name, from 0 up to 1; all lie on the tissue but ``matrix``, which is
        around it.
    """

    x: Integers
    y: Integers
    patterns: dict[str, Floats]

    @property
    def n_pixels(self) -> int:
        """Number of pixels, each with a spectrum."""
        return len(self.x)


@dataclass(frozen=True)
class PlantedIons:
    """Planted ions as columns: names and, per ion, isotope peaks, strength and place.

    Attributes
    ----------
    names : list of (str, str, str)
        Formula, adduct and ion formula.
    mz : (n_ions, n_isotopes) float64
        Theoretical m/z of isotope peaks; 0 where a pattern has fewer.
    abundance : (n_ions, n_isotopes) float64
        Theoretical abundance, 1 for the base peak.
    amplitude : (n_ions,) float64
        Counts of the base peak where the spatial pattern is 1.
    pattern : list of str
        Name of each ion's spatial pattern.
    kind : list of str
        ``target``, or what else it is on the tissue for; empty if all are targets.
    loss : list of str
        What each lost in the source, ``-H2O``, or nothing; empty if none lost anything.
    bias_ppm : (n_ions,) float64
        How far the m/z of each is off by itself; empty if none is.
    """

    names: list[tuple[str, str, str]]
    mz: Floats
    abundance: Floats
    amplitude: Floats
    pattern: list[str]
    kind: list[str] = field(default_factory=list)
    loss: list[str] = field(default_factory=list)
    bias_ppm: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Background:
    """Chemical background lines, and how many random peaks come on top.

    Attributes
    ----------
    mz : (n_lines,) float64
        m/z of each line.
    prevalence : (n_lines,) float64
        Share of pixels that show the line.
    level : (n_lines,) float64
        Mean counts above the detection limit, where it shows.
    mz_range : (float, float)
        Lowest and highest m/z of random peaks.
    n_random : float
        Mean number of random peaks per pixel.
    """

    mz: Floats
    prevalence: Floats
    level: Floats
    mz_range: tuple[float, float]
    n_random: float


def draw_section(
    width: int, height: int, rng: np.random.Generator, *, missing_corners: bool = False
) -> Section:
    """Lay tissue on a grid and draw its spatial patterns.

    A pattern that is empty on a very small grid is left out.

    Parameters
    ----------
    width, height : int
        Grid, in pixels.
    rng : Generator
        Source of random numbers: where blobs, spots and scattered pixels lie.
    missing_corners : bool
        Whether to leave the corner pixels out, as of a measured region that is not a rectangle.
    """
    y, x = np.divmod(np.arange(width * height), width)
    # u and v run from -1 to 1 over the grid, whatever its size; the tissue is a dented ellipse
    u, v = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
    if missing_corners:
        kept = np.abs(u) + np.abs(v) < 1.6
        x, y, u, v = x[kept], y[kept], u[kept], v[kept]
    radius = np.sqrt((u / 0.85) ** 2 + (v / 0.8) ** 2 + 0.4 * u * v * v)
    tissue = _ramp(1 - radius, 0.05)
    centres = rng.uniform(-0.6, 0.6, (9, 2))
    on_tissue = {
        "uniform": np.ones(len(u)),
        "gradient": 0.05 + 0.475 * (u + 1),
        "half": _ramp(0.3 * v - u, 0.1),
        "core": _ramp(0.55 - radius, 0.2),
        "rim": _ramp(0.2 - np.abs(radius - 0.8), 0.1),
        "stripes": _ramp(np.abs((3 * (u + v)) % 2 - 1) - 0.5, 0.3),
        "blobs": _bumps(u, v, centres[:5], 0.25),
        "spots": _bumps(u, v, centres[5:], 0.06),
        "scattered": (rng.random(len(u)) < 0.25).astype(float),
    }
    patterns = {name: pattern * tissue for name, pattern in on_tissue.items()}
    patterns["matrix"] = 1 - tissue
    visible = {name: p / p.max() for name, p in patterns.items() if p.max() > 0}
    return Section(x + 1, y + 1, visible)


def _ramp(height: Floats, slope_width: float) -> Floats:
    """Rise from 0 to 1 while ``height`` goes from 0 to ``slope_width``."""
    ramp: Floats = np.clip(height / slope_width, 0, 1)
    return ramp


def _bumps(u: Floats, v: Floats, centres: Floats, radius: float) -> Floats:
    """Add up round bumps of height 1, which have come down to 0 at twice the radius."""
    bumps = np.zeros(len(u))
    for centre_u, centre_v in centres:
        distance = ((u - centre_u) ** 2 + (v - centre_v) ** 2) / radius**2
        bumps += np.clip(1 - distance / 4, 0, 1) ** 2
    return bumps


def draw_ions(
    formulas: Sequence[str],
    adducts: Sequence[str],
    n_ions: int,
    model: IsotopeModel,
    patterns: list[str],
    rng: np.random.Generator,
) -> PlantedIons:
    """Draw ions from all pairs of formula and adduct, with strength and place of each.

    Parameters
    ----------
    formulas, adducts : sequence of str
        What to draw from; pairs that make no ion are passed over.
    n_ions : int
        How many ions to draw.
    model : IsotopeModel
        Makes the isotope patterns.
    patterns : list of str
        Names of the spatial patterns to choose from.
    rng : Generator
        Source of random numbers.

    Raises
    ------
    InvalidConfig
        If there are fewer ions than asked for, or a drawn ion has no isotope pattern.
    """
    pairs = list(product(formulas, adducts))
    drawn = (pairs[index] for index in rng.permutation(len(pairs)))
    names = list(islice(_possible_ions(drawn), n_ions))
    if len(names) < n_ions:
        raise InvalidConfig(
            f"cannot plant {n_ions} ions: {len(formulas)} formulas with adducts "
            f"{', '.join(adducts)} make {len(names)}. Ask for fewer, or give a larger database"
        )
    mz, abundance = generate_patterns([ion for _, _, ion in names], model)
    without_pattern = np.flatnonzero(mz[:, 0] == 0)
    if len(without_pattern):
        lost = names[without_pattern[0]][2]
        raise InvalidConfig(f"cannot plant {lost}: it has no isotope pattern. Try another seed")
    base_peak = np.maximum(abundance.max(axis=1, initial=0), 1)[:, None]
    return PlantedIons(
        names=names,
        mz=mz,
        abundance=abundance / base_peak.astype(np.float64),
        amplitude=_MEDIAN_AMPLITUDE * rng.lognormal(0, _AMPLITUDE_SPREAD, n_ions),
        pattern=[patterns[index] for index in rng.integers(0, len(patterns), n_ions)],
    )


def _possible_ions(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for formula, adduct in pairs:
        try:
            yield formula, adduct, build_ion_formula(formula, join_modifier("", "", adduct))
        except InvalidFormula:
            continue  # a molecule without hydrogen has no [M-H]-


def draw_background(n_noise_peaks: int, ions: PlantedIons, rng: np.random.Generator) -> Background:
    """Draw the chemical background, over a range of m/z that encloses the planted ions.

    Parameters
    ----------
    n_noise_peaks : int
        Mean number of peaks per pixel; background lines make half of them, random peaks the rest.
    ions : PlantedIons
        Where the range of m/z comes from.
    rng : Generator
        Source of random numbers.
    """
    planted = ions.mz[ions.mz > 0]
    lightest, heaviest = (planted.min(), planted.max()) if len(planted) else (100.0, 1000.0)
    mz_range = (max(50.0, 50 * (lightest // 50) - 50), 50 * (heaviest // 50) + 100)
    n_lines = round(n_noise_peaks / 2 / np.mean(_PREVALENCE))
    prevalence = rng.uniform(*_PREVALENCE, n_lines)
    nominal = np.floor(rng.uniform(*mz_range, n_lines))
    return Background(
        # organic ions lie about 0.5 mDa per Da above their nominal mass
        mz=nominal * 1.0005 + rng.normal(0, 0.05, n_lines),
        prevalence=prevalence,
        level=DETECTION_LIMIT * rng.lognormal(0, 1, n_lines),
        mz_range=mz_range,
        n_random=max(0.0, n_noise_peaks - float(prevalence.sum())),
    )
