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

from ionbox.local.errors import InvalidDefinition, UnknownFunction

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


IONBOX = Project.at(Path(__file__).resolve().parents[3])


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
    memory_mb, timeout_s : int
        What it may use.
    """

    state: str
    name: str
    handler: Path
    memory_mb: int
    timeout_s: float

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


def read_functions(project: Project) -> dict[str, Function]:
    """Read the functions table.

    Returns
    -------
    dict
        Functions by name. A function with several rungs stands there once per rung
        (``annotate_segments-5120``) and, at its first rung, under its plain name.
    """
    try:
        entries = json.loads(project.table.read_text(encoding="utf-8"))["functions"]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidDefinition(
            f"Cannot read the functions table {project.table}: {error}"
        ) from error
    functions: dict[str, Function] = {}
    for state, entry in entries.items():
        for function in _rungs(state, entry, project.handlers):
            functions.setdefault(function.name, function)
    return functions


def _rungs(state: str, entry: Mapping[str, Any], handlers: Path) -> list[Function]:
    try:
        path = handlers / entry["handler"]
        first, *others = entry["rungs_mb"]
        timeout_s = entry["timeout_s"]
    except (KeyError, ValueError) as error:
        raise InvalidDefinition(
            f"Function {state} needs a handler, at least one of rungs_mb, and timeout_s; "
            f"it has {dict(entry)}."
        ) from error
    plain = Function(state, path.parent.name, path, first, timeout_s)
    if not others:
        return [plain]
    ladder = [
        Function(state, f"{plain.name}-{memory_mb}", path, memory_mb, timeout_s)
        for memory_mb in [first, *others]
    ]
    return [plain, *ladder]


def find_function(functions: Mapping[str, Function], reference: str) -> Function:
    """Return the function a Lambda request means.

    Parameters
    ----------
    functions
        Functions by name.
    reference
        Name, ``name:qualifier``, partial or full ARN, percent-encoded or not.
    """
    name = unquote(reference).rpartition("function:")[2].partition(":")[0]
    if name not in functions:
        raise UnknownFunction(
            f"No function is called {name!r}. The table has: {', '.join(sorted(functions))}."
        )
    return functions[name]
