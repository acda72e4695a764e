"""Learned scores: the published models' answers, the exporter, and what counts as found."""

from __future__ import annotations

import csv
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_science.scoring.learned_score import (
    LearnedModel,
    features_of,
    rank_by,
    read_model,
    score_learned,
)
from ionbox_science.setting_table import Scoring

from tests.science.scoring.published_ions import (
    Row,
    count_annotations,
    make_scores,
    read_published_ions,
    scores_of,
)

ANIMAL: Scoring = "metaspace-ml-animal"
PLANT: Scoring = "metaspace-ml-plant"


def read_answers() -> list[dict[str, float]]:
    path = Path(__file__).parents[2] / "golden" / "learned_scores.tsv"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t")
    return [{name: float(value or "nan") for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("answer", read_answers())
def test_the_published_model_answers_as_published(answer: dict[str, float]) -> None:
    served, trained = answer.pop("served"), answer.pop("trained")
    scores = make_scores(**answer)
    assert score_learned(scores, ANIMAL) == pytest.approx([trained], abs=1e-12)
    if not math.isnan(served):
        assert score_learned(scores, f"{ANIMAL}-as-served") == pytest.approx([served], abs=1e-12)


def test_the_plant_model_answers_as_catboost_does() -> None:
    best = make_scores(chaos=1, spatial=1, spectral=1)
    good = make_scores(chaos=0.99, spatial=0.9, spectral=0.98)
    off = make_scores(
        chaos=0.99, spatial=0.9, spectral=0.98, mz_error_abs=0.0005, mz_error_rel=0.0001
    )
    assert score_learned(good, PLANT) == pytest.approx([0.700851471965824], abs=1e-12)
    assert score_learned(off, PLANT) == pytest.approx([0.535490346698047], abs=1e-12)
    assert read_model(PLANT).evaluate(features_of(best)) == pytest.approx([1.016], abs=1e-4)
    assert score_learned(best, PLANT).tolist() == [1.0]  # limited


def test_what_was_not_found_scores_nothing() -> None:
    scores = make_scores(
        chaos=1, spatial=[0, np.nan, 1, 1], spectral=1, mz_error_abs=[0, 0, 0, np.nan]
    )
    first, second, third, fourth = score_learned(scores, ANIMAL)
    assert first == second == 0
    assert third > fourth > 0  # an error that is not known counts as worst


def test_a_learned_score_takes_the_place_of_msm_and_leaves_the_metrics() -> None:
    scores = make_scores(chaos=0.99, spatial=[0.9, 0.8], spectral=0.98)
    ranked = rank_by(scores, ANIMAL)
    assert ranked.msm.tolist() == score_learned(scores, ANIMAL).tolist()
    assert (ranked.spatial == scores.spatial).all()
    assert rank_by(scores, "msm") is scores


def test_models_say_which_published_file_they_are() -> None:
    assert read_model(ANIMAL).sha256.startswith("86b7de18")
    assert read_model(PLANT).sha256.startswith("e35ca81a")
    assert read_model(ANIMAL).scale == 0.08951101419414433
    assert read_model(f"{PLANT}-as-served").bias == 0.4386800046732099


@pytest.fixture(scope="module")
def published_rows(reference: Path) -> list[Row]:
    return read_published_ions(reference)


def test_the_published_scores_are_reproduced(published_rows: list[Row]) -> None:
    published = np.array([float(row["pred_score"]) for row in published_rows])
    answers = read_model(ANIMAL).evaluate(features_of(scores_of(published_rows)))
    assert len(published_rows) == 10_014
    assert np.abs(answers - published).max() < 1e-12


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        ("msm", [748, 1683, 2265]),
        (f"{ANIMAL}-as-served", [772, 1705, 2282]),
        (ANIMAL, [1231, 2006, 2286]),
    ],
)
def test_real_data_have_so_many_annotations(
    scoring: Scoring, expected: list[int], published_rows: list[Row]
) -> None:
    scores = scores_of(published_rows)
    counts = count_annotations(published_rows, scores.is_found, rank_by(scores, scoring).msm)
    assert counts == expected


# --- exporter -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exporter(project: Path) -> Any:
    return runpy.run_path(str(project / "layers/science/export_learned_scores.py"))


def draw_features(n: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(5)
    return rng.random((5, n)).astype(np.float32)


def test_an_exported_model_answers_as_catboost_to_the_last_bit(
    exporter: Any, tmp_path: Path
) -> None:
    catboost = pytest.importorskip("catboost")
    features = draw_features(3000)
    target = features[0] * features[1] + 0.1 * features[4]
    trained = catboost.CatBoost(
        {"loss_function": "RMSE", "iterations": 40, "depth": 6, "logging_level": "Silent"}
        | {"train_dir": str(tmp_path), "allow_writing_files": False}
    )
    pool = catboost.Pool(features.T.copy(), target, feature_names=list(exporter["FEATURES"]))
    trained.fit(pool)
    trained.set_scale_and_bias(0.7, -0.2)
    trained.save_model(str(tmp_path / "model.cbm"))
    exported = exporter["export_model"](tmp_path / "model.cbm")
    scale, bias = exported["scale_and_bias"].tolist()
    assert (scale, bias) == (0.7, -0.2)
    starts = np.concatenate(([0], np.cumsum(exported["n_borders"])))
    parts = {name: exported[name] for name in ("border", "feature", "rank", "leaf")}
    model = LearnedModel(**parts, border_start=starts, scale=scale, bias=bias, sha256="")
    fresh = draw_features(5000)
    assert model.evaluate(fresh).tobytes() == trained.predict(fresh.T.copy()).tobytes()


def test_a_model_of_other_features_is_not_exported(exporter: Any, tmp_path: Path) -> None:
    catboost = pytest.importorskip("catboost")
    features = draw_features(200)
    trained = catboost.CatBoost(
        {"iterations": 2, "logging_level": "Silent", "allow_writing_files": False}
    )
    trained.fit(catboost.Pool(features.T.copy(), features[0]))
    trained.save_model(str(tmp_path / "model.cbm"))
    with pytest.raises(ValueError, match="its features are"):
        exporter["export_model"](tmp_path / "model.cbm")


def test_the_files_are_what_the_exporter_makes(exporter: Any, reference: Path) -> None:
    pytest.importorskip("catboost")
    for name, file in ((ANIMAL, "animal"), (PLANT, "plant")):
        published = next((reference / "scoring-models").glob(f"metaspace-ml-{file}-*.cbm"))
        exported = exporter["export_model"](published)
        with np.load(exporter["DATA"] / f"{name}.npz") as stored:
            assert stored.files == list(exported)
            for key, value in exported.items():
                assert stored[key].tobytes() == np.asarray(value).tobytes()
