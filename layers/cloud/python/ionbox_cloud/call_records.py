"""What every call writes down about itself, and what it costs on AWS."""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.planning.prices import gigabyte_seconds, read_prices
from ionbox_cloud.planning.sort_plan import SortPlan

TASK = "SortSpectra"
"""The state that is a Fargate task."""


@dataclass(frozen=True)
class CallRecord(JsonRecord):
    """What one call cost; ``item`` is 0 for states that are not Maps.

    ``peak_memory_mb`` is the highest resident memory of the worker during the call (where the
    system cannot tell: so far), ``planned_mb`` what the plan expected (0 if it did not say),
    ``rung_mb`` what it was given.
    """

    state: str
    item: int
    duration_s: float
    cpu_s: float
    peak_memory_mb: float
    planned_mb: int
    rung_mb: int


def price_call(call: CallRecord, sort: SortPlan | None) -> float:
    """Return the price of a call on AWS; what the state machine does around it is not in it.

    Parameters
    ----------
    call : CallRecord
        What it took.
    sort : SortPlan or None
        How the run's dataset was sorted: the size of its task, if it had one.
    """
    if call.state == TASK and sort:
        return read_prices().fargate_task(call.duration_s, sort.vcpu, call.rung_mb, sort.disk_gb)
    return read_prices().lambda_calls(gigabyte_seconds(call.duration_s, call.rung_mb), 1)
