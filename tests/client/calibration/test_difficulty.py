"""Simulated data is as hard as real data: the figures of ``tests/golden/real_ions.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox.calibration.difficulty import Difficulty, IonFigures
from ionbox.calibration.scenarios import Scenario
from ionbox.calibration.trials import run_trials

from benchmarks.formulas import like_hmdb
from tests.cloud_builders import database_table
from tests.golden.planted import GOLDEN
from tests.once import make_once
from tests.shared_workers import WORKERS

SEEDS = (1, 2, 3)
TOLERANCE = 0.2
"""Each figure may be off by so much of itself."""


def measure(folder: Path) -> None:
    """Simulate as the real data was measured: FTICR, 2,300 formulas, the usual adducts."""
    table = folder / "made_up.tsv"
    table.write_bytes(database_table(sorted(like_hmdb())[::5]))
    scenario = Scenario(
        "hard",
        {
            "width": 60,
            "height": 60,
            "n_ions": 300,
            "n_noise_peaks": 300,
            "realism": "real",
            "analyzer": "fticr",
            "resolving_power": 260_000,
        },
        # as the real data was annotated
        settings={"decoy_kind": "metals", "recalibrate": False, "competition": False},
        variants=({"scoring": "metaspace-ml-animal"},),
        database=table,
    )
    trials = run_trials(scenario, SEEDS, folder, n_workers=2, reserve=WORKERS)
    figures = Difficulty.join([trial.difficulty for trial in trials])
    np.savez(folder / "annotated.npz", **vars(figures.annotated))
    np.savez(folder / "decoys.npz", **vars(figures.decoys))


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Difficulty:
    folder = make_once(tmp_path_factory, "difficulty", measure)
    parts = []
    for name in ("annotated", "decoys"):
        with np.load(folder / f"{name}.npz") as arrays:
            parts.append(IonFigures(**arrays))
    return Difficulty(*parts)


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((GOLDEN / "real_ions.json").read_text("utf-8"))
    return value


@pytest.mark.parametrize(
    "name",
    [
        *("msm", "spatial", "spectral", "isotope_ratio", "mean_missing"),
        *("mz_error_width_ppm", "decoy_spatial"),
    ],
)
def test_medians_are_those_of_real_data(hard: Difficulty, real: dict[str, Any], name: str) -> None:
    assert len(hard.annotated.msm) > 400
    assert len(hard.decoys.msm) > 400
    assert hard.summary()[name] == pytest.approx(real["figures"][name], rel=TOLERANCE)


def test_mz_are_off_to_both_sides(hard: Difficulty, real: dict[str, Any]) -> None:
    width = real["figures"]["mz_error_width_ppm"]
    assert abs(hard.summary()["mz_error_ppm"]) < TOLERANCE * width


@pytest.mark.parametrize("kind", ["annotated", "decoys"])
@pytest.mark.parametrize("name", ["msm", "spatial", "spectral", "chaos", "isotope_ratio"])
def test_quartiles_are_near_those_of_real_data(
    hard: Difficulty, real: dict[str, Any], kind: str, name: str
) -> None:
    values = getattr(getattr(hard, kind), name)
    expected = real["quartiles"][kind][name]
    assert np.quantile(values, (0.25, 0.5, 0.75)) == pytest.approx(expected, abs=0.12)


def test_plain_data_is_easy(tmp_path: Path, real: dict[str, Any]) -> None:
    """Lest the figures above come out whatever is simulated."""
    table = tmp_path / "made_up.tsv"
    table.write_bytes(database_table(sorted(like_hmdb())[::40]))
    scenario = Scenario(
        "easy",
        {"width": 24, "height": 20, "n_ions": 60, "n_noise_peaks": 60},
        variants=({},),
        database=table,
    )
    (trial,) = run_trials(scenario, [1], tmp_path, n_workers=2, reserve=WORKERS)
    assert trial.line is None
    easy, figures = trial.difficulty.summary(), real["figures"]
    for name in ("msm", "spatial", "isotope_ratio"):
        assert easy[name] > 1.4 * figures[name], name
    assert easy["mean_missing"] < 0.7 * figures["mean_missing"]
