"""What calls cost, from their records; the formula, with arithmetic, is in the manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ionbox_cloud.prices import gigabyte_seconds, read_prices

FARGATE_STATE = "SortSpectra"

# Fargate's own steps: vCPUs that come with so much memory (MB).
_VCPUS = ((30_720, 4), (61_440, 8), (122_880, 16))


def call_dollars(record: Mapping[str, Any]) -> float:
    """Return what one recorded call cost: its memory for as long as it took, and its start.

    Parameters
    ----------
    record : mapping
        ``state``, ``rung_mb`` (MB) and ``duration_s`` of the call.
    """
    prices = read_prices()
    memory_mb, duration_s = int(record["rung_mb"]), float(record["duration_s"])
    transitions = prices.transitions(1)
    if record["state"] == FARGATE_STATE:
        size = _vcpus(memory_mb), memory_mb, prices.fargate_free_disk_gb
        return transitions + prices.fargate_task(duration_s, *size)
    return transitions + prices.lambda_calls(gigabyte_seconds(duration_s, memory_mb), 1)


def total_dollars(records: Iterable[Mapping[str, Any]]) -> float:
    """Return what several recorded calls cost."""
    return sum(map(call_dollars, records))


def _vcpus(memory_mb: float) -> int:
    return next((vcpus for top_mb, vcpus in _VCPUS if memory_mb <= top_mb), _VCPUS[-1][1])
