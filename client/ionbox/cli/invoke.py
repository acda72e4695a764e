"""Run one handler on one event, in this process.

::

    python -m ionbox.cli.invoke plan_run tests/events/plan_run.json

What the handler prints goes to standard error, its answer to standard output. For developers of
handlers: no state machine, no Lambda, and a debugger can stop in it. Events to begin with are in
``tests/events``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from ionbox import terminal
from ionbox.local.errors import InvalidEvent, LocalError
from ionbox.local.functions import IONBOX, Function, Project, find_function, read_functions
from ionbox.local.runtime import Answer, Call, StoreUrls, answer_call, handler_environment

_FOLDER = Path(".ionbox-invoke")  # of the work and results stores, in the current folder


def main(arguments: Sequence[str] | None = None, project: Project = IONBOX) -> int:
    """Run the command line; return the exit code, 0 if the handler answered."""
    options = _parse(arguments)
    try:
        function = _find(read_functions(project), options.function)
        event = _read_event(options.event)
    except LocalError as error:
        return _fail(str(error))
    os.environ.update(handler_environment(_stores(os.environ)))
    with contextlib.redirect_stdout(sys.stderr):
        answer = answer_call(Call.of(function, str(uuid.uuid4()), event))
    if answer.error is not None:
        return _fail(_describe(answer, debug=options.debug))
    told = json.dumps(json.loads(answer.payload), indent=2, ensure_ascii=False)
    sys.stdout.write(terminal.printable(told, lines=True) + "\n")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ionbox.cli.invoke",
        description="Run one function's handler on one event, in this process.",
        epilog="Objects are in the stores that IONBOX_INBOX, IONBOX_WORK and IONBOX_RESULTS name; "
        f"if not set, the inbox is this folder and the others lie in ./{_FOLDER}.",
    )
    parser.add_argument("function", help="function or state, such as plan_run or PlanRun")
    parser.add_argument("event", type=Path, help="JSON file with the event")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser.parse_args(arguments)


def _find(functions: Mapping[str, Function], name: str) -> Function:
    # by state or folder, as people name it: of several memory sizes the first, which is the lowest
    for function in functions.values():
        if name in (function.state, function.handler.parent.name):
            return function
    return find_function(functions, name)


def _read_event(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except OSError as error:
        raise InvalidEvent(f"Cannot read the event file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidEvent(f"The event file {path} is no JSON: {error}.") from error
    return text


def _stores(environment: Mapping[str, str]) -> StoreUrls:
    def store(name: str, folder: Path) -> str:
        return environment.get(f"IONBOX_{name.upper()}") or _make_folder(folder.absolute())

    return StoreUrls(
        inbox=store("inbox", Path()),
        work=store("work", _FOLDER / "work"),
        results=store("results", _FOLDER / "results"),
    )


def _make_folder(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.as_uri()


def _describe(answer: Answer, *, debug: bool) -> str:
    error = json.loads(answer.payload)
    trace = "".join(error["stackTrace"]) if debug else ""
    hint = "" if debug else " (--debug shows where)"
    return f"{trace}{error['errorType']}: {error['errorMessage']}{hint}"


def _fail(message: str) -> int:
    terminal.note(message)
    return 1


if __name__ == "__main__":
    sys.exit(main())
