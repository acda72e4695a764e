"""Measure what code costs, child processes included."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, all processes and threads) and wall-clock seconds."""

    cpu_s: float
    wall_s: float


def measure_in_new_process(function: Callable[..., Result], *arguments: Any) -> tuple[Result, Cost]:
    """Run a function in a fresh interpreter; its start and its imports count."""
    started, cpu_started = time.perf_counter(), _children_cpu_s()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        result = executor.submit(function, *arguments).result()
    # the process has been waited for, as it has waited for its own: the system has counted all
    return result, Cost(_children_cpu_s() - cpu_started, time.perf_counter() - started)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_best(function: Callable[[], Result], repeats: int) -> tuple[Result, float]:
    """Return a function's result and the lowest CPU seconds of several calls in this process."""
    costs = []
    for _ in range(repeats):
        started = time.process_time()
        result = function()
        costs.append(time.process_time() - started)
    return result, min(costs)
