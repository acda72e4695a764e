"""The interpreter of state machines: moto's, in this process, and what is particular about it.

moto is a library of mocks for tests, whose interpreter of Amazon States Language is complete enough
to run ours. It is used through its insides, without the mocking around them, which is why its
version is held in a narrow range.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from ionbox.local import lean_moto, parsed_definitions
from ionbox.local.cancelling import is_pending
from ionbox.local.clients import Clients, ServiceFault
from ionbox.local.errors import InvalidDefinition
from ionbox.local.functions import ACCOUNT, REGION
from ionbox.local.lean_moto import replaced

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"
_RECURSION_LIMIT = 100_000  # the interpreter recurses once per Map item, and hangs at the limit


@contextlib.contextmanager
def start_interpreter(clients: Clients, parsed: Path | None = None) -> Iterator[Interpreter]:
    """Make an interpreter whose state machine finds Lambda, S3 and ECS here.

    The recursion limit and what is changed in moto belong to the whole process, so one run at a
    time.

    Parameters
    ----------
    clients
        The clients of these services.
    parsed
        Folder that keeps parsed state machines for the next run; None to parse them.
    """
    lean_moto.import_interpreter()
    # Errors of states are the state machine's business; moto would print each of them.
    logging.getLogger("moto").addHandler(logging.NullHandler())
    with (
        _recursion_limit(_RECURSION_LIMIT),
        _early_reports(),
        _quiet_when_cancelled(),
        _finding(clients),
        parsed_definitions.remembered(parsed) if parsed else contextlib.nullcontext(),
    ):
        yield Interpreter()


class Interpreter:
    """moto's backend of Step Functions, for one execution of one state machine.

    Asked as an object. The way through boto3 is the same for its answers, but takes half a second
    to find out which of AWS's services moto should play, and some milliseconds for each question.
    """

    def __init__(self) -> None:
        from moto.stepfunctions.parser.models import StepFunctionsParserBackend

        self.backend: Any = StepFunctionsParserBackend(REGION, ACCOUNT)
        self._execution: Any = None
        self._thread: threading.Thread | None = None

    def start(self, name: str, definition: str, execution_input: Mapping[str, Any]) -> None:
        """Start to execute a state machine; returns before it has ended.

        Raises
        ------
        InvalidDefinition
            When the interpreter refuses the state machine.
        """
        from moto.core.exceptions import AWSError

        try:
            machine = self.backend.create_state_machine(
                name="ionbox", definition=definition, roleArn=_ROLE
            )
        except AWSError as error:
            reason = str(error.message).partition(" in definition '")[0]
            raise InvalidDefinition(
                f"The interpreter refuses the state machine: {reason}"
            ) from error
        n_before = len(interpreter_threads())
        self._execution = self.backend.start_execution(
            machine.arn, name, json.dumps(execution_input)
        )
        # the first of its threads; those after it run states, which may outlast its time limit
        self._thread = interpreter_threads()[n_before]

    @property
    def runs(self) -> bool:
        """Whether the execution has not ended yet."""
        # its status is set a moment before its output, by a thread that ends with that
        is_told = self._thread is None or self._thread.is_alive()
        return bool(self._execution.status == "RUNNING" or is_told)

    @property
    def has_begun(self) -> bool:
        """Whether it has entered a state: before that it cannot be stopped."""
        return bool(self._execution.to_history_output()["events"])

    def stop(self) -> None:
        """Stop the execution, which `has_begun`."""
        self.backend.stop_execution(self._execution.execution_arn)

    def end(self) -> End:
        """Say how the execution, which has ended, ended."""
        execution = self._execution
        return End(execution.status, execution.output, execution.error, execution.cause)

    def map_runs(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Yield the label of each distributed Map that was run, and how many items did what."""
        for run in self.backend.list_map_runs(self._execution.execution_arn)["mapRuns"]:
            arn = run["mapRunArn"]
            counts = self.backend.describe_map_run(arn)["itemCounts"]
            yield arn.rpartition("/")[2].partition(":")[0], counts


class End(NamedTuple):
    """How an execution ended: the status as Step Functions names it, and what came of it."""

    status: str
    output: Any
    error: str | None
    cause: str | None


@contextlib.contextmanager
def _finding(clients: Clients) -> Iterator[None]:
    """Let moto find clients of ours where it would make one with boto3 for each request."""
    from moto.stepfunctions.parser.asl.utils import boto_client

    # without its mocking, it would also look for services on a server of its own
    with (
        replaced(boto_client, "boto3", clients),
        replaced(boto_client, "Config", dict),
        replaced(boto_client, "botocore_stubber", SimpleNamespace(enabled=True)),
    ):
        yield


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the user's AWS settings."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


@contextlib.contextmanager
def _recursion_limit(limit: int) -> Iterator[None]:
    kept = sys.getrecursionlimit()
    sys.setrecursionlimit(max(kept, limit))
    try:
        yield
    finally:
        sys.setrecursionlimit(kept)


@contextlib.contextmanager
def _quiet_when_cancelled() -> Iterator[None]:
    """Keep what threads raise out of sight while a run is being cancelled.

    A branch of a state that is stopped in the middle finds nobody to report to, and dies of that.
    """
    kept = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not is_pending():
            kept(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = kept


@contextlib.contextmanager
def _early_reports() -> Iterator[None]:
    """Let a task report as soon as it was started, as on AWS.

    moto starts a task first and makes ready to wait for it then. In between, on a busy machine for
    longer than a task takes to start, it would refuse a heartbeat, and the task would give up; and
    it would keep a result without looking at it until a heartbeat is due.
    """
    from moto.stepfunctions.parser.asl.eval.callback import callback

    class EarlyEndpoint(callback.CallbackEndpoint):
        def setup_heartbeat_endpoint(self, heartbeat_seconds: int) -> callback.HeartbeatEndpoint:
            waiting = super().setup_heartbeat_endpoint(heartbeat_seconds)
            waiting.notify()  # type: ignore[no-untyped-call]  # makes it look for a result at once
            return waiting

        def notify_heartbeat(self) -> bool:
            super().notify_heartbeat()
            return True  # the time until the next one is due begins later

    with replaced(callback, "CallbackEndpoint", EarlyEndpoint):
        yield


def interpreter_threads() -> list[threading.Thread]:
    """Return the interpreter's own list of its threads, not a copy: it may be cleared."""
    from moto.stepfunctions.parser.utils import TMP_THREADS

    threads: list[threading.Thread] = TMP_THREADS
    return threads


def interpreter_alive() -> bool:
    """Say whether any thread of the interpreter lives, and so the execution can go on."""
    return any(thread.is_alive() for thread in list(interpreter_threads()))


class TaskTokens:
    """The states of an interpreter's execution that wait for a task's token.

    Asks moto's backend itself: its SendTaskFailure would lose the cause on the way.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._backend = interpreter.backend

    def heartbeat(self, token: str) -> None:
        """Let the state wait for another heartbeat: its task lives."""
        with _faults():
            self._backend.send_task_heartbeat(token)

    def succeed(self, token: str, output: str) -> None:
        """Give a state its task's answer, JSON text."""
        with _faults():
            self._backend.send_task_success(token, output)

    def fail(self, token: str, error: str, cause: str) -> None:
        """Fail a state under an error name."""
        with _faults():
            self._backend.send_task_failure(token, error=error, cause=cause)

    def silence(self, token: str) -> None:
        """Let the state that waits miss its heartbeat now: the task can send no more."""
        from moto.stepfunctions.parser.asl.eval.callback.callback import HeartbeatTimedOut

        self._notify(token, HeartbeatTimedOut())

    def renew(self, token: str) -> None:
        """Forget how the last attempt ended and wake the state that waits, if one does.

        For a Retry, moto uses the token of the attempt before.
        """
        self._notify(token, None)

    def _notify(self, token: str, outcome: object) -> None:
        """Wake the state that waits for a token, if any; ``outcome`` is how its task ended."""
        for machine in self._backend.state_machines:
            for execution in machine.executions:
                waiting = execution.exec_worker.env.callback_pool_manager.get(token)
                if waiting is not None:
                    waiting.notify(outcome)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn moto's refusals into `ServiceFault`, which the endpoint answers as AWS would."""
    from moto.core.exceptions import AWSError

    try:
        yield
    except AWSError as refused:
        raise ServiceFault(type(refused).__name__, refused.message) from refused
