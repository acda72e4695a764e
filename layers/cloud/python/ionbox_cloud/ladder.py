"""The memory ladder: the sizes at which functions are deployed, and where a call starts on it.

A Lambda function has one memory size, so each size (rung) is a function of its own. The plan
predicts what a call needs and picks the rung; a call that runs out of memory all the same goes one
rung up, which the state machine does. Rungs are counted from 0, the smallest.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass

from ionbox_cloud.environment import RUNGS_VARIABLE, read_json_variable

OUT_OF_MEMORY = frozenset(
    {"Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError", "Lambda.Unknown"}
)
"""What a function that lacks memory fails with, as the state machine sees it."""

# Predictions are fits, a few per cent off either way; a call that climbs was paid for nothing.
_MARGIN = 1.1


@dataclass(frozen=True)
class Ladder:
    """Sizes of the functions of every state.

    Attributes
    ----------
    rungs_mb : mapping of str to tuple of int
        By state, in MB, lowest first.
    """

    rungs_mb: Mapping[str, tuple[int, ...]]

    @classmethod
    def from_environment(cls) -> Ladder:
        """Read the ladder of this deployment.

        Raises
        ------
        InvalidMessage
            If the variable is not set, or is not JSON.
        """
        table = read_json_variable(RUNGS_VARIABLE)
        return cls({state: tuple(rungs) for state, rungs in table.items()})

    def start_rung(self, state: str, memory_mb: int) -> int:
        """Return the lowest rung that should do for ``memory_mb``, else the highest there is."""
        rungs = self.rungs_mb[state]
        return min(bisect.bisect_left(rungs, memory_mb * _MARGIN), len(rungs) - 1)

    def top_mb(self, state: str) -> int:
        """Return the largest size of a state's function, MB."""
        return self.rungs_mb[state][-1]

    def fits(self, state: str, memory_mb: int) -> bool:
        """Say whether the largest size should do for ``memory_mb``."""
        return memory_mb * _MARGIN <= self.top_mb(state)

    def most_mb(self, state: str) -> int:
        """Return the most that a call may be expected to need, MB, for the largest size to do."""
        return int(self.top_mb(state) / _MARGIN)

    def climbs(self, state: str, start_rung: int, rung_mb: int) -> int:
        """Return how many rungs a call went up from where it started to ``rung_mb``."""
        return max(0, bisect.bisect_left(self.rungs_mb[state], rung_mb) - start_rung)
