"""`ionbox annotate` in processes of their own, which need not load all libraries each time.

A command is a fork of this process, in which undisturbed runs have loaded the libraries: most of
what a run of the tiny dataset takes. Its workers and its sort task are started as ever. What comes
before, from the shell to the last import, is disturbed by
``tests/end_to_end/test_cancelled_runs.py``.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from ionbox.cli.main import main
from ionbox.local import machine
from ionbox.local.functions import IONBOX

from tests.remembered import remember_models

STUCK_S = 900.0
"""A command that takes a CPU second or two and has not ended after this never will."""

HEARTBEAT_S = 8.0
"""A task that was killed is noticed after so long a silence, instead of half a minute."""

TRIAL = "IONBOX_TRIAL"
"""Environment variable by which the processes that a command starts are found."""

_FORK = multiprocessing.get_context("fork")

Prepare = Callable[[], None]
"""Is called in the new process before the command begins."""


class Stuck(Exception):  # noqa: N818 (an outcome)
    """A command that did not end."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, what it said, its results."""

    code: int
    said: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class Command:
    """A command that was started."""

    process: ForkProcess
    said: int  # the pipe with its standard error

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process.is_alive()

    def end(self) -> tuple[int, str]:
        """Wait for its end; return exit code and standard error.

        Raises
        ------
        Stuck
            If the end does not come; the command is killed.
        """
        self.process.join(STUCK_S)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join(STUCK_S)
        os.set_blocking(self.said, False)  # what it started may still hold the other end
        with os.fdopen(self.said, "rb") as pipe:
            said = (pipe.read() or b"").decode("utf-8", "replace")
        if code is None:
            raise Stuck(f"no end after {STUCK_S:.0f} s: {said[-2000:]}")
        return code, said


def run_here(arguments: Sequence[str]) -> int:
    """Run a command in this process, so that all later ones find loaded what it has loaded."""
    hook, code = sys.excepthook, None
    try:
        main(arguments)
    except SystemExit as end:
        code = end.code
    sys.excepthook = hook  # this program's own errors are no user's
    assert threading.active_count() == 1, threading.enumerate()  # a fork would lose the others
    assert isinstance(code, int)
    return code


def hasten(definition: Path) -> None:
    """Let all commands from here on wait for a second before a call is tried again.

    Parameters
    ----------
    definition
        Where that state machine is written.
    """
    document = json.loads(IONBOX.definition.read_text("utf-8"))
    for retrier in _retriers(document):
        retrier |= {"IntervalSeconds": 1, "BackoffRate": 1}
    definition.write_text(json.dumps(document), "utf-8")
    project = replace(IONBOX, definition=definition)
    machine.run_execution = partial(machine.run_execution, project=project, heartbeat_s=HEARTBEAT_S)
    remember_models()


def _retriers(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every retrier of a state machine, wherever its states are."""
    if isinstance(value, dict):
        yield from value.get("Retry", ())
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _retriers(part)


def start(arguments: Sequence[str], trial: str, prepare: Prepare | None = None) -> Command:
    """Start a command in a process of its own; what it starts knows of which trial it is."""
    sys.stdout.flush()  # else both would write what is left in the buffer
    ours, theirs = os.pipe()
    process = _FORK.Process(target=_run, args=(arguments, trial, prepare, theirs))
    process.start()
    os.close(theirs)
    return Command(process, ours)


def _run(arguments: Sequence[str], trial: str, prepare: Prepare | None, said: int) -> None:
    os.environ[TRIAL] = trial
    for number in (signal.SIGTERM, signal.SIGHUP):  # whatever this process was told, as by nohup
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, file in ((0, nothing), (1, nothing), (2, said)):
        os.dup2(file, descriptor)
    os.close(said)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    if prepare is not None:
        prepare()
    main(arguments)


def limit_files(n_bytes: int) -> Prepare:
    """Let no file grow beyond a limit: a full disk, as far as a program can tell."""

    def prepare() -> None:
        # Python 3.11 keeps what it could write of a compiled module, and reads it the next time
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return prepare


_DAC_OVERRIDE = 1  # to write where the mode says otherwise; numbers of linux/capability.h
_CAPABILITY_VERSION = 0x20080522
_DROP_FROM_BOUNDING_SET = 24  # of linux/prctl.h


def obey_modes() -> None:
    """Give up what lets root write into read-only folders, for this process and its workers."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    libc.prctl(_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE, 0, 0, 0)  # those who are not root have none
    sets[0] &= ~(1 << _DAC_OVERRIDE)
    sets[1] &= ~(1 << _DAC_OVERRIDE)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
