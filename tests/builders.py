"""Things tests are about, with good defaults: a test names only what matters to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.annotations import (
    Annotations,
    RankedTargets,
    collect_annotations,
    rank_targets,
)
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import Peaks, read_peaks
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions
from ionbox_science.setting_table import FdrMethod
from ionbox_science.theory.databases import MoleculeDatabase
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import IonTable, build_ions
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.oracles.peak_sorting import sort_peaks

Floats = npt.NDArray[np.float64]
PatternSource = Callable[[Sequence[str]], tuple[Floats, npt.NDArray[np.float32]]]

ORBITRAP = IsotopeModel("orbitrap", 0.000619)


@dataclass(frozen=True)
class Dataset:
    """Sorted peaks and the pixels they were measured in."""

    peaks: Peaks
    grid: Grid

    @property
    def mz_range(self) -> tuple[float, float]:
        return float(self.peaks.mz[0]), float(self.peaks.mz[-1])


def load_dataset(imzml: Path) -> Dataset:
    """Read a pair from disk the way the states do, in one go."""
    header = read_header(imzml.read_bytes(), imzml.name)
    ibd = imzml.with_suffix(".ibd").read_bytes()
    peaks = read_peaks(header, lambda offset, length: ibd[offset : offset + length])
    return Dataset(sort_peaks(peaks), Grid(header.mask))


def build_peaks(
    mz: Iterable[float],
    intensity: Iterable[float] | float = 1.0,
    pixel: Iterable[int] | int = 0,
    dtype: type[np.floating[Any]] = np.float64,
) -> Peaks:
    """Make peaks; one intensity or pixel stands for all."""
    masses = np.array(list(mz), dtype)
    return Peaks(
        masses,
        np.broadcast_to(np.asarray(intensity, np.float32), masses.shape).copy(),
        np.broadcast_to(np.asarray(pixel, np.uint32), masses.shape).copy(),
    )


def build_grid(height: int = 4, width: int = 5, missing: Sequence[tuple[int, int]] = ()) -> Grid:
    """Make a grid; missing pixels as (y, x)."""
    mask = np.ones((height, width), bool)
    for y, x in missing:
        mask[y, x] = False
    return Grid(mask)


def plant_ion(
    pattern: tuple[Sequence[float], Sequence[float]], image: npt.NDArray[Any], ppm_off: float = 0.0
) -> Peaks:
    """Make the peaks of an ion: each isotope peak in each pixel of an image, abundance × image."""
    pixel = np.flatnonzero(image)
    mz = np.array(pattern[0]) * (1 + ppm_off * 1e-6)
    abundance = np.array(pattern[1]) / 100
    return Peaks(
        np.repeat(mz, pixel.size),
        np.outer(abundance, image.ravel()[pixel]).ravel().astype(np.float32),
        np.tile(pixel, mz.size).astype(np.uint32),
    )


def join_peaks(parts: Sequence[Peaks]) -> Peaks:
    """Put peaks together and sort them by m/z."""
    return sort_peaks(
        Peaks(
            np.concatenate([part.mz for part in parts]),
            np.concatenate([part.intensity for part in parts]),
            np.concatenate([part.pixel for part in parts]),
        )
    )


def draw_blob(height: int, width: int, y: float, x: float, radius: float) -> Floats:
    """Draw a round hill of height 1000 by plain arithmetic: equal on every machine."""
    rows, columns = np.mgrid[0:height, 0:width]
    distance = ((rows - y) ** 2 + (columns - x) ** 2) / radius**2
    hill: Floats = np.maximum(0.0, 1000.0 * (1.0 - distance))
    return hill


def plant_dataset(
    planted: Iterable[tuple[Sequence[float], Sequence[float], tuple[float, float, float, float]]],
    height: int = 16,
    width: int = 20,
    seed: int = 7,
) -> Dataset:
    """Make a dataset of ions as round, noisy hills, some of them barely connected.

    Each ion is (m/z, abundance, (y, x, radius, noise)). Three pixels have no spectrum. Random
    numbers come from numpy's frozen generator: equal arguments give equal data everywhere.
    """
    random = np.random.RandomState(seed)
    mask = np.ones((height, width), bool)
    mask[0, :2] = mask[-1, -1] = False
    parts = []
    for mz, abundance, (y, x, radius, noise) in planted:
        hill = draw_blob(height, width, y, x, radius) * mask
        for peak_mz, share in zip(mz, abundance, strict=True):
            gain = 1 + noise * (2 * random.random_sample(hill.shape) - 1)
            image = np.floor(hill * np.maximum(gain, 0))
            parts.append(plant_ion(([peak_mz], [share]), image, 0.5 * gain[0, 0]))
    return Dataset(join_peaks(parts), Grid(mask))


@dataclass(frozen=True)
class ScoredIons:
    """One dataset against one database, through the science functions only."""

    table: IonTable
    patterns: Patterns
    scores: IonScores
    method: FdrMethod

    @cached_property
    def ranked(self) -> RankedTargets:
        return rank_targets(self.table, self.scores, self.method)

    @cached_property
    def annotations(self) -> Annotations:
        chosen = self.patterns.take(self.scores.ion[self.ranked.score_row])
        return collect_annotations(
            self.table, self.scores, self.ranked, chosen.mz, chosen.intensity
        )


def annotate(
    dataset: Dataset,
    formulas: Sequence[str],
    rule: IonRule | None = None,
    *,
    method: FdrMethod = "metaspace-v3",
    options: ImageOptions | None = None,
    patterns_of: PatternSource = lambda formulas: generate_patterns(formulas, ORBITRAP),
) -> ScoredIons:
    """Annotate a dataset; ``patterns_of`` makes the isotope patterns of ion formulas."""
    table = build_ions(formulas, rule or IonRule(("+H", "+Na", "+K")))
    mz, intensity = patterns_of(table.ion_formulas(slice(None)))
    patterns = Patterns(mz, intensity, table.is_target)
    scores = score_ions(
        dataset.peaks, patterns, dataset.grid, options or ImageOptions(), dataset.mz_range
    )
    return ScoredIons(table, patterns, scores, method)


def build_patterns(
    mz: Sequence[Sequence[float]],
    intensity: Sequence[Sequence[float]] | None = None,
    is_target: bool | Sequence[bool] = True,
) -> Patterns:
    """Make isotope patterns; abundances fall from 100 by halves unless given."""
    masses = np.array(mz, np.float64)
    if intensity is None:
        intensity = [[100 / 2**k if m else 0 for k, m in enumerate(row)] for row in mz]
    return Patterns(
        masses,
        np.array(intensity, np.float32),
        np.broadcast_to(np.asarray(is_target, bool), len(masses)).copy(),
    )


def build_annotations(rows: Sequence[dict[str, Any]], n_peaks: int = 2) -> Annotations:
    """Make annotations; each row names only what matters, the first row is ion 0."""
    full = [
        {
            "formula": "C6H12O6",
            "chem_mod": "",
            "neutral_loss": "",
            "adduct": "+H",
            "ion_formula": f"C{i + 1}H13O6",
            "ion": i,
            "fdr": 0.1,
            "fdr_alone": row.get("fdr", 0.1),
            "explained_by": "",
            "msm": 0.5,
            "chaos": 0.9,
            "spatial": 0.8,
            "spectral": 0.7,
            "mz_error_abs": 0.0,
            "mz_error_rel": 0.0,
            "total_intensity": [100.0] * n_peaks,
            "min_intensity": [0.0] * n_peaks,
            "max_intensity": [10.0] * n_peaks,
            "pattern_mz": [200.0 + 10 * i + k for k in range(n_peaks)],
            "pattern_intensity": [100.0 / (k + 1) for k in range(n_peaks)],
            **row,
        }
        for i, row in enumerate(rows)
    ]
    for row in full:
        row.setdefault("mz_mean", row["pattern_mz"])
        row.setdefault("mz_stddev", [0.0] * n_peaks)
    single = {"total_intensity", "min_intensity", "max_intensity", "pattern_intensity"}
    text = {"formula", "chem_mod", "neutral_loss", "adduct", "ion_formula", "explained_by"}
    columns: dict[str, Any] = {}
    for name in Annotations.__dataclass_fields__:
        dtype: Any = np.float32 if name in single else np.str_ if name in text else np.float64
        columns[name] = np.array([row[name] for row in full], np.int32 if name == "ion" else dtype)
    return Annotations(**columns)


def build_database(
    molecules: Sequence[tuple[str, str, str]] = (("HMDB1", "Glucose", "C6H12O6"),),
    name: str = "molecules",
) -> MoleculeDatabase:
    """Make a database from (id, name, formula) rows."""
    ids, names, formulas = zip(*molecules, strict=True)
    return MoleculeDatabase(name, ids, names, formulas)
