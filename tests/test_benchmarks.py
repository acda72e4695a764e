"""The benchmarks run; how fast is for ``make bench`` to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def test_the_pipeline_is_measured_cold_and_warm(tiny_report: Report) -> None:
    cold, warm = tiny_report[1]["pipeline"]
    assert (cold["run"], warm["run"]) == ("cold", "warm")
    assert cold["n_annotations"] == warm["n_annotations"] > 0
    assert "GenerateIsotopePatterns" in cold["states"]
    assert "GenerateIsotopePatterns" not in warm["states"]


def test_everything_outside_the_handlers_counts(tiny_report: Report) -> None:
    for run in tiny_report[1]["pipeline"]:
        inside = sum(state["cpu_s"] for state in run["states"].values())
        assert inside > 0
        assert run["outside_handlers_cpu_s"] > 0
        assert run["cpu_s"] == pytest.approx(inside + run["outside_handlers_cpu_s"], abs=0.01)


def test_the_first_state_starts_before_the_run_ends(tiny_report: Report) -> None:
    for run in tiny_report[1]["pipeline"]:
        assert 0 < run["first_state_s"] < run["wall_s"]


def test_yardsticks_are_of_the_same_data(tiny_report: Report) -> None:
    cold, warm = tiny_report[1]["pipeline"]
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
    assert "yardsticks: cpyMSpec's plain loop" in printed


def test_one_part_can_be_run_alone(project: Path, tmp_path: Path) -> None:
    done = run_benchmarks(project, "--tiny", "--only", "chaos", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.iterdir()
    report = json.loads(written.read_text(encoding="utf-8"))
    assert {kernel["kernel"] for kernel in report["kernels"]} == {"chaos"}
    assert report["pipeline"] == []


def test_an_unknown_part_is_refused_with_the_names_there_are(project: Path) -> None:
    done = run_benchmarks(project, "--only", "choas")
    assert done.returncode != 0
    assert "no such part: choas" in done.stderr
    assert "chaos" in done.stderr.partition("there are")[2]
