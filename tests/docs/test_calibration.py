"""The tables of ``docs/calibration.md`` are those of the figures, and new figures come in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from ionbox.calibration.figures import COLUMNS

from benchmarks import calibration
from benchmarks.calibration import (
    DIFFICULTY,
    DOCUMENT,
    FIGURES,
    HARD,
    SCENARIOS,
    lay_out_difficulty,
    lay_out_figures,
    read_rows,
    renew_document,
    replace_rows,
)


def test_the_document_has_the_tables_of_the_figures() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert renew_document(text) == text


def test_figures_are_of_the_scenarios_that_there_are() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    for path in (FIGURES, DIFFICULTY):
        assert list(dict.fromkeys(row["scenario"] for row in read_rows(path))) == names
    with FIGURES.open(encoding="utf-8") as file:
        assert next(csv.reader(file, delimiter="\t")) == [*COLUMNS, "commit"]


def test_data_is_as_hard_as_real_data() -> None:
    """As the document says: to 20 %, with the database that real data was searched with."""
    table = lay_out_difficulty(read_rows(DIFFICULTY)).splitlines()[2:]
    ratios = [float(cells) for line in table if (cells := line.split(" | ")[-1].strip(" |"))]
    assert len(ratios) == 7
    assert all(0.8 <= ratio <= 1.2 for ratio in ratios), ratios


def row(scenario: str, **changes: Any) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {"scenario": scenario, "variant": "msm"} | changes


def test_rows_of_a_scenario_are_replaced_and_stay_in_order(tmp_path: Path) -> None:
    path = tmp_path / "calibration.tsv"
    first, second = SCENARIOS[0].name, SCENARIOS[1].name
    replace_rows(path, [row(second, wrong="0.1")])
    replace_rows(path, [row(first, wrong="0.2")])
    replace_rows(path, [row(second, wrong="0.3")])
    assert [(each["scenario"], each["wrong"]) for each in read_rows(path)] == [
        (first, "0.2"),
        (second, "0.3"),
    ]


def test_cells_say_what_is_known() -> None:
    shares = {"wrong": "0.1", "wrong_low": "0.05", "wrong_high": "0.2", "recall": "0.9"}
    plain = lay_out_figures([row("a", claimed="0.05", noise="", **shares)])
    assert plain.splitlines()[2] == (
        "| a | msm | **10.0** (5.0–20.0), – without kin; recall 90.0 |"
    )
    more = {"noise": "0.01", "alone": "0.02", "alone_recall": "0.8"}
    assert "; alone 2.0, recall 80.0 |" in lay_out_figures([row("a", **shares, **more)])


def test_a_document_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no table between"):
        renew_document("no marks")


def test_a_scenario_runs_and_its_figures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    small = {"width": 12, "height": 10, "n_ions": 20, "n_noise_peaks": 20, "realism": "real"}
    hard = replace(
        next(each for each in SCENARIOS if each.name == HARD), simulate=small, database=None
    )
    for name in ("FIGURES", "DIFFICULTY"):
        monkeypatch.setattr(calibration, name, tmp_path / f"{name}.tsv")
    calibration.run([hard], [1], "abc")
    figures = read_rows(tmp_path / "FIGURES.tsv")
    assert len(figures) == 18
    assert {each["commit"] for each in figures} == {"abc"}
    assert len(read_rows(tmp_path / "DIFFICULTY.tsv")) == 6
