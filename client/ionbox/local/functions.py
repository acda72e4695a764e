"""The functions table: each function's name, handler, memory and time limit.

One file, ``statemachine/functions.json``, says it for the deployment, the planner and this runner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ionbox.checkout import ROOT
from ionbox.local.errors import InvalidDefinition, UnknownFunction

# Of the ARNs that the interpreter wants to see; 123456789012 is moto's account.
REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Project:
    """Where the state machine and its functions are.

    Attributes
    ----------
    definition, table, handlers : Path
        The state machine, the functions table, and the folder that holds the functions' folders.
    """

    definition: Path
    table: Path
    handlers: Path

    @classmethod
    def at(cls, root: Path) -> Project:
        """Return the project laid out as in this repository."""
        statemachine = root / "statemachine"
        return cls(
            definition=statemachine / "annotate.asl.json",
            table=statemachine / "functions.json",
            handlers=root / "functions",
        )


IONBOX = Project.at(ROOT)
"""ionbox's own state machine; tests have others."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function at one memory size.

    Attributes
    ----------
    state : str
        Its key in the table: the name of the state that calls it.
    name : str
        Its folder's name, followed by ``-<memory_mb>`` for the rungs of a memory ladder.
    handler : Path
        The file that defines ``lambda_handler``.
    memory_mb : int
        Memory it may use, MB.
    timeout_s : float
        Time a call may take, seconds.
    """

    state: str
    name: str
    handler: Path
    memory_mb: int
    timeout_s: float

    @property
    def arn(self) -> str:
        """ARN by which states call it."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class FargateTask:
    """A step that runs in a container of its own, here in a process of its own.

    Attributes
    ----------
    state : str
        Its key in the table: the name of the state that starts it.
    name : str
        Name of the folder with its code.
    entry : Path
        The file that is run.
    vcpu, memory_mb : int
        Its size on AWS: processors, and memory in MB.
    """

    state: str
    name: str
    entry: Path
    vcpu: int
    memory_mb: int

    @property
    def arn(self) -> str:
        """ARN of its task definition."""
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{self.name}:1"


def read_functions(project: Project, *, max_lambda_mb: int | None = None) -> dict[str, Function]:
    """Read the functions of the functions table, at all their memory sizes.

    Parameters
    ----------
    project
        Where the table is.
    max_lambda_mb
        Most memory of a function, MB: every rung above it becomes this one; None leaves the table
        as it is.

    Returns
    -------
    dict
        Functions by name, rungs from low to high. A function with several rungs stands there once
        per rung (``annotate_segments-5120``).

    Raises
    ------
    InvalidDefinition
        When the table cannot be read, or a function in it lacks handler, rungs or time limit.
    """
    functions: dict[str, Function] = {}
    for state, entry in _read_table(project).get("functions", {}).items():
        for function in _rungs(state, entry, project.handlers, max_lambda_mb):
            functions[function.name] = function
    return functions


def read_tasks(project: Project) -> dict[str, FargateTask]:
    """Read the tasks of the functions table, by name.

    Raises
    ------
    InvalidDefinition
        When the table cannot be read, or a task in it lacks entry or size.
    """
    tasks: dict[str, FargateTask] = {}
    for state, entry in _read_table(project).get("tasks", {}).items():
        try:
            path = project.handlers / entry["entry"]
            size = entry["vcpu"], entry["memory_mb"]
        except KeyError as error:
            raise InvalidDefinition(
                f"Task {state} needs entry, vcpu and memory_mb; it has {dict(entry)}."
            ) from error
        tasks[path.parent.name] = FargateTask(state, path.parent.name, path, *size)
    return tasks


def _read_table(project: Project) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads(project.table.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidDefinition(
            f"Cannot read the functions table {project.table}: {error}"
        ) from error
    return table


def _rungs(
    state: str, entry: Mapping[str, Any], handlers: Path, max_lambda_mb: int | None
) -> list[Function]:
    try:
        path = handlers / entry["handler"]
        # rungs that the limit makes equal become one, as on AWS
        lowest, *others = sorted({min(mb, max_lambda_mb or mb) for mb in entry["rungs_mb"]})
        timeout_s = entry["timeout_s"]
    except (KeyError, ValueError) as error:
        raise InvalidDefinition(
            f"Function {state} needs a handler, at least one of rungs_mb, and timeout_s; "
            f"it has {dict(entry)}."
        ) from error
    name = path.parent.name
    if not others:
        return [Function(state, name, path, lowest, timeout_s)]
    return [
        Function(state, f"{name}-{memory_mb}", path, memory_mb, timeout_s)
        for memory_mb in [lowest, *others]
    ]


def functions_by_state(functions: Mapping[str, Function]) -> dict[str, list[Function]]:
    """Return each state's functions, lowest rung first."""
    by_state: dict[str, list[Function]] = {}
    for function in functions.values():
        by_state.setdefault(function.state, []).append(function)
    return by_state


def find_function(functions: Mapping[str, Function], reference: str) -> Function:
    """Return the function a Lambda request means.

    Parameters
    ----------
    functions
        What `read_functions` returned.
    reference
        Name, ``name:qualifier``, partial or full ARN, percent-encoded or not.

    Raises
    ------
    UnknownFunction
        When the table has no function of that name.
    """
    name = unquote(reference).rpartition("function:")[2].partition(":")[0]
    if name not in functions:
        raise UnknownFunction(
            f"No function is called {name!r}. The table has: {', '.join(sorted(functions))}."
        )
    return functions[name]
