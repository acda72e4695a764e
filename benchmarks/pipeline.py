"""The whole pipeline on a workload: cold, warm with isotope patterns cached, and finished.

In: a workload (dataset, database, settings). Out: what the command ``ionbox annotate`` cost, state
by state as far as its run record says, and how many annotations it made.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ionbox_cloud import keys
from ionbox_cloud.store import Store

from benchmarks.measure import Cost, measure_command
from benchmarks.workloads import Workload
from benchmarks.yardsticks import Yardsticks, measure_loop, measure_yardsticks

COMMAND = (sys.executable, "-c", "from ionbox.cli.main import main; main()")
"""The command ``ionbox``, without its script, which need not be installed."""


@dataclass(frozen=True)
class PipelineRun:
    """One run of a workload.

    Attributes
    ----------
    workload : Workload
        What was annotated.
    kind : str
        ``cold`` if nothing had been computed before, ``warm`` if isotope patterns were cached,
        ``finished`` if the same run was there already.
    cost : Cost
        What all processes took from start to end: command, interpreter of the state machine,
        workers.
    states : dict of str to dict
        What the calls of each state cost together, by the keys of ``run.json``.
    first_state_s : float
        Wall-clock seconds from the command to the first state's start.
    n_annotations : int
        Rows of ``annotations.csv``.
    yardsticks : Yardsticks
        What other libraries take for fixed work on this workload.
    loop_s : float
        L right after the run, CPU seconds: see `benchmarks.yardsticks.measure_loop`.
    """

    workload: Workload
    kind: str
    cost: Cost
    states: dict[str, dict[str, float]]
    first_state_s: float
    n_annotations: int
    yardsticks: Yardsticks
    loop_s: float

    @property
    def cpu_s(self) -> float:
        return self.cost.cpu_s

    @property
    def loops(self) -> float:
        """CPU seconds of everything, in L (`benchmarks.yardsticks.measure_loop`)."""
        return self.cpu_s / self.loop_s

    @property
    def annotate_loops(self) -> float:
        """CPU seconds of the state that makes images and metrics of all ions, in L."""
        return self.states["AnnotateSegments"]["cpu_s"] / self.loop_s

    @property
    def publish_loops(self) -> float:
        """CPU seconds of PublishResults for every 1,000 annotations, in L."""
        cpu_s = self.states["PublishResults"]["cpu_s"]
        return cpu_s * 1000 / max(self.n_annotations, 1) / self.loop_s

    @property
    def wall_s(self) -> float:
        return self.cost.wall_s

    @property
    def wall_loops(self) -> float:
        """Wall-clock seconds in L, which is CPU seconds: the same work on one free core."""
        return self.wall_s / self.loop_s

    @property
    def file_copies(self) -> float:
        """Wall-clock seconds in those of a copy of the ibd."""
        return self.wall_s / self.yardsticks.file_copy_s

    @property
    def peak_memory_mb(self) -> float:
        """Highest resident memory of any worker, in MB."""
        return max(state["peak_memory_mb"] for state in self.states.values())

    @property
    def memory_off_plan_percent(self) -> float:
        """How far a worker's memory is from what was planned for it, in %, in the worst state."""
        planned = [state for state in self.states.values() if state.get("planned_memory_mb")]
        ratios = (state["peak_memory_mb"] / state["planned_memory_mb"] for state in planned)
        return max((abs(ratio - 1) * 100 for ratio in ratios), default=0.0)

    @property
    def outside_cpu_s(self) -> float:
        """CPU seconds outside the handlers: starting, importing, interpreting, copying results."""
        return self.cpu_s - sum(state["cpu_s"] for state in self.states.values())


def run_pipeline(workload: Workload, folder: Path, n_formulas: int = 1000) -> Iterator[PipelineRun]:
    """Run a workload in all its ways; measure L after each, and its yardsticks after the first.

    ``n_formulas`` is how many L is measured by.
    """
    work, yardsticks = folder / "work", None
    environment = {**os.environ}
    if workload.is_first:
        environment["XDG_CACHE_HOME"] = str(folder / "cache")
    for kind in workload.kinds:
        if kind == "warm":
            _forget_all_but_patterns(work)
        out = folder / kind
        cost, lines = measure_command(_annotate(workload, out, work), environment)
        record, status = (_read_json(out / name) for name in ("run.json", "status.json"))
        computed = {} if kind == "finished" else record["states"]
        states = computed | _uncounted(work, status["execution_id"])
        yardsticks = yardsticks or measure_yardsticks(workload.imzml, work, record)
        yield PipelineRun(
            workload,
            kind,
            cost,
            states=states,
            first_state_s=_first_start_s(lines, states),
            n_annotations=record["n_annotations"],
            yardsticks=yardsticks,
            loop_s=measure_loop(n_formulas),
        )


def _uncounted(work: Path, execution_id: str) -> dict[str, dict[str, float]]:
    """Return what the first and the last state cost.

    PublishResults writes the run record and so is not in it; of a run that is finished already, the
    record tells what it cost when it was computed.
    """
    store, states = Store.open((work / "work").resolve().as_uri()), ("PlanRun", "PublishResults")
    return {state: store.read_json(keys.record(execution_id, state, 0)) for state in states}


def _annotate(workload: Workload, out: Path, work: Path) -> list[str]:
    arguments = ("annotate", workload.imzml, "--database", workload.database)
    options = ("--config", workload.config, "--out", out, "--work", work)
    return [*COMMAND, *map(str, arguments), *map(str, options)]


def _first_start_s(
    lines: Sequence[tuple[float, str]], states: dict[str, dict[str, float]]
) -> float:
    """Return when the first state started: when its line says that it ended, less its duration."""
    for ended, line in lines:
        for word in line.split()[:2]:  # the first is the number of the step
            if word in states:
                return ended - states[word]["duration_s"]
    raise RuntimeError(f"no line of standard error names a state: {lines}")


def _forget_all_but_patterns(work: Path) -> None:
    # Results too: the same run would otherwise be found done.
    shutil.rmtree(work / "results")
    for entry in (work / "work").iterdir():
        if entry.name != "patterns":
            shutil.rmtree(entry)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
