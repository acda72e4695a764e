"""The results as tables for people and as JSON for comparisons over time."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from benchmarks.kernels import KernelResult
from benchmarks.pipeline import PipelineRun

_LIBRARIES = ("numpy", "cpyMSpec", "cpyImagingMSpec", "scipy")


def print_pipeline(runs: Sequence[PipelineRun], console: Console) -> None:
    """Print what each run cost, then the CPU seconds in each state of the cold ones."""
    table = Table(
        "workload",
        "run",
        *_numeric("CPU s", "wall s", "MB", "÷ loop", "÷ argsort", "found"),
        title="Whole pipeline: all processes, against yardsticks",
    )
    for run in runs:
        loop_ratio, argsort_ratio = _ratios(run)
        table.add_row(
            run.workload.name,
            run.kind,
            f"{run.cost.cpu_s:.1f}",
            f"{run.cost.wall_s:.1f}",
            f"{run.peak_memory_mb:.0f}",
            f"{loop_ratio:.2f}",
            f"{argsort_ratio:.1f}",
            str(run.n_annotations),
        )
    console.print(table)
    for line in _notes(runs):
        console.print(line, highlight=False)
    console.print("cold: nothing computed before; cached: isotope patterns are there")
    console.print("MB: most memory of any worker (run.json); found: rows of annotations.csv")
    console.print()
    _print_states([run for run in runs if run.kind == "cold"], console)


def _print_states(runs: Sequence[PipelineRun], console: Console) -> None:
    states = list(dict.fromkeys(state for run in runs for state in run.states))
    by_state = Table(Column("CPU s", no_wrap=True), title="Inside the handlers, cold")
    for run in runs:
        by_state.add_column(run.workload.name, justify="right")
    for state in states:
        cells = (f"{run.states[state]:.2f}" if state in run.states else "" for run in runs)
        by_state.add_row(state, *cells)
    console.print(by_state)


def print_kernels(results: Sequence[KernelResult], console: Console) -> None:
    """Print how many times ionbox's CPU seconds each other contender takes."""
    table = Table("kernel", "input", *_numeric("ionbox CPU s"), "others, times ionbox")
    table.title = "Kernels: same input, same answer"
    for result in results:
        ratios = ", ".join(f"{name} {ratio:.2g}" for name, ratio in result.ratios.items())
        ours = next(iter(result.cpu_s.values()))
        table.add_row(result.title, result.case, f"{ours:.4f}", ratios)
    console.print(table)


def write_json(
    folder: Path, runs: Sequence[PipelineRun], kernels: Sequence[KernelResult], *, tiny: bool
) -> Path:
    """Write everything measured to ``<date>.json``; a later run of the day replaces it."""
    today = date.today().isoformat()
    report = {
        "date": today,
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
        "pipeline": [_pipeline_json(run) for run in runs],
        "kernels": [
            {
                "kernel": k.title,
                "case": k.case,
                "cpu_s": _rounded(k.cpu_s),
                "ratios": _rounded(k.ratios),
            }
            for k in kernels
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{today}{'-tiny' if tiny else ''}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path


def _numeric(*headers: str) -> Iterator[Column]:
    for header in headers:
        yield Column(header, justify="right")


def _ratios(run: PipelineRun) -> tuple[float, float]:
    cpu_s, yardsticks = run.cost.cpu_s, run.yardsticks
    return cpu_s / yardsticks.pattern_loop_s, cpu_s / yardsticks.argsort_s


def _notes(runs: Sequence[PipelineRun]) -> Iterator[str]:
    for run in runs:
        if run.kind != "cold":
            continue
        yardsticks = run.yardsticks
        yield f"{run.workload.name}: {run.workload.note}"
        yield (
            f"  yardsticks: cpyMSpec's plain loop over its {yardsticks.n_ions:,} ions "
            f"{yardsticks.pattern_loop_s:.2f} s (extrapolated), numpy's stable argsort of its "
            f"{yardsticks.n_peaks:,} m/z {yardsticks.argsort_s:.3f} s"
        )
        target = run.workload.target_cpu_s
        if target is not None:
            verdict = "met" if run.cost.cpu_s <= target else "MISSED"
            yield f"  target: at most {target:g} CPU s cold: {verdict} ({run.cost.cpu_s:.1f})"


def _pipeline_json(run: PipelineRun) -> dict[str, Any]:
    loop_ratio, argsort_ratio = _ratios(run)
    yardsticks = run.yardsticks
    return {
        "workload": run.workload.name,
        "note": run.workload.note,
        "run": run.kind,
        "cpu_s": round(run.cost.cpu_s, 3),
        "wall_s": round(run.cost.wall_s, 3),
        "target_cpu_s": run.workload.target_cpu_s if run.kind == "cold" else None,
        "peak_memory_mb": run.peak_memory_mb,
        "states_cpu_s": run.states,
        "n_annotations": run.n_annotations,
        "n_ions": yardsticks.n_ions,
        "n_peaks": yardsticks.n_peaks,
        "yardsticks_cpu_s": _rounded(
            {"pattern_loop": yardsticks.pattern_loop_s, "argsort": yardsticks.argsort_s}
        ),
        "ratios": _rounded({"pattern_loop": loop_ratio, "argsort": argsort_ratio}),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in values.items()}
