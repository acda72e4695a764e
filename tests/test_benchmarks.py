"""The benchmarks run; how fast is for ``make bench`` to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def tiny_report(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """What ``python -m benchmarks --tiny`` prints, and what it writes."""
    out = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--out", str(out)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (written,) = out.iterdir()
    return done.stdout, json.loads(written.read_text(encoding="utf-8"))


def test_the_pipeline_is_measured_cold_and_with_patterns_cached(tiny_report):
    cold, cached = tiny_report[1]["pipeline"]
    assert (cold["run"], cached["run"]) == ("cold", "cached")
    assert cold["n_annotations"] == cached["n_annotations"] > 0
    assert "GenerateIsotopePatterns" in cold["states_cpu_s"]
    assert "GenerateIsotopePatterns" not in cached["states_cpu_s"]


def test_the_cpu_time_of_workers_counts(tiny_report):
    for run in tiny_report[1]["pipeline"]:
        assert run["cpu_s"] > sum(run["states_cpu_s"].values()) > 0


def test_yardsticks_are_of_the_same_data(tiny_report):
    cold, cached = tiny_report[1]["pipeline"]
    assert cold["yardsticks_cpu_s"] == cached["yardsticks_cpu_s"]
    for name, seconds in cold["yardsticks_cpu_s"].items():
        assert cold["ratios"][name] == pytest.approx(cold["cpu_s"] / seconds, rel=0.01)


def test_every_kernel_file_is_run_against_another_implementation(tiny_report, project):
    files = [p for p in (project / "benchmarks" / "kernels").glob("*.py") if p.stem != "__init__"]
    results = tiny_report[1]["kernels"]
    assert len({result["kernel"] for result in results}) == len(files)
    for result in results:
        assert next(iter(result["cpu_s"])) == "ionbox"
        assert result["ratios"]


def test_everything_measured_is_printed(tiny_report):
    printed, report = tiny_report
    names = {run["workload"] for run in report["pipeline"]} | {
        k["kernel"] for k in report["kernels"]
    }
    assert all(name in printed for name in names)
    assert "yardsticks: cpyMSpec's plain loop" in printed
