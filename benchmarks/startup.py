"""How long ``ionbox --help`` takes: what everyone waits for who starts a command."""

from __future__ import annotations

from benchmarks.measure import Cost, measure_command
from benchmarks.pipeline import COMMAND

_REPEATS = 5


def measure_help() -> Cost:
    """Return what the fastest of a few calls took; the first one also reads files from disk."""
    costs = [measure_command([*COMMAND, "--help"])[0] for _ in range(_REPEATS)]
    return min(costs, key=lambda cost: cost.wall_s)
