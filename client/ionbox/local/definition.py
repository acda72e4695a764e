"""The state machine's file, filled in and adapted for one machine.

``statemachine/annotate.asl.json`` comes in as text and goes to the interpreter as text; CDK fills
the same placeholders for AWS (``cdk/workflow.py``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ionbox.local.errors import InvalidDefinition
from ionbox.local.functions import FargateTask, Function, functions_by_state

WORK_BUCKET = "work"

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
# Resource of the tasks that call a function.
_INVOKE = "arn:aws:states:::lambda:invoke"
# Resource of the tasks that run a Fargate task: AWS has two, the interpreter knows the second only.
# The first fails at once if ECS has no room for a task; the second would wait for its heartbeat.
_RUN_TASK = "arn:aws:states:::ecs:runTask.waitForTaskToken"
_RUN_TASK_HERE = "arn:aws:states:::aws-sdk:ecs:runTask.waitForTaskToken"
# How errors of ECS are called by either; `AmazonECS.Unknown` is of the first alone.
_ECS_ERRORS = {"ECS.AmazonECSException": "Ecs.EcsException"}
_ECS_ERROR, _ECS_ERROR_HERE = "ECS.", "Ecs."

MAPS = (
    *("SortSpans", "MergeSegments"),
    *("GenerateIsotopePatterns", "MeasureMzErrors", "AnnotateSegments"),
    *("RenderImages", "CompareImages"),
)
"""States that call a function once for each item of a list."""

# By state, the placeholder of its task definition.
_TASKS = {"SortSpectra": "SortTask"}
# Placeholders of what is something on AWS, and only a name or a number here.
_ELSEWHERE = {
    # the interpreter knows no other items of Maps
    **dict.fromkeys((f"{state}Children" for state in MAPS), "STANDARD"),
    "WorkBucket": WORK_BUCKET,
    "MapConcurrency": "1000",  # `adapt_to_machine` limits Maps by the workers there are
    "Cluster": "local",
    "Subnets": "subnet-local",
    "SecurityGroup": "sg-local",
    "AssignPublicIp": "ENABLED",
}

State = dict[str, Any]


def placeholder_values(
    functions: Mapping[str, Function], tasks: Mapping[str, FargateTask]
) -> dict[str, str]:
    """Return what stands for each placeholder on this machine.

    That of a function is the ARNs of its rungs, lowest first, joined by commas.
    """
    rungs = functions_by_state(functions)
    task_definitions = {_TASKS[task.state]: task.arn for task in tasks.values()}
    return (
        {state: ",".join(rung.arn for rung in rungs[state]) for state in rungs}
        | task_definitions
        | _ELSEWHERE
    )


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
            "Each must be a function or task of the functions table, or one of "
            f"{', '.join(sorted(_ELSEWHERE))}."
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def adapt_to_machine(definition: str, n_workers: int, heartbeat_s: float) -> str:
    """Adapt a filled state machine to a machine that runs ``n_workers`` calls at once.

    A Map starts no more items than keep the workers busy: the rest would only wait as threads.
    And since calls wait for a worker here, which they never do on AWS, states have no time limit
    of their own: the pool enforces each function's limit from when its call really starts.
    A task starts in no time and near its state machine, so that a shorter silence, of
    ``heartbeat_s``, is enough to know that it is dead.
    What is there for people, comments and spaces, is left out: the interpreter's parser takes as
    long over it as over the rest.
    """
    machine = json.loads(definition)
    machine.pop("Comment", None)
    for state in each_state(machine):
        state.pop("Comment", None)
        if state["Type"] == "Map":
            # 0 and no limit are the same; twice the workers, so that none waits for its next item
            state["MaxConcurrency"] = min(state.get("MaxConcurrency") or 1000, 2 * n_workers)
            state.pop("MaxConcurrencyPath", None)
        if state.get("Resource") == _INVOKE:
            state.pop("TimeoutSeconds", None)
            state.pop("TimeoutSecondsPath", None)
        if adapt_task(state):
            state["HeartbeatSeconds"] = min(state["HeartbeatSeconds"], math.ceil(heartbeat_s))
    return json.dumps(machine, separators=(",", ":"))


def adapt_task(state: State) -> bool:
    """Write a state that runs a Fargate task as the interpreter wants it.

    Returns
    -------
    bool
        Whether it is one; any other is left as it is.
    """
    if state.get("Resource") != _RUN_TASK:
        return False
    state["Resource"] = _RUN_TASK_HERE
    for entry in [*state.get("Retry", []), *state.get("Catch", [])]:
        entry["ErrorEquals"] = [_rename_error(name) for name in entry["ErrorEquals"]]
    # AWS wants the parameters capitalised, the interpreter as ECS has them
    state["Parameters"] = _uncapitalise(state["Parameters"])
    return True


def _rename_error(name: str) -> str:
    """Write an error of ECS as the interpreter has it; any other is left as it is."""
    if name.startswith(_ECS_ERROR):
        return _ECS_ERRORS.get(name, _ECS_ERROR_HERE + name.removeprefix(_ECS_ERROR))
    return name


def _uncapitalise(value: Any) -> Any:
    """Write the keys of a parameter and of all in it with a small first letter."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _uncapitalise(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_uncapitalise(each) for each in value]
    return value


def each_state(machine: Mapping[str, Any]) -> Iterator[State]:
    """Yield all states, those in branches and Maps included."""
    for state in machine["States"].values():
        yield state
        for branch in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from each_state(branch)
