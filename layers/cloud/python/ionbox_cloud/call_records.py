"""What every call writes down about itself, and what it costs on AWS."""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_cloud.json_record import JsonRecord

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
