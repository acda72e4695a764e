"""The whole pipeline on a workload: cold, and with isotope patterns cached."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, measure_in_new_process
from benchmarks.workloads import Workload
from benchmarks.yardsticks import Yardsticks, measure_yardsticks


@dataclass(frozen=True)
class PipelineRun:
    """One run of a workload.

    Attributes
    ----------
    workload : Workload
        What was annotated.
    kind : str
        ``cold``, or ``cached``: isotope patterns were there.
    cost : Cost
        Of all processes from start to end: command, interpreter of the state machine, workers.
    states : dict of str to float
        CPU seconds inside the handlers of each state.
    peak_memory_mb : float
        Highest resident memory of any worker.
    n_annotations : int
        Rows of ``annotations.csv``.
    yardsticks : Yardsticks
        Of this workload.
    """

    workload: Workload
    kind: str
    cost: Cost
    states: dict[str, float]
    peak_memory_mb: float
    n_annotations: int
    yardsticks: Yardsticks


def run_pipeline(workload: Workload, folder: Path) -> Iterator[PipelineRun]:
    """Run a workload cold, measure its yardsticks, and run it again with patterns cached."""
    work = folder / f"{workload.name}-work"
    record, cold = measure_in_new_process(_annotate, workload, folder / "out-cold", work)
    yardsticks = measure_yardsticks(workload.imzml, work, record)
    yield _summarise(workload, "cold", cold, record, yardsticks)
    _forget_all_but_patterns(work)
    record, warm = measure_in_new_process(_annotate, workload, folder / "out-warm", work)
    yield _summarise(workload, "cached", warm, record, yardsticks)


def _annotate(workload: Workload, out: Path, work: Path) -> dict[str, Any]:
    from ionbox.annotate import annotate

    outcome = annotate(workload.imzml, workload.databases, out, workload.config, work=work)
    if not outcome.succeeded:
        raise RuntimeError(f"{workload.name} was not annotated: {outcome.status}")
    return outcome.record


def _forget_all_but_patterns(work: Path) -> None:
    shutil.rmtree(work / "results")
    for entry in (work / "work").iterdir():
        if entry.name != "patterns":
            shutil.rmtree(entry)


def _summarise(
    workload: Workload, kind: str, cost: Cost, record: dict[str, Any], yardsticks: Yardsticks
) -> PipelineRun:
    states = record["states"]
    return PipelineRun(
        workload,
        kind,
        cost,
        states={name: state["cpu_s"] for name, state in states.items()},
        peak_memory_mb=max(state["peak_memory_mb"] for state in states.values()),
        n_annotations=record["n_annotations"],
        yardsticks=yardsticks,
    )
