"""The functions table, ``statemachine/functions.json``, and how an account's limit clips it.

The local runner reads the same file (``client/ionbox/local/functions.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TABLE = PROJECT / "statemachine" / "functions.json"

MEMORY_TUNING = {"MALLOC_ARENA_MAX": "1"}
"""What the C library reads when a process starts: one arena for all threads. Each further one keeps
what its threads have given back, beside the memory that was planned."""


@dataclass(frozen=True)
class FunctionEntry:
    """One function of the table.

    Attributes
    ----------
    state : str
        The state that calls it, which is also its name.
    handler : str
        What Lambda imports, below ``functions/``.
    rungs_mb : tuple of int
        Memory of each deployed size, MB, lowest first.
    timeout_s : int
        Time limit of a call, seconds.
    layers : tuple of str
        Names of the layers it needs.
    is_ladder : bool
        Whether the table has several rungs, however many an account allows.
    """

    state: str
    handler: str
    rungs_mb: tuple[int, ...]
    timeout_s: int
    layers: tuple[str, ...]
    is_ladder: bool

    def name_of(self, rung_mb: int) -> str:
        """Return the logical id of a rung: ``AnnotateSegments1769``, but ``PlanRun``."""
        return f"{self.state}{rung_mb}" if self.is_ladder else self.state


@dataclass(frozen=True)
class TaskEntry:
    """One Fargate task of the table.

    Attributes
    ----------
    state : str
        The state that starts it.
    entry : str
        The file it runs, below ``functions/``.
    vcpu, memory_mb : int
        Its size: processors, and memory in MB.
    layers : tuple of str
        Names of the layers it needs.
    """

    state: str
    entry: str
    vcpu: int
    memory_mb: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class FunctionsTable:
    """All functions by state, clipped to what an account allows, and all tasks."""

    functions: Mapping[str, FunctionEntry]
    tasks: Mapping[str, TaskEntry]

    @classmethod
    def read(cls, max_lambda_mb: int, path: Path = TABLE) -> FunctionsTable:
        """Read the table and clip its rungs to ``max_lambda_mb``."""
        table = json.loads(path.read_text("utf-8"))
        return cls(
            {
                state: FunctionEntry(
                    state=state,
                    handler=entry["handler"].removesuffix(".py").replace("/", ".")
                    + ".lambda_handler",
                    rungs_mb=clip(entry["rungs_mb"], max_lambda_mb),
                    timeout_s=entry["timeout_s"],
                    layers=tuple(entry["layers"]),
                    is_ladder=len(entry["rungs_mb"]) > 1,
                )
                for state, entry in table["functions"].items()
            },
            {
                state: TaskEntry(
                    state=state,
                    entry=entry["entry"],
                    vcpu=entry["vcpu"],
                    memory_mb=entry["memory_mb"],
                    layers=tuple(entry["layers"]),
                )
                for state, entry in table["tasks"].items()
            },
        )

    @property
    def rungs_mb(self) -> dict[str, list[int]]:
        """Deployed sizes of every function, MB, lowest first: what handlers know as the ladder."""
        return {state: list(entry.rungs_mb) for state, entry in self.functions.items()}


def clip(rungs_mb: list[int], max_lambda_mb: int) -> tuple[int, ...]:
    """Lower every rung to what is allowed, all in MB, and drop those that became equal."""
    return tuple(sorted({min(rung, max_lambda_mb) for rung in rungs_mb}))
