"""How fast this machine is: a fixed piece of work, whose time on the machine of the rates is known.

Half of it numpy's, half the interpreter's, as in a run; a few hundredths of a second, once in a
process.
"""

from __future__ import annotations

import functools
import json
import time

import numpy as np

from ionbox_cloud.planning.rate_table import Rates

_N_VALUES = 60_000
_N_ROWS = 6_000
_TURNS = 2


@functools.cache  # a process that plans many runs stays on one machine
def measure_yardstick() -> float:
    """Return the CPU seconds of the yardstick on this machine: the least of two turns."""
    values = np.random.default_rng(1).random(_N_VALUES)
    rows = json.dumps([{"item": n, "name": f"C{n}H{n}"} for n in range(_N_ROWS)])
    return min(_turn(values, rows) for _ in range(_TURNS))


def _turn(values: np.ndarray[tuple[int], np.dtype[np.float64]], rows: str) -> float:
    started = time.process_time()
    np.argsort(values, kind="stable")
    sum(row["item"] for row in json.loads(rows))
    return time.process_time() - started


def speed_factor(rates: Rates) -> float:
    """Return how many times as long this machine computes as that of the rates."""
    return measure_yardstick() / rates.yardstick_s
