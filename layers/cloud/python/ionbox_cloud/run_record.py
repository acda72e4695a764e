"""What is written down about a run: what it took, with which versions, how it ended."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

from ionbox_science import SCIENCE_VERSION, __version__

from ionbox_cloud import keys
from ionbox_cloud.handlers import CallRecord
from ionbox_cloud.store import Store


def versions() -> dict[str, str]:
    """Return the versions of everything that decides a result."""
    return {
        "ionbox": __version__,
        "science": SCIENCE_VERSION,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "cpyMSpec": importlib.metadata.version("cpyMSpec"),
    }


def summarise_calls(work: Store, execution_id: str) -> dict[str, dict[str, float]]:
    """Add up the calls of each state of an execution: items, time, memory."""
    states: dict[str, dict[str, float]] = {}
    for key in work.list(keys.records(execution_id)):
        record = CallRecord.from_json(work.read_json(key))
        total = states.setdefault(
            record.state, {"items": 0, "duration_s": 0.0, "cpu_s": 0.0, "peak_memory_mb": 0.0}
        )
        total["items"] += 1
        total["duration_s"] = round(total["duration_s"] + record.duration_s, 4)
        total["cpu_s"] = round(total["cpu_s"] + record.cpu_s, 4)
        total["peak_memory_mb"] = max(total["peak_memory_mb"], record.peak_memory_mb)
    return states


def write_status(results: Store, execution_id: str, status: dict[str, Any]) -> None:
    """Write how an execution ended."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    results.write_json(
        keys.status(execution_id), {"execution_id": execution_id, "ended": ended, **status}
    )
