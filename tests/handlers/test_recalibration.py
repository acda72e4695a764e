"""PlanRecalibration, MeasureMzErrors, and the states that take their windows from the line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox_cloud import keys
from ionbox_cloud.published import RECORD
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.annotations import read_found_databases
from ionbox_science.scoring.recalibration import Recalibration
from pyimzml.ImzMLParser import ImzMLParser

from tests.cloud_builders import database_table, lipid_like_formulas, simulate
from tests.handlers.in_memory import SETTINGS, InMemoryRun
from tests.imzml_builder import Pair, build_pair

FORMULAS = lipid_like_formulas(8, 14)
TABLES = {"lipids": database_table(FORMULAS)}
OFF = Recalibration(3.6, -3.0, 0.0, 5000.0, 1)
"""How far off the instrument is: 2.7 ppm at m/z 300, where windows end at 3."""


def measure(folder: Path, off: Recalibration) -> Pair:
    path = simulate(folder / "ions.imzML", FORMULAS, width=12, n_ions=170, n_noise_peaks=30)
    with ImzMLParser(str(path)) as parser:
        spectra = [parser.getspectrum(index) for index in range(len(parser.coordinates))]
        coordinates = [(x, y) for x, y, _ in parser.coordinates]
    moved = [(off.place(np.asarray(mz, np.float64)), intensity) for mz, intensity in spectra]
    return build_pair(moved, coordinates)


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return measure(tmp_path_factory.mktemp("well"), Recalibration())


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return measure(tmp_path_factory.mktemp("off"), OFF)


def annotate(new_stores: Callable[[], Stores], pair: Pair, **settings: Any) -> InMemoryRun:
    return InMemoryRun.of(
        new_stores(), pair, TABLES, {**SETTINGS, "adducts": ["+H", "+Na", "+K"], **settings}
    ).run_all()


def published(run: InMemoryRun) -> Any:
    plan = run.planned
    return run.stores.results.read_sealed(keys.results(plan.dataset_id, plan.run_id, RECORD))


def test_what_is_off_is_annotated_as_what_is_not(
    new_stores: Callable[[], Stores], well: Pair, off: Pair
) -> None:
    expected = published(annotate(new_stores, well))
    run = annotate(new_stores, off)
    found = published(run)
    assert found["n_annotations"] == expected["n_annotations"] > 30
    line = found["recalibration"]
    assert line["offset_ppm"] == pytest.approx(OFF.offset_ppm, abs=0.6)
    assert line["slope_ppm"] == pytest.approx(OFF.slope_ppm, abs=1.5)
    assert line["after_ppm"] < 0.3 < 1 < line["before_ppm"]
    # the images, too, are drawn where the peaks are: as many counts as the scores saw
    (database,) = read_found_databases(run.stores.work, run.planned)
    annotations = database.annotated.annotations
    assert np.abs(annotations.mz_error_abs / annotations.pattern_mz[:, 0]).max() < 1e-6
    assert annotations.mz_mean[:, 0] == pytest.approx(annotations.pattern_mz[:, 0], rel=1e-6)


def test_what_is_off_is_lost_where_mz_are_taken_as_they_are(
    new_stores: Callable[[], Stores], well: Pair, off: Pair
) -> None:
    run = annotate(new_stores, off, recalibrate=False)
    assert "MeasureMzErrors" not in run.answers
    record = published(run)
    assert record["recalibration"] is None
    assert record["n_annotations"] < published(annotate(new_stores, well))["n_annotations"]


def test_few_calibrants_change_nothing(new_stores: Callable[[], Stores], tissue: Pair) -> None:
    runs = [annotate(new_stores, tissue, recalibrate=choice) for choice in (True, False)]
    line = published(runs[0])["recalibration"]
    assert (line["offset_ppm"], line["slope_ppm"]) == (0, 0)
    assert line["n_calibrants"] < 30
    tables = [
        run.stores.results.read(
            keys.results(run.planned.dataset_id, run.planned.run_id, "annotations.csv")
        )
        for run in runs
    ]
    assert tables[0] == tables[1]


def test_errors_that_are_measured_are_not_measured_again(
    new_stores: Callable[[], Stores], off: Pair
) -> None:
    run = annotate(new_stores, off)
    assert len(run.items("MeasureMzErrors")) == 1
    again = run.again().run_before("MeasureMzErrors")
    assert again.items("MeasureMzErrors") == []
    again.run("PlanAnnotation")
    assert again.items("AnnotateSegments") == []  # an equal line, so the scores are there


def test_scores_at_other_mz_are_other_scores(new_stores: Callable[[], Stores], off: Pair) -> None:
    run = annotate(new_stores, off)
    (database,) = run.planned.databases
    stored = run.stores.work.list("scores")
    assert stored
    assert not any(database.scores_id in key for key in stored)


def test_every_database_lends_its_calibrants(new_stores: Callable[[], Stores], off: Pair) -> None:
    """Neither half has enough of them."""
    halves = {
        name: database_table(FORMULAS[part])
        for name, part in (("even", slice(0, None, 2)), ("odd", slice(1, None, 2)))
    }
    run = InMemoryRun.of(new_stores(), off, halves, SETTINGS)
    run.run_before("AnnotateSegments")
    both = run.stores.work.read_json(keys.run_recalibration(run.planned.run_id))
    alone = InMemoryRun.of(new_stores(), off, {"even": halves["even"]}, SETTINGS).run_before(
        "AnnotateSegments"
    )
    one = alone.stores.work.read_json(keys.run_recalibration(alone.planned.run_id))
    assert one["n_calibrants"] < both["n_calibrants"]
    assert sorted(both["calibrants"]["mz"]) == both["calibrants"]["mz"]
