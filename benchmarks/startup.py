"""How long ``ionbox --help`` takes: what everyone waits for who starts a command."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Cost, measure_command
from benchmarks.pipeline import COMMAND
from benchmarks.yardsticks import measure_loop

_REPEATS = 5


@dataclass(frozen=True)
class HelpCost:
    """What ``ionbox --help`` takes, and L at the time, in CPU seconds."""

    cost: Cost
    loop_s: float


def measure_help(*, tiny: bool) -> HelpCost:
    """Return what the fastest of a few calls took; the first one also reads files from disk."""
    n_calls, n_formulas = (1, 10) if tiny else (_REPEATS, 1000)
    costs = [measure_command([*COMMAND, "--help"])[0] for _ in range(n_calls)]
    return HelpCost(min(costs, key=lambda cost: cost.wall_s), measure_loop(n_formulas))
