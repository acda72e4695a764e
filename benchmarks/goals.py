"""Goals: what was measured, next to the bound that was asked for.

In: the results of pipeline runs, kernels and ``ionbox --help``. Out: one `Goal` per figure that has
a bound. The bounds of workloads and kernels stand beside these; those of starting up, here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.kernels import KernelResult
from benchmarks.measure import Cost
from benchmarks.pipeline import PipelineRun

MAX_HELP_S = 0.3
"""Wall-clock seconds of ``ionbox --help``."""
MAX_FIRST_STATE_S = 3.0
"""Wall-clock seconds from the command to the start of a run's first state."""

_NAMES = {
    "cpu_s": "whole run, CPU s",
    "annotate_cpu_s": "AnnotateSegments, CPU s",
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
    engine : float or None
        What METASPACE's engine takes for the same, if that is known.
    """

    what: str
    measured: float
    bound: float
    at_least: bool = False
    engine: float | None = None

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def list_goals(
    runs: Sequence[PipelineRun], kernels: Sequence[KernelResult], help_cost: Cost | None
) -> Iterator[Goal]:
    """Yield the goals of everything that was measured."""
    for run in runs:
        for goal in run.workload.goals:
            if goal.kind == run.kind:
                what = f"{run.workload.name} {run.kind}: {_NAMES[goal.quantity]}"
                yield Goal(what, getattr(run, goal.quantity), goal.at_most, engine=goal.engine)
    for kernel in kernels:
        for rival, at_least in kernel.goals.items():
            what = f"{kernel.title}: {rival}, times ionbox"
            yield Goal(what, kernel.median_ratio(rival), at_least, at_least=True)
    if help_cost is not None:
        yield Goal("ionbox --help, wall s", help_cost.wall_s, MAX_HELP_S)
    if runs:
        slowest = max(run.first_state_s for run in runs)
        yield Goal("command to first state, slowest run, wall s", slowest, MAX_FIRST_STATE_S)
