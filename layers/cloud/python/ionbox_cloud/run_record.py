"""What is written down about a run: what it took, with which versions, how it ended."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ionbox_science import SCIENCE_VERSION, __version__

from ionbox_cloud import keys
from ionbox_cloud.handlers import CallRecord
from ionbox_cloud.store import Store


def versions() -> dict[str, str]:
    """Return the versions of what decides a result."""
    return {
        "ionbox": __version__,
        "science": SCIENCE_VERSION,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }


def summarise_calls(
    work: Store, execution_id: str, planned_mb: Mapping[str, int]
) -> dict[str, dict[str, float]]:
    """Add up the calls of each state of an execution: items, time, memory.

    Parameters
    ----------
    work : Store
        The work bucket.
    execution_id : str
        Which execution.
    planned_mb : mapping of str to int
        Memory that the plan expects of states that are not Maps.
    """
    states: dict[str, dict[str, float]] = {}
    for key in work.list(keys.records(execution_id)):
        record = CallRecord.from_json(work.read_json(key))
        total = states.setdefault(
            record.state,
            {
                "items": 0,
                "duration_s": 0.0,
                "cpu_s": 0.0,
                "peak_memory_mb": 0.0,
                "planned_memory_mb": planned_mb.get(record.state, 0),
            },
        )
        total["items"] += 1
        total["duration_s"] = round(total["duration_s"] + record.duration_s, 4)
        total["cpu_s"] = round(total["cpu_s"] + record.cpu_s, 4)
        total["peak_memory_mb"] = max(total["peak_memory_mb"], record.peak_memory_mb)
        total["planned_memory_mb"] = max(total["planned_memory_mb"], record.planned_mb)
    return states


def write_status(results: Store, execution_id: str, status: dict[str, Any]) -> None:
    """Write how an execution ended."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    results.write_json(
        keys.status(execution_id), {"execution_id": execution_id, "ended": ended, **status}
    )
