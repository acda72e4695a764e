"""What is on the tissue where data is to be as hard as real data: ``--realism real``.

Molecules come with several adducts, and some lose water or carbon dioxide in the source; the ions
of one molecule share one image. Most ions are of molecules that the database does not have, and of
the matrix. Most are weak, so their further isotope peaks are seen in some pixels only, and the m/z
of each are off by an error of its own.

The constants were fitted to ten public FTICR datasets, of which Wadie et al. 2024
(doi:10.1038/s41467-024-52213-9) publish the metrics of 10,014 ions; ``docs/calibration.md`` has the
figures side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar

import numpy as np
from ionbox_science.errors import InvalidConfig, InvalidFormula
from ionbox_science.theory.formulas import build_ion_formula, join_modifier
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from ionbox.simulation.section import (
    DETECTION_LIMIT,
    TARGET,
    Background,
    Floats,
    Integers,
    PlantedIons,
    Section,
)
from ionbox.simulation.unknowns import MATRICES, draw_unknowns, list_matrix_clusters

_T = TypeVar("_T")

LOSS, UNKNOWN, MATRIX = "loss", "background", "matrix"
"""Kinds of planted ions besides `TARGET`: of a molecule of the database that lost something in the
source; of a molecule that the database does not have; of clusters of the matrix."""

EVERYWHERE = "everywhere"
"""The pattern of most of the matrix."""

REAL_NOISE_SHAPE = 4.0
"""Gamma shape of an ion's intensity: 50 % between neighbouring pixels."""

_LOSSES = ("-H2O", "-CO2")
_LOSS_SHARE = 0.25  # of molecules that show each
_ADDUCT_SHARE = 0.6  # of the adducts of a molecule that are seen
_ION_SPREAD = 0.5  # standard deviation of log amplitude, of the ions of a molecule about it
_BIAS_PPM = 0.83  # standard deviation of each ion's own error
_TAIL_SHARE, _TAIL_TIMES = 0.1, 3.0  # some are off by more
_MATRIX_SHARE = 0.25  # of the peaks that are not of planted molecules
_RANDOM_SHARE = 0.01  # of these peaks
_EVERYWHERE_SHARE = 0.7  # of matrix clusters
_LEAST_AMPLITUDE = 2.0  # counts; what is weaker is never seen
_BATCH = 500  # molecules that are made up at a time
_SAMPLED_PIXELS = 400  # of which peaks are counted beforehand


@dataclass(frozen=True)
class _Strength:
    """Amplitudes of molecules: median, counts, and standard deviation of the logarithm."""

    median: float
    spread: float


_STRENGTHS = {
    TARGET: _Strength(11.0, 1.6),
    UNKNOWN: _Strength(1.2, 1.6),
    MATRIX: _Strength(40.0, 1.6),
}


@dataclass(frozen=True)
class _Species:
    """An ion to plant, and of which molecule it is."""

    formula: str
    adduct: str
    loss: str
    ion: str
    molecule: int


def add_everywhere(section: Section) -> Section:
    """Add a pattern that tissue does not bound."""
    patterns = section.patterns | {EVERYWHERE: np.ones(section.n_pixels)}
    return Section(section.x, section.y, patterns)


def draw_real_ions(
    formulas: Sequence[str],
    adducts: Sequence[str],
    n_ions: int,
    n_noise_peaks: int,
    model: IsotopeModel,
    section: Section,
    rng: np.random.Generator,
) -> PlantedIons:
    """Draw the ions of molecules of the database, of unknown molecules and of the matrix.

    Parameters
    ----------
    formulas, adducts : sequence of str
        The database's formulas; adducts that its molecules and the others have.
    n_ions : int
        Ions of the database's molecules to plant, without those that lost something.
    n_noise_peaks : int
        Mean number per pixel of peaks that the others make.
    model : IsotopeModel
        Makes the isotope patterns.
    section : Section
        Where the patterns lie, `EVERYWHERE` among them.
    rng : Generator
        Source of random numbers.

    Raises
    ------
    InvalidConfig
        If formulas and adducts make fewer ions than asked for.
    """
    known = _draw_known(formulas, adducts, n_ions, model, section, rng)
    n_left = n_noise_peaks * (1 - _RANDOM_SHARE)
    clusters = list_matrix_clusters(MATRICES[rng.integers(len(MATRICES))])
    matrix = [clusters[index] for index in rng.permutation(len(clusters))]
    matrix = [formula for formula in matrix if formula not in set(formulas)]
    species = list(_list_species(matrix, adducts, rng))
    ions = _plant(species, MATRIX, model, section, rng)
    planted = [known, _take_peaks(ions, _MATRIX_SHARE * n_left, section)]
    n_left -= _count_peaks(planted[-1], section).sum()
    taken = {*formulas, *matrix}
    while n_left > 0:
        made = [each for each in draw_unknowns(_BATCH, formulas, rng) if each not in taken]
        if not made:
            break
        taken.update(made)
        species = list(_list_species(made, adducts, rng))
        ions = _plant(species, UNKNOWN, model, section, rng)
        planted.append(_take_peaks(ions, n_left, section))
        n_left -= _count_peaks(ions, section).sum()
    return _join(planted)


def draw_random_background(n_noise_peaks: int, ions: PlantedIons) -> Background:
    """Return the few peaks that are no ion's at all.

    Parameters
    ----------
    n_noise_peaks : int
        Mean number per pixel of peaks that are not of planted molecules.
    ions : PlantedIons
        Where the range of m/z comes from.
    """
    planted = ions.mz[ions.mz > 0]
    lightest, heaviest = (planted.min(), planted.max()) if len(planted) else (100.0, 1000.0)
    none = np.zeros(0)
    mz_range = (max(50.0, lightest - 50), heaviest + 50)
    return Background(none, none, none, mz_range, _RANDOM_SHARE * n_noise_peaks)


def _draw_known(
    formulas: Sequence[str],
    adducts: Sequence[str],
    n_ions: int,
    model: IsotopeModel,
    section: Section,
    rng: np.random.Generator,
) -> PlantedIons:
    order = [formulas[index] for index in rng.permutation(len(formulas))]
    chosen: list[_Species] = []
    n_targets = 0
    for each in _list_species(order, adducts, rng):
        n_targets += not each.loss
        if n_targets > n_ions:
            break
        chosen.append(each)
    if n_targets < n_ions:
        raise InvalidConfig(
            f"cannot plant {n_ions} ions: {len(formulas)} formulas with adducts "
            f"{', '.join(adducts)} make {n_targets}. Ask for fewer, or give a larger database"
        )
    return _plant(chosen, TARGET, model, section, rng)


def _list_species(
    formulas: Sequence[str], adducts: Sequence[str], rng: np.random.Generator
) -> Iterator[_Species]:
    """Draw which ions molecules form, in their order: one at least, if it can be."""
    is_seen = rng.random((len(formulas), len(adducts))) < _ADDUCT_SHARE
    is_lost = rng.random((len(formulas), len(_LOSSES))) < _LOSS_SHARE
    usual = rng.integers(0, len(adducts), len(formulas))
    for row, formula in enumerate(formulas):
        seen = list(compress(adducts, is_seen[row])) or [adducts[usual[row]]]
        ways = [("", adduct) for adduct in seen]
        ways += [(loss, seen[0]) for loss in compress(_LOSSES, is_lost[row])]
        for loss, adduct in ways:
            try:
                ion = build_ion_formula(formula, join_modifier("", loss, adduct))
            except InvalidFormula:
                continue  # it does not have what it would lose
            yield _Species(formula, adduct, loss, ion, row)


def _plant(
    species: Sequence[_Species],
    kind: str,
    model: IsotopeModel,
    section: Section,
    rng: np.random.Generator,
) -> PlantedIons:
    """Give ions isotope peaks, strength, place and error; those too weak to be seen are left out.

    Targets are planted however weak.
    """
    molecule = np.array([each.molecule for each in species], np.int64)
    n_molecules = int(molecule.max(initial=-1)) + 1
    mz, abundance = generate_patterns([each.ion for each in species], model)
    patterns = list(section.patterns)
    place = rng.integers(0, len(patterns), n_molecules)
    if kind == MATRIX:
        place[rng.random(n_molecules) < _EVERYWHERE_SHARE] = patterns.index(EVERYWHERE)
    strength = _STRENGTHS[kind]
    amplitude = strength.median * rng.lognormal(0, strength.spread, n_molecules)[molecule]
    amplitude *= rng.lognormal(0, _ION_SPREAD, len(species))
    bias_ppm = _BIAS_PPM * rng.standard_normal(len(species))
    bias_ppm[rng.random(len(species)) < _TAIL_SHARE] *= _TAIL_TIMES
    base_peak = np.maximum(abundance.max(axis=1, initial=0), 1)[:, None]
    of_loss = LOSS if kind == TARGET else kind
    ions = PlantedIons(
        names=[(each.formula, each.adduct, each.ion) for each in species],
        mz=mz,
        abundance=abundance / base_peak.astype(np.float64),
        amplitude=amplitude,
        pattern=[patterns[place[each.molecule]] for each in species],
        kind=[of_loss if each.loss else kind for each in species],
        loss=[each.loss for each in species],
        bias_ppm=bias_ppm,
    )
    is_kept = (mz[:, 0] > 0) & ((amplitude >= _LEAST_AMPLITUDE) | (kind == TARGET))
    return _take(ions, np.flatnonzero(is_kept))


def _take(ions: PlantedIons, rows: Integers) -> PlantedIons:
    def pick(values: list[_T]) -> list[_T]:
        return [values[row] for row in rows]

    return PlantedIons(
        names=pick(ions.names),
        mz=ions.mz[rows],
        abundance=ions.abundance[rows],
        amplitude=ions.amplitude[rows],
        pattern=pick(ions.pattern),
        kind=pick(ions.kind),
        loss=pick(ions.loss),
        bias_ppm=ions.bias_ppm[rows],
    )


def _take_peaks(ions: PlantedIons, n_peaks: float, section: Section) -> PlantedIons:
    """Return the first ions, as many as make a number of peaks per pixel."""
    n_so_far = np.cumsum(_count_peaks(ions, section))
    return _take(ions, np.arange(np.searchsorted(n_so_far, n_peaks)))


def _join(parts: Sequence[PlantedIons]) -> PlantedIons:
    """Put ions one after the other."""
    return PlantedIons(
        names=[name for part in parts for name in part.names],
        mz=np.concatenate([part.mz for part in parts]),
        abundance=np.concatenate([part.abundance for part in parts]),
        amplitude=np.concatenate([part.amplitude for part in parts]),
        pattern=[name for part in parts for name in part.pattern],
        kind=[kind for part in parts for kind in part.kind],
        loss=[loss for part in parts for loss in part.loss],
        bias_ppm=np.concatenate([part.bias_ppm for part in parts]),
    )


def _count_peaks(ions: PlantedIons, section: Section) -> Floats:
    """Return about how many peaks of each ion a pixel has on average: (n_ions,)."""
    some = slice(None, None, max(1, section.n_pixels // _SAMPLED_PIXELS))
    peaks, patterns = ions.amplitude[:, None] * ions.abundance, np.array(ions.pattern)
    counts = np.zeros(len(ions.names))
    for name, image in section.patterns.items():
        rows = np.flatnonzero(patterns == name)
        expected = peaks[rows, :, None] * image[some]
        spread = np.sqrt(expected + expected**2 / REAL_NOISE_SHAPE + 1)
        # a ramp in place of the normal distribution: it rounds alike on every processor
        seen = np.clip(0.5 + (expected - DETECTION_LIMIT) / (3 * spread), 0, 1)
        counts[rows] = seen.mean(axis=2).sum(axis=1)
    return counts
