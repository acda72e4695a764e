"""What METASPACE's engine answered on the reference data, and the same computed by ionbox.

Everything slow is computed once per test session, whichever test asks first.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.scoring.scores import IonScores
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.formulas import build_ion_formula, join_modifier
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP, Dataset, ScoredIons, load_dataset

PER_PEAK = {
    "total_iso_ints": "total_intensity",
    "max_iso_ints": "max_intensity",
    "mz_mean": "mz_mean",
    "mz_stddev": "mz_stddev",
}
"""The engine's name of a column per isotope peak, and ours. Not ``min_iso_ints``: the engine
writes 0 even for images without an empty pixel."""


@functools.cache
def dataset(reference: Path, name: str) -> Dataset:
    """Read a reference dataset."""
    return load_dataset(reference / "datasets" / f"{name}.imzML")


@functools.cache
def formulas(reference: Path, name: str) -> tuple[str, ...]:
    """Read the unique formulas of a reference database."""
    data = (reference / "databases" / f"{name}.tsv").read_bytes()
    return parse_database(data, name).unique_formulas()


@functools.cache
def read_table(reference: Path, run: str, name: str = "results.csv") -> pd.DataFrame:
    """Read a table of an engine's run; the text NA is text."""
    return pd.read_csv(reference / "metaspace-engine" / run / name, keep_default_na=False)


def read_images(reference: Path, run: str) -> dict[str, npt.NDArray[np.generic]]:
    """Read the raw ion images of a run's first annotations, by (formula, modifier); and `mask`."""
    with np.load(reference / "metaspace-engine" / run / "images_top.npz") as stored:
        return {key: stored[key] for key in stored.files}


_patterns: dict[IsotopeModel, dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]]]
_patterns = {}


def patterns_of(
    ion_formulas: Sequence[str], model: IsotopeModel = ORBITRAP
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Return isotope patterns, each computed once, by two processes if there are many."""
    known = _patterns.setdefault(model, {})
    new = sorted(set(ion_formulas) - known.keys())
    if len(new) > 4000:
        halves = [new[::2], new[1::2]]
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, spawn) as pool:
            computed = list(pool.map(generate_patterns, halves, [model] * 2))
    else:
        halves, computed = [new], [generate_patterns(new, model)]
    for half, (mz, intensity) in zip(halves, computed, strict=True):
        known.update(zip(half, zip(mz, intensity, strict=True), strict=True))
    rows = [known[ion_formula] for ion_formula in ion_formulas]
    return np.array([mz for mz, _ in rows]), np.array([intensity for _, intensity in rows])


def tabulate_annotations(run: ScoredIons) -> pd.DataFrame:
    """Write a run's annotations with the engine's column names."""
    ours = run.annotations
    parts = zip(
        ours.chem_mod.tolist(), ours.neutral_loss.tolist(), ours.adduct.tolist(), strict=True
    )
    return pd.DataFrame(
        {
            "formula": ours.formula,
            "modifier": [join_modifier(*part) for part in parts],
            "fdr": ours.fdr,
            **_metric_columns(ours),
        }
    )


def tabulate_ions(run: ScoredIons) -> pd.DataFrame:
    """Write every target and decoy ion with MSM above 0, with the engine's column names."""
    scores = run.scores.take(run.scores.msm > 0)
    ion_formulas = run.table.ion_formulas(scores.ion)
    return pd.DataFrame({"ion_formula": ion_formulas, **_metric_columns(scores)})


def _metric_columns(ours: Annotations | IonScores) -> dict[str, npt.NDArray[np.generic]]:
    columns = {name: getattr(ours, name) for name in ("msm", "chaos", "spatial", "spectral")}
    columns |= {"mz_err_abs": ours.mz_error_abs, "mz_err_rel": ours.mz_error_rel}
    for theirs, name in PER_PEAK.items():
        columns |= {f"{theirs}_{k}": column for k, column in enumerate(getattr(ours, name).T)}
    return columns


def join_annotations(run: ScoredIons, theirs: pd.DataFrame) -> pd.DataFrame:
    """Put our annotations beside the engine's; their columns end in ``_engine``."""
    ours = tabulate_annotations(run)
    return ours.merge(
        theirs, "outer", ["formula", "modifier"], suffixes=("", "_engine"), indicator=True
    )


def join_ions(run: ScoredIons, reference: Path, name: str) -> pd.DataFrame:
    """Put our scored targets and decoys beside the engine's, ion formula by ion formula."""
    theirs = read_table(reference, name, "metrics_targets_and_decoys.csv.gz")
    theirs = theirs.assign(ion_formula=_ion_formulas(theirs)).drop_duplicates("ion_formula")
    ours = tabulate_ions(run)
    return ours.merge(theirs, "outer", "ion_formula", suffixes=("", "_engine"), indicator=True)


def ion_formulas_scored(reference: Path, name: str) -> list[str]:
    """Return the ion formulas of all targets and decoys to which the engine gave an MSM above 0."""
    return _ion_formulas(read_table(reference, name, "metrics_targets_and_decoys.csv.gz"))


def ion_formula_by_number(reference: Path, name: str) -> dict[int, str]:
    """Return the ion formula behind each formula_i of an engine's results."""
    results = read_table(reference, name)
    return dict(zip(results["formula_i"].tolist(), _ion_formulas(results), strict=True))


def _ion_formulas(table: pd.DataFrame) -> list[str]:
    pairs = zip(table["formula"], table["modifier"], strict=True)
    return [build_ion_formula(formula, modifier) for formula, modifier in pairs]


def assert_peak_columns_equal(both: pd.DataFrame) -> None:
    """Compare what is measured per isotope peak; intensities are float32 sums there."""
    for name in PER_PEAK:
        for k in range(4):
            column = f"{name}_{k}"
            theirs = both[f"{column}_engine"]
            if name.startswith("mz"):
                np.testing.assert_allclose(both[column], theirs, rtol=1e-12, atol=1e-12)
            else:
                np.testing.assert_allclose(both[column], theirs, rtol=3e-7, err_msg=column)
    for column in ("mz_err_abs", "mz_err_rel"):
        np.testing.assert_allclose(both[column], both[f"{column}_engine"], atol=1e-12)


def read_patterns(
    reference: Path, name: str
) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Read all isotope patterns of an engine's run: ion formulas, m/z, abundances."""
    numbers = read_table(reference, name, "formula_map.csv.gz")
    numbers = numbers.drop_duplicates("formula_i").sort_values("formula_i")
    peaks = read_table(reference, name, "centroids_all.csv.gz").sort_values(["formula_i", "peak_i"])
    assert peaks["formula_i"].tolist() == np.repeat(numbers["formula_i"], 4).tolist()
    mz = peaks["mz"].to_numpy().reshape(-1, 4)
    # written in decimals: float32 once more
    intensity = peaks["int"].to_numpy().astype(np.float32).reshape(-1, 4)
    return _ion_formulas(numbers), mz, intensity
