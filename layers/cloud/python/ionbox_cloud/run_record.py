"""What is written down about a run: what it took, with which versions, how it ended."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ionbox_science import SCIENCE_VERSION, __version__

from ionbox_cloud import keys
from ionbox_cloud.call_records import TASK, CallRecord
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.prices import gigabyte_seconds, price_call, read_prices
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

_SORT_ALL = {"SegmentSpectra", TASK}


def versions() -> dict[str, str]:
    """Return the versions of what decides a result."""
    return {
        "ionbox": __version__,
        "science": SCIENCE_VERSION,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }


@dataclass(frozen=True)
class StateTotals(JsonRecord):
    """What the calls of one state took together.

    Attributes
    ----------
    items : int
        Calls that succeeded.
    duration_s, cpu_s : float
        Sums.
    peak_memory_mb, planned_memory_mb : float, int
        The most that one call took, and that the plan expected of one.
    climbs : int
        Rungs of the memory ladder that calls went up: each is a call that was killed.
    gb_s : float
        Memory of the function or task times duration.
    dollars : float
        Their price on AWS, by `ionbox_cloud.planning.prices`.
    """

    items: int
    duration_s: float
    cpu_s: float
    peak_memory_mb: float
    planned_memory_mb: int
    climbs: int
    gb_s: float
    dollars: float


def total_states(work: Store, execution_id: str, plan: RunPlan | None) -> dict[str, StateTotals]:
    """Add up the calls of each state of an execution, as far as it came.

    Parameters
    ----------
    work : Store
        The work bucket.
    execution_id : str
        Which execution.
    plan : RunPlan or None
        Its plan, if it has one.
    """
    calls: dict[str, list[CallRecord]] = {}
    for key in work.list(keys.records(execution_id)):
        record = CallRecord.from_json(work.read_json(key))
        calls.setdefault(record.state, []).append(record)
    ladder = Ladder.from_environment()
    return {state: _total(records, plan, ladder) for state, records in calls.items()}


def _total(calls: Sequence[CallRecord], plan: RunPlan | None, ladder: Ladder) -> StateTotals:
    planned_mb = plan.sort.memory_mb if plan and calls[0].state in _SORT_ALL else 0
    return StateTotals(
        items=len(calls),
        duration_s=round(sum(call.duration_s for call in calls), 4),
        cpu_s=round(sum(call.cpu_s for call in calls), 4),
        peak_memory_mb=max(call.peak_memory_mb for call in calls),
        planned_memory_mb=max(planned_mb, *(call.planned_mb for call in calls)),
        climbs=sum(_climbs(call, planned_mb, ladder) for call in calls),
        gb_s=round(sum(gigabyte_seconds(call.duration_s, call.rung_mb) for call in calls), 4),
        dollars=round(sum(price_call(call, plan.sort if plan else None) for call in calls), 8),
    )


def _climbs(call: CallRecord, planned_mb: int, ladder: Ladder) -> int:
    if call.state not in ladder.rungs_mb:
        return 0
    start = ladder.start_rung(call.state, planned_mb or call.planned_mb)
    return ladder.climbs(call.state, start, call.rung_mb)


def bill(states: Mapping[str, StateTotals], *, on_aws: bool) -> dict[str, Any]:
    """Return what a run cost, or would have cost on AWS.

    Calls that were killed, storage and its requests are not in it.
    """
    prices = read_prices()
    n_calls = sum(total.items for total in states.values())
    calls = sum(total.dollars for total in states.values())
    return {
        "dollars": round(calls + prices.transitions(n_calls), 6),
        "gb_s": round(sum(total.gb_s for total in states.values()), 3),
        "requests": n_calls,
        "workflow_dollars": round(prices.transitions(n_calls), 6),
        "states": {
            state: {"gb_s": total.gb_s, "requests": total.items, "dollars": total.dollars}
            for state, total in states.items()
        },
        "on_aws": on_aws,
        "prices": f"{prices.source}, {prices.date}",
    }


def write_status(results: Store, execution_id: str, status: dict[str, Any]) -> None:
    """Write how an execution ended."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    results.write_json(
        keys.status(execution_id), {"execution_id": execution_id, "ended": ended, **status}
    )
