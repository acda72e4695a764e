"""Goals: what was measured, next to the bound that was asked for and to what it was before.

In: the results of pipeline runs, kernels, colocalization and ``ionbox --help``. Out: one `Goal` per
figure that has a bound. The bounds of workloads and kernels stand beside these; the others, here.
CPU time is counted in L (`benchmarks.yardsticks.measure_loop`), which hardly depends on the
machine; wall-clock time of starting up in seconds and in L, memory in MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.colocalization import ColocalizationCost
from benchmarks.disk_sorting import MOST_TIMES_PER_PEAK, DiskSortCost, times_per_peak
from benchmarks.kernels import KernelResult
from benchmarks.pipeline import PipelineRun
from benchmarks.startup import HelpCost

MAX_HELP_S = 0.3
"""Wall-clock seconds of ``ionbox --help``."""
MAX_FIRST_STATE_S = 1.0
"""Wall-clock seconds from the command to the start of a run's first state."""
LOOP_THEN_S = 0.216
"""L, in CPU seconds, when bounds in wall-clock seconds were stated."""
MAX_COLOCALIZATION_LOOPS = 100
"""Colocalization of 10,000 images, in L."""

_NAMES = {
    "loops": "whole run, L",
    "annotate_loops": "AnnotateSegments, L",
    "publish_loops": "PublishResults per 1,000 annotations, L",
    "wall_s": "wall s",
    "wall_loops": "wall time in L",
    "file_copies": "wall time in copies of the ibd",
    "peak_memory_mb": "most memory of any worker, MB",
    "memory_off_plan_percent": "memory off the plan, worst state, %",
}


@dataclass(frozen=True)
class Goal:
    """One figure and its bound.

    Attributes
    ----------
    what : str
        What was measured, and its unit, in words.
    measured, bound : float
        The figure and its bound, in that unit.
    at_least : bool
        Whether the bound is a lower one, not an upper one.
    column : str
        Column of ``history.tsv`` that keeps the figure; empty if none does.
    engine : str
        What METASPACE's engine takes for the same, if it was measured, with its unit.
    """

    what: str
    measured: float
    bound: float
    at_least: bool = False
    column: str = ""
    engine: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def list_goals(
    runs: Sequence[PipelineRun],
    kernels: Sequence[KernelResult],
    help_cost: HelpCost | None,
    colocalization: ColocalizationCost | None,
    disk_sorts: Sequence[DiskSortCost],
) -> Iterator[Goal]:
    """Yield the goals of everything that was measured."""
    for run in runs:
        for goal in run.workload.goals:
            if goal.kind == run.kind:
                what = f"{run.workload.name} {run.kind}: {_NAMES[goal.quantity]}"
                measured = getattr(run, goal.quantity)
                yield Goal(what, measured, goal.at_most, column=goal.column, engine=goal.engine)
    if runs:
        slowest = max(runs, key=lambda run: run.first_state_s)
        what = "command to first state, slowest run"
        measured = slowest.first_state_s
        yield Goal(f"{what}, wall s", measured, MAX_FIRST_STATE_S, column="first_state_s")
        yield _in_loops(what, measured, slowest.loop_s, MAX_FIRST_STATE_S)
    if colocalization is not None:
        what = f"colocalization of {colocalization.n_images:,} images, L"
        yield Goal(what, colocalization.loops, MAX_COLOCALIZATION_LOOPS, column="colocalize_loops")
    if help_cost is not None:
        what, measured = "ionbox --help", help_cost.cost.wall_s
        yield Goal(f"{what}, wall s", measured, MAX_HELP_S)
        yield _in_loops(what, measured, help_cost.loop_s, MAX_HELP_S)
    for cost, times in list(zip(disk_sorts, times_per_peak(disk_sorts), strict=True))[1:]:
        what = f"sort of {cost.ibd_bytes / 1e9:.2g} GB in {cost.limit_bytes / 1e9:.2g} GB"
        yield Goal(f"{what}, time per peak, times that of the smallest", times, MOST_TIMES_PER_PEAK)
        yield Goal(f"{what}: most memory, MB", cost.peak_bytes / 1e6, cost.limit_bytes / 1e6)
    for kernel in kernels:
        for rival, at_least in kernel.goals.items():
            what = f"{kernel.title}: {rival}, times ionbox"
            yield Goal(what, kernel.median_ratio(rival), at_least, at_least=True)


def _in_loops(what: str, measured_s: float, loop_s: float, bound_s: float) -> Goal:
    """Return a goal in wall-clock seconds as one in L."""
    bound = float(f"{bound_s / LOOP_THEN_S:.2g}")
    return Goal(f"{what}, wall time in L", measured_s / loop_s, bound)
