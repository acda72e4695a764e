"""A run's seconds and dollars: its states put together as the state machine does.

::

    PlanRun → sorting ─┬→ PlanAnnotation → AnnotateSegments → EstimateFdr → RenderImages ─┬→ Publish
            → patterns ┘                                                                  │
            → ChecksumIbd (many calls, and no checksum stated) ───────────────────────────┘

Where m/z are recalibrated, PlanRecalibration and MeasureMzErrors come before PlanAnnotation.
Nothing is taken to be there already: a run that finds segments or patterns takes less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ionbox_cloud.forecast.calls import StateWork, count_work
from ionbox_cloud.forecast.counts import RunCounts
from ionbox_cloud.forecast.machines import Machine
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.call_memory import plan_calls, publish_memory_mb
from ionbox_cloud.planning.rate_table import Rates, read_rate_table
from ionbox_cloud.run_plan import Forecast, RunPlan, SortPlan, StateForecast

TASK = "SortSpectra"
CHECKSUM = "ChecksumIbd"
BRANCHES: Mapping[str, tuple[str, ...]] = {
    "lambda": ("SegmentSpectra",),
    "map": ("SortSpans", "PlanMerge", "MergeSegments", "FinishSegments"),
    "fargate": (TASK,),
}
"""States of sorting, one after the other, by the way of sorting."""

PATTERNS = ("BuildIons", "GenerateIsotopePatterns")
FIRST_PASS = ("PlanRecalibration", "MeasureMzErrors")
AFTER = ("PlanAnnotation", "AnnotateSegments", "EstimateFdr", "RenderImages")

TRANSITIONS: Mapping[str, int] = {
    # Begin, Aim, the call, Keep, ChooseReuse; and PrepareInputs, around its branches
    "PlanRun": 6,
    "SegmentSpectra": 3,
    "SortSpectra": 2,
    "SortSpans": 4,
    "PlanMerge": 3,
    "MergeSegments": 2,
    "FinishSegments": 2,
    "BuildIons": 2,
    "GenerateIsotopePatterns": 2,
    "PlanRecalibration": 3,
    "MeasureMzErrors": 1,
    "PlanAnnotation": 3,
    "AnnotateSegments": 1,
    "EstimateFdr": 3,
    "RenderImages": 1,
    "PublishResults": 3,
}
"""Transitions that wait for one another, with each state: what leads to it, it, what follows."""

_PARTS = {
    "start_s": "starting",
    "wait_s": "requests",
    "move_s": "bytes to and from storage",
    "compute_s": "computing",
}


def make_forecast(
    plan: RunPlan, counts: RunCounts, rates: Rates, ladder: Ladder, machine: Machine
) -> Forecast:
    """Tell how long a run takes and what it costs.

    Parameters
    ----------
    plan : RunPlan
        What was decided.
    counts : RunCounts
        What there is to do.
    rates : Rates
        How fast things go.
    ladder : Ladder
        Sizes of the functions.
    machine : Machine
        Where it runs.
    """
    needed = {state: call.memory_mb for state, call in plan_calls(plan, ladder).items()}
    needed["PublishResults"] = publish_memory_mb(plan, counts.n_annotated)
    works = count_work(plan, counts, rates, needed, machine.fan)
    states = {state: _forecast_state(work, plan.sort, machine) for state, work in works.items()}
    sorting = [states[state] for state in BRANCHES[plan.sort.way]]
    patterns = [states[state] for state in PATTERNS]
    branches_s = machine.side_by_side([sorting, patterns])
    is_sort_longer = sum(s.seconds for s in sorting) >= sum(s.seconds for s in patterns)
    branch = BRANCHES[plan.sort.way] if is_sort_longer else PATTERNS
    after = (*FIRST_PASS, *AFTER) if plan.config.recalibrate else AFTER
    beside_s = branches_s + sum(states[state].seconds for state in after)
    between = _count_transitions([*branch, *after])
    beside_s += machine.around(between) if machine.on_aws else 0.0
    path: tuple[str, ...] = ("PlanRun", *branch, *after, "PublishResults")
    if CHECKSUM in states and states[CHECKSUM].seconds > beside_s:
        beside_s, path = states[CHECKSUM].seconds, ("PlanRun", CHECKSUM, "PublishResults")
    ends = ["PlanRun", "PublishResults"]
    seconds = beside_s + sum(states[state].seconds for state in ends)
    seconds += machine.around(_count_transitions(ends))
    dollars = sum(state.dollars for state in states.values())
    dollars += sum(_price_workflow(name, state, machine) for name, state in states.items())
    date, _ = read_rate_table()
    return Forecast(
        seconds=round(seconds, 1),
        dollars=round(dollars, 6),
        n_workers=machine.n_workers,
        on_aws=machine.on_aws,
        states={state: _rounded(found) for state, found in states.items()},
        path=path,
        floor=_find_floor(path, states),
        rates=date,
    )


def _price_workflow(name: str, state: StateForecast, machine: Machine) -> float:
    """Return the dollars of what the state machine does around the calls of a state."""
    if machine.fan is None or name not in machine.fan.express:
        return machine.prices.transitions(state.calls)
    # an item takes no longer than its Map
    return state.calls * machine.prices.express_child(state.seconds)


def _forecast_state(work: StateWork, sort: SortPlan, machine: Machine) -> StateForecast:
    if work.state == TASK and machine.on_aws:  # the plan has chosen it by these
        return StateForecast(
            1,
            sort.predicted_seconds,
            sort.predicted_seconds,
            sort.predicted_dollars,
            compute_s=sort.predicted_seconds,
        )
    return machine.forecast(work)


def _count_transitions(states: Sequence[str]) -> int:
    return sum(TRANSITIONS[state] for state in states)


def _find_floor(path: Sequence[str], states: Mapping[str, StateForecast]) -> str:
    """Name the state on the path that takes longest, and what most of it is."""
    longest = max(path, key=lambda state: states[state].seconds)
    part = max(_PARTS, key=lambda name: getattr(states[longest], name))
    return f"{longest}: {_PARTS[part]}"


def _rounded(found: StateForecast) -> StateForecast:
    names = ("seconds", "duration_s", "start_s", "wait_s", "move_s", "compute_s")
    rounded = {name: round(getattr(found, name), 4) for name in names}
    return replace(found, **rounded, dollars=round(found.dollars, 8))
