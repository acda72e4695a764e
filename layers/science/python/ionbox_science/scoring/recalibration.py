"""m/z recalibration: a straight line through the errors of what is surely there.

In: m/z errors of targets and of a sample of decoys, scored in windows around theoretical m/z (a
first pass, ``MeasureMzErrors`` in a run). Out: a `Recalibration`, by which the windows of all ions
are moved to where the peaks of this dataset lie, so that no window is cut off at one side and an
error says how well an ion fits its neighbours, not how well the instrument was calibrated.

Instruments drift: of ten real FTICR datasets, five were off by -1.5 ppm at m/z 400 and by +1.5 at
1,100, half of a window. Peaks are left as they are: the theoretical m/z are moved instead, which is
the same and costs nothing.

The line is that of Theil and Sen (the median of the slopes of all pairs of calibrants, then the
median of what is left), which a quarter of wrong annotations among the calibrants does not turn.
Beyond the calibrants' range the error at its end is taken: a line is not trusted where none of them
lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.columns import Columns
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.fdr import estimate_pooled_fdr
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import (
    IonScores,
    Patterns,
    mass_error_ppm,
    score_ions,
)

MIN_CALIBRANTS = 30
"""Calibrants below which nothing is recalibrated: a line through fewer is not to be trusted."""

MAX_CALIBRANTS = 1000
"""Calibrants at most, those of the highest score: half a million pairs for the slope."""

CALIBRANT_FDRS = (0.1, 0.2)
"""FDR, by MSM, up to which targets are calibrants; up to the second where the first gives too few.
Some are wrong, and the line stands that."""

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MzErrors(Columns):
    """What the first pass found: targets and sampled decoys of which an image was scored.

    Attributes
    ----------
    mz : (n,) float64
        Theoretical m/z of the first isotope peak, Da.
    error_ppm : (n,) float64
        Measured less theoretical m/z, ppm.
    msm : (n,) float64
        Above 0, at most 1.
    is_target : (n,) bool
        Target or decoy.
    """

    mz: Float64s
    error_ppm: Float64s
    msm: Float64s
    is_target: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls) -> MzErrors:
        """Return the errors of no ions."""
        return cls(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.bool_))


@dataclass(frozen=True)
class FirstPass:
    """The first pass over one database.

    Attributes
    ----------
    found : MzErrors
        Of all that was found.
    n_targets, n_decoys : int
        Ions that were looked for, found or not.
    """

    found: MzErrors
    n_targets: int
    n_decoys: int


@dataclass(frozen=True)
class Recalibration:
    """Where the peaks of a dataset lie: the m/z error to expect at each m/z.

    Attributes
    ----------
    offset_ppm, slope_ppm : float
        The expected error is ``offset_ppm + slope_ppm * mz / 1000``, ppm; the slope is per 1,000
        Da. Both 0 where nothing is recalibrated.
    mz_min, mz_max : float
        Range of the calibrants, Da; beyond it the error at its end is expected.
    n_calibrants : int
        Targets that were sure enough, whether or not they sufficed.
    """

    offset_ppm: float = 0.0
    slope_ppm: float = 0.0
    mz_min: float = 0.0
    mz_max: float = 0.0
    n_calibrants: int = 0

    @property
    def changes_anything(self) -> bool:
        """Whether any m/z is moved."""
        return bool(self.offset_ppm or self.slope_ppm)

    def expected_ppm(self, mz: Float64s) -> Float64s:
        """Return the error to expect at each m/z, ppm; any shape."""
        inside = np.clip(mz, self.mz_min, self.mz_max)
        return np.asarray(self.offset_ppm + self.slope_ppm * inside / 1000.0)

    def place(self, mz: Float64s) -> Float64s:
        """Return where the peaks of theoretical m/z are to be looked for.

        Parameters
        ----------
        mz : float64, any shape
            Theoretical m/z, Da; zero, which is padding, stays zero.

        Returns
        -------
        float64, shape of ``mz``
            The same array if nothing is recalibrated.
        """
        if not self.changes_anything:
            return mz
        return np.asarray(mz * (1.0 + self.expected_ppm(mz) * 1e-6))

    def correct(self, mz: Float64s) -> Float64s:
        """Return the m/z that a well calibrated instrument would have measured.

        Parameters
        ----------
        mz : float64, any shape
            Measured m/z, Da.
        """
        return np.asarray(mz / (1.0 + self.expected_ppm(mz) * 1e-6))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class FittedLine:
    """A recalibration and what it was fitted to, for people to look at.

    Attributes
    ----------
    recalibration : Recalibration
        The line.
    mz, error_ppm : (n_calibrants,) float64
        The calibrants, by ascending m/z; errors before recalibration.
    """

    recalibration: Recalibration
    mz: Float64s
    error_ppm: Float64s

    @property
    def remaining_ppm(self) -> Float64s:
        """Errors of the calibrants after recalibration: (n_calibrants,) float64, ppm."""
        return self.error_ppm - self.recalibration.expected_ppm(self.mz)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_json` makes the same numbers."""
        calibrants = {"mz": self.mz.tolist(), "error_ppm": self.error_ppm.tolist()}
        return {**self.recalibration.to_json(), "calibrants": calibrants}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FittedLine:
        """Read back what `to_json` wrote."""
        line = {name: item for name, item in value.items() if name != "calibrants"}
        mz, error_ppm = (np.array(value["calibrants"][name]) for name in ("mz", "error_ppm"))
        return cls(Recalibration(**line), mz, error_ppm)


def measure_mz_errors(
    peaks: Peaks,
    patterns: Patterns,
    grid: Grid,
    options: ImageOptions,
    mz_range: tuple[float, float],
    n_threads: int = 1,
) -> MzErrors:
    """Score ions at their theoretical m/z and return the m/z errors of what was found.

    Parameters
    ----------
    peaks, patterns, grid, options, mz_range, n_threads
        As `ionbox_science.scoring.scores.score_ions` takes them.
    """
    scores = score_ions(peaks, patterns, grid, options, mz_range, n_threads=n_threads)
    found = scores.take(scores.is_found)
    mz = patterns.mz[found.ion, 0]
    error_ppm = mass_error_ppm(found.mz_error_abs, mz)
    return MzErrors(mz, error_ppm, found.msm, patterns.is_target[found.ion])


def place_patterns(patterns: Patterns, recalibration: Recalibration) -> Patterns:
    """Return patterns at the m/z where their peaks are to be looked for."""
    if not recalibration.changes_anything:
        return patterns
    return replace(patterns, mz=recalibration.place(patterns.mz))


def recalibrate_scores(scores: IonScores, recalibration: Recalibration) -> IonScores:
    """Return scores of placed patterns with their measured m/z as they should have been.

    Errors were taken from the placed m/z and are recalibrated by that; so is their spread, to
    within a millionth.
    """
    if not recalibration.changes_anything:
        return scores
    return replace(scores, mz_mean=recalibration.correct(scores.mz_mean))


def sample_ions(
    is_target: npt.NDArray[np.bool_], first_ion: int, n_decoys: int
) -> npt.NDArray[np.bool_]:
    """Choose the ions of the first pass: all targets, and about as many decoys.

    Parameters
    ----------
    is_target : (n_ions,) bool
        Of a range of ions.
    first_ion : int
        Number of the first of them. Numbers decide, so that it does not matter how ions are cut.
    n_decoys : int
        Decoys per target, of which one is taken.

    Returns
    -------
    (n_ions,) bool
    """
    number = np.arange(first_ion, first_ion + len(is_target))
    return np.asarray(is_target | (number % max(n_decoys, 1) == 0))


def fit_recalibration(passes: Sequence[FirstPass]) -> FittedLine:
    """Choose calibrants of each database and draw a line through the errors of all of them.

    Parameters
    ----------
    passes : sequence of FirstPass
        One per database; at least one.

    Returns
    -------
    FittedLine
        One that changes nothing if there are fewer than `MIN_CALIBRANTS`.
    """
    for fdr in CALIBRANT_FDRS:
        calibrants = MzErrors.concatenate([_choose_calibrants(each, fdr) for each in passes])
        # an ion of several databases is one calibrant
        _, first = np.unique(calibrants.mz, return_index=True)
        calibrants = calibrants.take(first)
        if len(calibrants.mz) >= MIN_CALIBRANTS:
            break
    if len(calibrants.mz) > MAX_CALIBRANTS:
        best = np.argsort(-calibrants.msm, kind="stable")[:MAX_CALIBRANTS]
        calibrants = calibrants.take(np.sort(best))
    mz, error_ppm = calibrants.mz, calibrants.error_ppm
    if len(mz) < MIN_CALIBRANTS:
        return FittedLine(Recalibration(n_calibrants=len(mz)), mz, error_ppm)
    offset_ppm, slope_ppm = fit_line(mz / 1000.0, error_ppm)
    line = Recalibration(offset_ppm, slope_ppm, float(mz[0]), float(mz[-1]), len(mz))
    return FittedLine(line, mz, error_ppm)


def fit_line(x: Float64s, y: Float64s) -> tuple[float, float]:
    """Draw the line of Theil and Sen through some points.

    Parameters
    ----------
    x, y : (n,) float64
        Points, at least two of different ``x``.

    Returns
    -------
    offset, slope : float
        Of the line ``y = offset + slope * x``; a slope of 0 if all ``x`` are equal.
    """
    one, other = np.triu_indices(len(x), 1)
    apart = x[one] != x[other]
    one, other = one[apart], other[apart]
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one]))) if one.size else 0.0
    return float(np.median(y - slope * x)), slope


def _choose_calibrants(one: FirstPass, most_fdr: float) -> MzErrors:
    """Return the targets of a database up to an FDR."""
    found = one.found
    targets, decoys = found.take(found.is_target), found.take(~found.is_target)
    if one.n_targets == 0 or one.n_decoys == 0:
        return MzErrors.empty()
    fdr = estimate_pooled_fdr(targets.msm, decoys.msm, one.n_decoys / one.n_targets)
    return targets.take(fdr <= most_fdr)
