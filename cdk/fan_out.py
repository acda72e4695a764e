"""How far Maps fan out: how many calls at once, and what their items run as.

Items of a Map are executions of Step Functions of their own: EXPRESS ones are started ten times as
fast and cost a tenth, but end after five minutes, whatever happens to them; STANDARD ones may take
as long as they like. So ``auto`` has EXPRESS where two attempts at a call that hangs fit into that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cdk.functions_table import PROJECT
from cdk.settings import StackSettings

DEFINITION = PROJECT / "statemachine" / "annotate.asl.json"

EXPRESS_S = 300
"""What an EXPRESS execution may take; source: AWS Step Functions, quotas, 2026-11."""

_ATTEMPTS = 2  # at a call that timed out: the state machine repeats it once
_RECORD_S = 30  # left to climb the memory ladder, and to write down that an item failed


def child_types(settings: StackSettings) -> dict[str, str]:
    """Return what the items of each Map run as, by the Map's name."""
    kind = settings.child_execution_type
    machine = json.loads(DEFINITION.read_text("utf-8"))
    return {
        name: _choose(state, name) if kind == "auto" else kind for name, state in _maps(machine)
    }


def placeholders(settings: StackSettings) -> dict[str, str]:
    """Return what fills the definition's ``${…Children}``."""
    return {f"{name}Children": kind for name, kind in child_types(settings).items()}


def environment(settings: StackSettings) -> dict[str, str]:
    """Return the variable by which handlers know how far Maps fan out."""
    kinds = child_types(settings)
    fan_out = {
        "n_workers": settings.map_concurrency,
        "express": [name for name, kind in kinds.items() if kind == "EXPRESS"],
    }
    return {"IONBOX_FAN_OUT": json.dumps(fan_out, separators=(",", ":"))}


def _choose(state: Mapping[str, Any], name: str) -> str:
    limit_s = state["ItemProcessor"]["States"][f"{name}Item"]["TimeoutSeconds"]
    return "EXPRESS" if _ATTEMPTS * limit_s + _RECORD_S <= EXPRESS_S else "STANDARD"


def _maps(machine: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all Maps, those in branches included."""
    for name, state in machine["States"].items():
        if state["Type"] == "Map":
            yield name, state
        for branch in state.get("Branches", []):
            yield from _maps(branch)
