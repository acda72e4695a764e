"""The memory ladder: the sizes at which functions are deployed, and where a call starts on it.

A call that runs out of memory goes one rung up; the state machine does that.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass

from ionbox_cloud.settings import RUNGS_VARIABLE, read_json_setting

OUT_OF_MEMORY = frozenset(
    {"Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError", "Lambda.Unknown"}
)
"""What a function that lacks memory fails with, as the state machine sees it."""

# What the plan expects is a fit; a call that climbs has cost money for nothing.
_MARGIN = 1.1


@dataclass(frozen=True)
class Ladder:
    """Sizes of the functions of every state, in MB, lowest first."""

    rungs_mb: Mapping[str, tuple[int, ...]]

    @classmethod
    def from_environment(cls) -> Ladder:
        """Read the ladder of this deployment.

        Raises
        ------
        InvalidMessage
            If the environment does not have it.
        """
        table = read_json_setting(RUNGS_VARIABLE)
        return cls({state: tuple(rungs) for state, rungs in table.items()})

    def start_rung(self, state: str, memory_mb: int) -> int:
        """Return the lowest rung that should do for what a call is expected to need."""
        rungs = self.rungs_mb[state]
        return min(bisect.bisect_left(rungs, memory_mb * _MARGIN), len(rungs) - 1)

    def top_mb(self, state: str) -> int:
        """Return the largest size of a state's function."""
        return self.rungs_mb[state][-1]

    def fits(self, state: str, memory_mb: int) -> bool:
        """Say whether the largest size should do."""
        return memory_mb * _MARGIN <= self.top_mb(state)

    def climbs(self, state: str, start_rung: int, rung_mb: int) -> int:
        """Return how many rungs a call went up from where it started."""
        return max(0, bisect.bisect_left(self.rungs_mb[state], rung_mb) - start_rung)
