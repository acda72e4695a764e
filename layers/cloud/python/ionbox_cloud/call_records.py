"""What every call writes down about itself; costs and progress are made from it.

`ionbox_cloud.handlers.run_step` writes a record when a step has succeeded;
`ionbox_cloud.records.run_totals` adds them up for ``run.json`` and ``status.json``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ionbox_cloud.environment import USUAL_ARCHITECTURE
from ionbox_cloud.json_record import PublishedRecord

TASK = "SortSpectra"
"""The state that is a Fargate task."""


@dataclass(frozen=True)
class CallRecord(PublishedRecord):
    """What one call took.

    Attributes
    ----------
    state : str
        The state, or the task's.
    item : int
        Of a Map; 0 for other states.
    duration_s, cpu_s : float
        Seconds of wall clock and of processor, of all threads.
    peak_memory_mb : float
        Highest resident memory of the process during the call, MB; where the system cannot tell
        (macOS): since the process started.
    planned_mb : int
        What the plan expected it to need, MB; 0 if the message did not say.
    rung_mb : int
        Memory of the function or task, MB.
    init_s : float
        Seconds that Lambda took to start the process, if this was its first call; else 0. Billed,
        and no part of ``duration_s``.
    architecture : str
        Of its processor, by Lambda's name; prices go by it.
    is_express : bool
        Whether it is an item of a Map whose items run as EXPRESS executions.
    """

    state: str
    item: int
    duration_s: float
    cpu_s: float
    peak_memory_mb: float
    planned_mb: int
    rung_mb: int
    init_s: float = 0.0
    architecture: str = USUAL_ARCHITECTURE
    is_express: bool = False

    @property
    def billed_s(self) -> float:
        """Seconds that are paid for."""
        return self.duration_s + self.init_s
