"""Measure what code and commands cost: CPU and wall-clock seconds, child processes included."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

_ROUNDS = 3  # calls of each function; the fastest counts
_ENOUGH_S = 3.0
_COPIED_MB = 512  # far more than any cache holds
_MB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, all processes and threads) and wall-clock seconds."""

    cpu_s: float
    wall_s: float


def measure_command(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[Cost, list[tuple[float, str]]]:
    """Run a command; the start of its interpreter and all processes it starts count.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    environment : mapping, optional
        All environment variables; those of this process if not given. Python keeps compiled modules
        in any case, as it does for whoever does not forbid it.

    Returns
    -------
    cost : Cost
        From start to end.
    lines : list of (float, str)
        Wall-clock seconds since the start, and the line that was written to standard error then.

    Raises
    ------
    RuntimeError
        If the command ends with a status other than 0.
    """
    environment = {**(os.environ if environment is None else environment)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started, cpu_started = time.perf_counter(), _children_cpu_s()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        lines = [(time.perf_counter() - started, line) for line in process.stderr]
    # the process has been waited for, as it has waited for its own: the system has counted all
    cost = Cost(_children_cpu_s() - cpu_started, time.perf_counter() - started)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{''.join(line for _, line in lines)}")
    return cost, lines


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_side_by_side(
    contenders: Sequence[Callable[[], Result]], n_rounds: int = _ROUNDS
) -> tuple[list[Result], list[float]]:
    """Return each function's result and its lowest CPU seconds of up to three calls.

    Functions take turns, so that a busy spell of the machine hits all of them. One that has used
    three seconds is not called again. Threads count, child processes do not.
    """
    results: list[Result] = []
    costs: list[list[float]] = [[] for _ in contenders]
    for round_number in range(n_rounds):
        for function, spent in zip(contenders, costs, strict=True):
            if sum(spent) > _ENOUGH_S:
                continue
            started = time.process_time()
            result = function()
            spent.append(time.process_time() - started)
            if round_number == 0:
                results.append(result)
            del result  # a large one, before the next is made
    return results, [min(spent) for spent in costs]


def is_busy() -> bool:
    """Say whether as many processes as there are cores were at work in the last minute."""
    return os.getloadavg()[0] >= (os.cpu_count() or 1)


def measure_copy_gb_s(*, tiny: bool) -> float:
    """Return how much numpy copies from array to array, in GB (10^9 bytes) per CPU second.

    Each byte, read once and written once, counts once.
    """
    source = np.ones((1 if tiny else _COPIED_MB) * _MB // 8)
    target = np.zeros_like(source)
    _, (cpu_s,) = measure_side_by_side([lambda: np.copyto(target, source)])
    return source.nbytes / cpu_s / 1e9
