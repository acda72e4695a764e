"""The benchmarks run; how fast is for ``make bench`` to say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox_science.theory.formulas import parse_formula

from benchmarks.__main__ import main
from benchmarks.estimate import WORKLOADS
from benchmarks.formulas import like_hmdb
from benchmarks.goals import Goal
from benchmarks.history import (
    COLUMNS,
    DOCUMENT,
    HISTORY,
    figures_before,
    read_history,
    record,
    renew_table,
)
from benchmarks.workloads import HELD_OUT, ON_REQUEST, SIMULATIONS
from tests import patience

Report = tuple[str, Any]
"""What is printed, and what is written: JSON."""


def run_benchmarks(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return patience.run(command, cwd=project)


@pytest.fixture(scope="module")
def tiny_report(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What ``python -m benchmarks --tiny`` prints, and what it writes."""
    out = tmp_path_factory.mktemp("results")
    done = run_benchmarks(project, "--tiny", "--out", str(out))
    assert done.returncode == 0, done.stderr
    (written,) = out.iterdir()
    return done.stdout, json.loads(written.read_text(encoding="utf-8"))


def test_the_pipeline_is_measured_cold_warm_and_finished(tiny_report: Report) -> None:
    cold, warm, finished = tiny_report[1]["pipeline"]
    assert [each["run"] for each in (cold, warm, finished)] == ["cold", "warm", "finished"]
    assert cold["n_annotations"] == warm["n_annotations"] == finished["n_annotations"] > 0
    assert "GenerateIsotopePatterns" in cold["states"]
    assert "GenerateIsotopePatterns" not in warm["states"]
    assert set(finished["states"]) == {"PlanRun", "PublishResults"}


def test_everything_outside_the_handlers_counts(tiny_report: Report) -> None:
    for run in tiny_report[1]["pipeline"]:
        inside = sum(state["cpu_s"] for state in run["states"].values())
        assert inside > 0
        assert run["outside_handlers_cpu_s"] > 0
        assert run["cpu_s"] == pytest.approx(inside + run["outside_handlers_cpu_s"], abs=0.01)


def test_the_first_state_starts_before_the_run_ends(tiny_report: Report) -> None:
    for run in tiny_report[1]["pipeline"]:
        assert 0 < run["first_state_s"] < run["wall_s"]


def test_what_does_not_fit_the_memory_is_sorted_within_it(tiny_report: Report) -> None:
    in_memory, on_disk = tiny_report[1]["disk_sorts"]
    assert (
        on_disk["ibd_bytes"] > on_disk["limit_bytes"] / 2
    )  # in memory it takes 2.4 times its size
    assert on_disk["peak_bytes"] <= on_disk["limit_bytes"]
    assert on_disk["n_peaks"] == pytest.approx(50 * in_memory["n_peaks"], rel=0.01)
    goals = [goal["what"] for goal in tiny_report[1]["goals"]]
    assert "sort of 0.16 GB in 0.21 GB: most memory, MB" in goals


def test_yardsticks_are_of_the_same_data(tiny_report: Report) -> None:
    cold, warm, _ = tiny_report[1]["pipeline"]
    loops = [run["yardsticks_cpu_s"].pop("loop_of_1000") for run in (cold, warm)]
    assert loops[0] != loops[1]  # measured after each
    for run, loop_s in zip((cold, warm), loops, strict=True):
        assert run["ratios"]["loop_of_1000"] == pytest.approx(run["cpu_s"] / loop_s, rel=0.01)
    assert cold["yardsticks_cpu_s"] == warm["yardsticks_cpu_s"]
    for name, seconds in cold["yardsticks_cpu_s"].items():
        assert cold["ratios"][name] == pytest.approx(cold["cpu_s"] / seconds, rel=0.01)


def test_every_kernel_file_is_run_against_another_implementation(
    tiny_report: Report, project: Path
) -> None:
    files = [p for p in (project / "benchmarks" / "kernels").glob("*.py") if p.stem != "__init__"]
    results = tiny_report[1]["kernels"]
    assert len({result["kernel"] for result in results}) == len(files)
    for result in results:
        assert next(iter(result["cpu_s"])) == "ionbox"
        assert result["ratios"]


def test_every_goal_is_stated_beside_its_figure(tiny_report: Report) -> None:
    for goal in tiny_report[1]["goals"]:
        reached = goal["measured"] - goal["bound"]
        assert goal["met"] == (reached >= 0 if goal["at_least"] else reached <= 0)


def test_everything_measured_is_printed(tiny_report: Report) -> None:
    printed, report = tiny_report
    names = {run["workload"] for run in report["pipeline"]} | {
        k["kernel"] for k in report["kernels"]
    }
    assert all(name in printed for name in names)
    assert "yardsticks: L " in printed


def run_here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    main()


def test_one_part_can_be_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_here(monkeypatch, "--tiny", "--only", "window_search", "--out", str(tmp_path))
    (written,) = tmp_path.iterdir()
    report = json.loads(written.read_text(encoding="utf-8"))
    assert {kernel["kernel"] for kernel in report["kernels"]} == {"window search"}
    assert report["pipeline"] == []


def test_what_was_foreseen_is_printed_beside_what_was(project: Path) -> None:
    printed = run_benchmarks(project, "--tiny", "--only", "estimate").stdout
    assert "of runs that no rate was fitted on" in printed
    for state in ("PlanRun", "SegmentSpectra", "PublishResults"):
        assert re.search(rf"{state} +\d+\.\d\d +\d+\.\d\d", printed)


def test_what_forecasts_are_tried_on_is_no_workload_that_rates_come_from() -> None:
    assert not set(HELD_OUT) & set(SIMULATIONS)
    assert set(WORKLOADS) <= {*HELD_OUT, *ON_REQUEST}


def test_the_scaling_is_called_a_model_and_has_its_goals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    run_here(monkeypatch, "--only", "scaling")
    printed = capsys.readouterr().out
    assert printed.startswith("A model: ")
    for words in ("21 GB", "64 GB", "from the drop to the mail", "788", "whole run", "Maps alone"):
        assert words in printed


def test_an_unknown_part_is_refused_with_the_names_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SystemExit, match=r"no such part: choas; there are .*chaos"):
        run_here(monkeypatch, "--only", "choas")


def test_figures_of_tiny_inputs_are_not_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_here(monkeypatch, "--tiny", "--record")
    assert "mean nothing" in capsys.readouterr().err


# --- what they are compared with ------------------------------------------------------------------


def test_made_up_formulas_are_as_many_and_as_large_as_those_of_hmdb() -> None:
    formulas = like_hmdb()
    assert formulas == sorted(set(formulas))
    assert len(formulas) == 11_592
    atoms = [parse_formula(formula) for formula in formulas]
    carbons = [each.get("C", 0) for each in atoms]
    # of HMDB: 11, 22 and 43
    assert np.percentile(carbons, [20, 50, 80]) == pytest.approx([11, 22, 43], abs=2)
    share = {element: sum(element in each for each in atoms) / 11_592 for element in "NOPS"}
    assert share == pytest.approx({"N": 0.48, "O": 0.94, "P": 0.15, "S": 0.17}, abs=0.05)


def test_the_same_formulas_are_made_up_every_time() -> None:
    assert like_hmdb(300) == like_hmdb(300)
    assert like_hmdb(300) != like_hmdb(300, seed=1)


# --- history --------------------------------------------------------------------------------------


def test_the_document_has_the_table_of_the_history() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert renew_table(text, read_history()) == text


def test_a_goal_is_kept_in_a_column_there_is() -> None:
    kept = {goal.column for each in SIMULATIONS.values() for goal in each.goals}
    assert kept - {""} <= set(COLUMNS)


def test_a_record_is_a_row_in_the_file_and_in_the_document(tmp_path: Path) -> None:
    path, document = tmp_path / "history.tsv", tmp_path / "performance.md"
    shutil.copy(HISTORY, path)
    shutil.copy(DOCUMENT, document)
    record(
        [Goal("large cold", 74.25, 75, column="large_cold_loops"), Goal("x", 1, 2)], path, document
    )
    *older, newest = read_history(path)
    assert older == read_history()
    assert newest["large_cold_loops"] == "74.2"
    assert newest["large_warm_loops"] == ""
    assert figures_before([*older, newest])["large_cold_loops"] == "74.2"
    assert figures_before([*older, newest])["large_warm_loops"] == older[-1]["large_warm_loops"]
    assert f"| {newest['commit']} |" in document.read_text("utf-8")


def test_a_busy_machine_leaves_wall_clock_times_out(tmp_path: Path) -> None:
    path, document = tmp_path / "history.tsv", tmp_path / "performance.md"
    shutil.copy(HISTORY, path)
    shutil.copy(DOCUMENT, document)
    goals = [Goal("x", 5, 1, column="first_state_s"), Goal("y", 6, 1, column="large_memory_mb")]
    record(goals, path, document, busy=True)
    newest = read_history(path)[-1]
    assert (newest["first_state_s"], newest["large_memory_mb"]) == ("", "6")
