"""Images and metrics of ions, against the numpy oracle: the size of a run with all of HMDB.

No library does the same in one step; METASPACE's engine is compared as a whole (`workloads`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions

from benchmarks.kernels import Answer, Contender, Contenders
from tests.oracles import scores as oracle

TITLE = "scores"
GOALS: dict[str, float] = {}

_STRUCTURED = 0.2  # share of the peaks that belong to ions; the rest is noise
_OPTIONS = ImageOptions()


def cases(*, tiny: bool) -> Iterator[tuple[str, Contenders]]:
    """Yield a dataset of 100 x 100 pixels and random patterns; numpy scores the first of them."""
    n_rows, n_ions, n_first = (20_000, 500, 100) if tiny else (23_600_000, 570_000, 2000)
    random = np.random.default_rng(1)
    side = 100
    patterns = _draw_patterns(n_ions, random)
    peaks = _draw_peaks(n_rows, patterns, side, random)
    grid = Grid(np.ones((side, side), np.bool_))
    mz_range = float(peaks.mz[0]), float(peaks.mz[-1])
    first = patterns.take(slice(0, n_first))

    def score_all() -> Answer:
        return _per_ion(score_ions(peaks, patterns, grid, _OPTIONS, mz_range), n_ions)

    def score_first_with_numpy() -> Answer:
        return _per_ion(oracle.score_ions(peaks, first, grid, _OPTIONS, mz_range), n_first)

    yield (
        f"{n_ions:,} ions, {n_rows:,} peaks",
        {
            "ionbox": Contender(score_all),
            f"oracle (numpy), {n_first:,} ions": Contender(
                score_first_with_numpy, n_first / n_ions
            ),
        },
    )


def _per_ion(scores: IonScores, n_ions: int) -> Answer:
    """Return metrics of all ions, 0 where one was not scored, so that a share is a beginning."""
    answer = []
    for metric in (scores.msm, scores.chaos, scores.spatial, scores.spectral, scores.mz_error_abs):
        dense = np.zeros(n_ions)
        dense[scores.ion] = metric
        answer.append(dense)
    return answer


def _draw_patterns(n_ions: int, random: np.random.Generator) -> Patterns:
    step = np.arange(4) * 1.00335 + random.normal(0, 0.002, (n_ions, 4))
    mz = np.sort(random.uniform(90, 1050, (n_ions, 1)) + step, axis=1)
    intensity = np.sort(random.random((n_ions, 4)) ** 3 * 100, axis=1)[:, ::-1].astype(np.float32)
    intensity[:, 0] = 100
    short = random.random(n_ions) < 0.1
    mz[short, 3] = intensity[short, 3] = 0
    return Patterns(mz, intensity, random.random(n_ions) < 0.05)


def _draw_peaks(n_rows: int, patterns: Patterns, side: int, random: np.random.Generator) -> Peaks:
    """Draw four fifths noise, and the isotope peaks of 600 ions around a place of their own."""
    n_ions, n_structured = len(patterns.mz), int(n_rows * _STRUCTURED)
    n_noise = n_rows - n_structured
    true = random.choice(n_ions, min(600, n_ions), replace=False)
    ion = random.choice(true, n_structured)
    isotope = random.choice(4, n_structured, p=[0.5, 0.25, 0.15, 0.1])
    centre, width = random.random((n_ions, 2)), 0.1 + 0.3 * random.random((n_ions, 1))
    place = (centre[ion] + random.normal(0, 1, (n_structured, 2)) * width[ion]) * side
    column, row = np.clip(place, 0, side - 1).astype(np.uint32).T
    jitter = 1 + 1e-6 * random.normal(0, 1, n_structured)
    counts = patterns.intensity[ion, isotope] * random.gamma(5, 1, n_structured)
    mz = np.concatenate([patterns.mz[ion, isotope] * jitter, random.uniform(85, 1060, n_noise)])
    intensity = np.concatenate([counts, random.gamma(2, 5, n_noise)])
    noise_pixel = random.integers(0, side * side, n_noise, np.uint32)
    pixel = np.concatenate([row * np.uint32(side) + column, noise_pixel])
    order = np.argsort(mz)
    return Peaks(mz[order], intensity[order].astype(np.float32), pixel[order])
