"""The state machine's file, filled in and adapted for one machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ionbox.local.errors import InvalidDefinition
from ionbox.local.functions import Function

WORK_BUCKET = "work"

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_INVOKE = "arn:aws:states:::lambda:invoke"

State = dict[str, Any]


def placeholder_values(functions: Mapping[str, Function]) -> dict[str, str]:
    """Return what stands for each placeholder on this machine: function ARNs and the rest."""
    first_rungs: dict[str, str] = {}
    for function in functions.values():
        first_rungs.setdefault(function.state, function.arn)
    return first_rungs | {"ChildExecutionType": "STANDARD", "WorkBucket": WORK_BUCKET}


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replace every ``${Name}`` of the state machine's file.

    Raises
    ------
    InvalidDefinition
        When a placeholder has no value; the message names all of them.
    """
    missing = sorted({name for name in _PLACEHOLDER.findall(text) if name not in values})
    if missing:
        raise InvalidDefinition(
            f"The state machine has placeholders that nothing fills: {', '.join(missing)}. "
            "Each must be a function of the functions table, ChildExecutionType or WorkBucket."
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def adapt_to_machine(definition: str, n_workers: int) -> str:
    """Adapt a filled state machine to a machine that runs ``n_workers`` calls at once.

    A Map starts no more items than keep the workers busy: the rest would only wait as threads.
    And since calls wait for a worker here, which they never do on AWS, states have no time limit
    of their own: the pool enforces each function's limit from when its call really starts.
    """
    machine = json.loads(definition)
    for state in _states(machine):
        if state["Type"] == "Map" and "MaxConcurrencyPath" not in state:
            # 0 and no limit are the same; twice the workers, so that none waits for its next item
            state["MaxConcurrency"] = min(state.get("MaxConcurrency") or 1000, 2 * n_workers)
        if state.get("Resource") == _INVOKE:
            state.pop("TimeoutSeconds", None)
            state.pop("TimeoutSecondsPath", None)
    return json.dumps(machine)


def _states(machine: Mapping[str, Any]) -> Iterator[State]:
    for state in machine["States"].values():
        yield state
        for branch in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from _states(branch)
