"""A handler that does what its event says; the toy project has it under many names."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ionbox.local.runtime import LambdaContext
from ionbox_science.progress import report_progress

KEPT: list[bytearray] = []


class InvalidDataset(Exception):  # noqa: N818 (named like the real one)
    pass


def lambda_handler(given: object, context: LambdaContext) -> dict[str, Any]:
    event = do(given if isinstance(given, dict) else {"value": given})
    return {
        "value": event.get("value"),
        "pid": os.getpid(),
        "function": context.function_name,
        "environment": {name: os.environ.get(name) for name in event.get("environment", [])},
        "context": {name: getattr(context, name) for name in event.get("context", [])},
        "remaining_ms": context.get_remaining_time_in_millis(),
        "stdin": sys.stdin.read() if event.get("read_stdin") else None,
        "text": "x" * event.get("n_characters", 0),
        "anything": {1, 2} if event.get("no_json") else None,
    }


def do(event: dict[str, Any]) -> dict[str, Any]:
    """Do what an event says, and return it: with what this turn adds, if it has turns."""
    if "turns" in event:
        event |= event["turns"][count_line(event["counter"])]
    for name, act in ACTS.items():
        if name in event:
            act(event[name])
    return event


def append_line(path: str) -> None:
    with Path(path).open("a") as lines:
        lines.write(f"{os.getpid()}\n")


def count_line(path: str) -> int:
    with Path(path).open("a+") as lines:
        lines.write("called\n")
        lines.seek(0)
        return len(lines.readlines()) - 1


def await_file(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def start_child(pid_file: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    Path(pid_file).write_text(str(child.pid))


def hold(megabytes: int) -> None:
    bytearray(b"x") * (megabytes << 20)  # touches all of it, and lets go at once


def keep(megabytes: int) -> None:
    KEPT.append(bytearray(b"x") * (megabytes << 20))


def fail(error: dict[str, str]) -> None:
    raise type(error["name"], (Exception,), {})(error["message"])


def end(how: str) -> None:
    if how == "raise":
        raise InvalidDataset("no spectra")
    if how == "memory":
        raise MemoryError("wanted 9 GB")
    if how == "exit":
        sys.exit(3)
    if how == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    if how == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        ctypes.string_at(0)


# In the order in which they are done.
ACTS: dict[str, Callable[[Any], object]] = {
    "append_line": append_line,
    "print": print,
    "start_child": start_child,
    "report": lambda report: report_progress(*report),
    "hold_mb": hold,
    "keep_mb": keep,
    "await_file": await_file,
    "sleep_s": time.sleep,
    "fail": fail,
    "end": end,
}
