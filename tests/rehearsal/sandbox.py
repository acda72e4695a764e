"""Processes in a root of their own, as Lambda and Fargate start them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_S, RUN_S
from tests.rehearsal.abilities import RUNTIME, look
from tests.rehearsal.limits import Limits, find_hierarchy

_ENTER = Path(__file__).with_name("enter_root.sh")
MB_PER_PROCESSOR = 1769  # of a function's memory
_SEARCHED = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib"

IMAGE = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": f"{_SEARCHED}:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}
"""Variables that AWS's Python image sets."""


@dataclass(frozen=True)
class Place:
    """What a process sees.

    Attributes
    ----------
    kind : str
        ``lambda`` or ``fargate``.
    root : Path
        An empty folder to hang its root on.
    code : Path
        What is in ``/var/task``; of a Fargate task, nothing.
    layers : tuple of Path
        What is in ``/opt``.
    tmp : Path
        What is ``/tmp`` of a Fargate task; a function has one in memory.
    """

    kind: str
    root: Path
    code: Path
    layers: tuple[Path, ...]
    tmp: Path


class Sandbox:
    """A running process with its limits.

    Parameters
    ----------
    place : Place
        What it sees.
    command : sequence of str
        What runs; its program is a path as in AWS's image.
    variables : mapping
        All its variables, beside those of the image.
    memory_mb : int
        Memory, MB; the processor's share follows from it as on Lambda.
    log : Path
        Gets what it prints.
    """

    def __init__(
        self,
        place: Place,
        command: Sequence[str],
        variables: Mapping[str, str],
        memory_mb: int,
        log: Path,
    ) -> None:
        hierarchy = find_hierarchy()
        self._limits = None
        if hierarchy is not None:
            self._limits = Limits(hierarchy, memory_mb, memory_mb / MB_PER_PROCESSOR)
        whole = {**IMAGE, **variables}
        if not look().has_roots:
            command, whole = _without_root(place, command, whole)
        words = [
            *(self._limits.joining if self._limits else []),
            *(_entering(place) if look().has_roots else []),
            *("env", "-i", *(f"{name}={value}" for name, value in whole.items())),
            *command,
        ]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=place.code if not look().has_roots else None,
                start_new_session=True,
            )

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def exit_code(self) -> int:
        """Wait for its end, and return the exit code."""
        return self._process.wait(RUN_S)

    @property
    def is_alive(self) -> bool:
        return self.poll() is None

    @property
    def peak_mb(self) -> float:
        """Most memory so far, MB; 0 if nobody counts."""
        return self._limits.peak_mb if self._limits else 0.0

    def signal(self, number: int) -> None:
        """Send a signal to it and all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Kill it, and take its limits away."""
        self.signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)
        if self._limits:
            self._limits.remove()


def _entering(place: Place) -> list[str]:
    layers = ":".join(map(str, place.layers))
    folders = [place.root, look().python, RUNTIME, place.code, layers, place.tmp]
    return ["unshare", "-m", str(_ENTER), place.kind, *map(str, folders), "--"]


def _without_root(
    place: Place, command: Sequence[str], variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Translate paths of AWS's image to those of this machine."""
    python = str(look().python)
    paths = [*(str(layer / "python") for layer in place.layers), str(RUNTIME)]
    moved = {
        name: value.replace("/var/lang", python).replace("/var/runtime", str(RUNTIME))
        for name, value in variables.items()
    }
    moved["PYTHONPATH"] = ":".join(paths if place.kind == "lambda" else [str(RUNTIME)])
    moved["LAMBDA_TASK_ROOT"] = str(place.code)
    moved["TMPDIR"] = str(place.tmp)
    moved["IONBOX_TASK_FOLDER"] = str(place.tmp / "ionbox")
    return [command[0].replace("/var/lang", python), *command[1:]], moved
