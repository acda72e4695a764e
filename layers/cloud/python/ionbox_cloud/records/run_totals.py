"""What the calls of an execution took together, what that costs, and how the execution ended.

PublishResults and ReportFailure read the call records that every call left in the work bucket, add
them up per state, and write the sum into ``run.json`` and ``status.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ionbox_cloud import keys
from ionbox_cloud.call_records import TASK, CallRecord
from ionbox_cloud.environment import read_architecture
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.prices import gigabyte_seconds, price_call, price_workflow, read_prices
from ionbox_cloud.records.run_record import Bill, RunStatus, StateBill, StateTotals
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

# Messages of these do not say what they should need: it is in the plan.
_SORT_ALL = {"SegmentSpectra", TASK}
_PLANNING = "PlanRun"


def read_calls(work: Store, execution_id: str) -> list[CallRecord]:
    """Read what the calls of an execution wrote down, as far as it came."""
    written = work.read_many_json(work.list(keys.records(execution_id)))
    # None is one half written when its process was killed
    return [CallRecord.from_json(record) for record in written if record is not None]


def total_states(work: Store, execution_id: str, plan: RunPlan | None) -> dict[str, StateTotals]:
    """Add up the calls of each state of an execution, as far as it came; see `add_up`."""
    return add_up(read_calls(work, execution_id), plan)


def add_up(calls: Sequence[CallRecord], plan: RunPlan | None) -> dict[str, StateTotals]:
    """Add up the calls of each state of an execution.

    Parameters
    ----------
    calls : sequence of CallRecord
        What `read_calls` returns.
    plan : RunPlan or None
        Its plan, if it has one.

    Returns
    -------
    dict
        State → totals, for the states that have been called.
    """
    by_state: dict[str, list[CallRecord]] = {}
    for call in calls:
        by_state.setdefault(call.state, []).append(call)
    ladder = Ladder.from_environment()
    return {state: _total(records, plan, ladder) for state, records in by_state.items()}


def _total(calls: Sequence[CallRecord], plan: RunPlan | None, ladder: Ladder) -> StateTotals:
    planned_mb = _planned_mb(calls[0].state, plan)
    return StateTotals(
        items=len(calls),
        duration_s=round(sum(call.duration_s for call in calls), 4),
        cpu_s=round(sum(call.cpu_s for call in calls), 4),
        peak_memory_mb=max(call.peak_memory_mb for call in calls),
        planned_memory_mb=max(planned_mb, *(call.planned_mb for call in calls)),
        climbs=sum(_climbs(call, planned_mb, ladder) for call in calls),
        gb_s=round(sum(gigabyte_seconds(call.billed_s, call.rung_mb) for call in calls), 4),
        dollars=round(sum(price_call(call, plan.sort if plan else None) for call in calls), 8),
        workflow_dollars=round(sum(map(price_workflow, calls)), 8),
    )


def _planned_mb(state: str, plan: RunPlan | None) -> int:
    """Return what the plan itself says of a state; 0 if it does not."""
    if plan is None:
        return 0
    if state in _SORT_ALL:
        return plan.sort.memory_mb
    return plan.planning_mb if state == _PLANNING else 0


def _climbs(call: CallRecord, planned_mb: int, ladder: Ladder) -> int:
    if call.state not in ladder.rungs_mb:  # the Fargate task
        return 0
    start = ladder.start_rung(call.state, planned_mb or call.planned_mb)
    return ladder.climbs(call.state, start, call.rung_mb)


def bill(states: Mapping[str, StateTotals], *, on_aws: bool) -> Bill:
    """Return what calls cost, or would have cost on AWS, with what the state machine does."""
    prices = read_prices(read_architecture())  # of the run: all its functions are of one
    n_calls = sum(total.items for total in states.values())
    calls = sum(total.dollars for total in states.values())
    workflow = sum(total.workflow_dollars for total in states.values())
    return Bill(
        dollars=round(calls + workflow, 6),
        gb_s=round(sum(total.gb_s for total in states.values()), 3),
        requests=n_calls,
        workflow_dollars=round(workflow, 6),
        states={
            state: StateBill(total.gb_s, total.items, total.dollars)
            for state, total in states.items()
        },
        on_aws=on_aws,
        prices=f"{prices.source}, {prices.date}",
    )


def write_status(results: Store, status: RunStatus) -> None:
    """Write the status of an execution; it ended now, whatever ``status`` says of the time."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    results.write_json(keys.status(status.execution_id), replace(status, ended=ended).to_json())
