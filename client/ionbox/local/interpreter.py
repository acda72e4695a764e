"""The interpreter of state machines: moto's, in this process, and what is particular about it.

moto is a library of mocks for tests, whose interpreter of Amazon States Language is complete enough
to run ours. It is used through boto3's own Step Functions client; where that does not reach
(threads, task tokens), through moto's insides, which is why its version is held in a narrow range.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ionbox.local.cancelling import is_pending
from ionbox.local.endpoint import ServiceFault
from ionbox.local.functions import ACCOUNT, REGION
from ionbox.local.tasks import local_aws

_RECURSION_LIMIT = 100_000  # the interpreter recurses once per Map item, and hangs at the limit


@contextlib.contextmanager
def start_interpreter(endpoint_url: str) -> Iterator[Any]:
    """Start moto with Lambda, S3 and ECS at our endpoint; yield a Step Functions client.

    moto, the recursion limit and the environment belong to the whole process, so one run at a time.
    """
    import boto3
    from moto import mock_aws

    # Errors of states are the state machine's business; moto would print each of them.
    logging.getLogger("moto").addHandler(logging.NullHandler())
    with (
        _recursion_limit(_RECURSION_LIMIT),
        _aws_environment(endpoint_url),
        _early_reports(),
        _quiet_when_cancelled(),
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}}),
    ):
        # The default session loads its parts lazily and without a lock: before the threads start.
        for service in ("lambda", "s3", "ecs"):
            boto3.client(service, region_name=REGION).close()
        client = boto3.client("stepfunctions", region_name=REGION)
        try:
            yield client
        finally:
            client.close()


@contextlib.contextmanager
def _aws_environment(endpoint_url: str) -> Iterator[None]:
    """Hide the user's AWS settings (profiles, endpoints, proxies) from the interpreter."""
    kept = dict(os.environ)
    os.environ.clear()
    os.environ |= without_aws(kept) | local_aws(endpoint_url, "LAMBDA", "S3", "ECS")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


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
    from unittest import mock

    from moto.stepfunctions.parser.asl.eval.callback import callback

    class EarlyEndpoint(callback.CallbackEndpoint):
        def setup_heartbeat_endpoint(self, heartbeat_seconds: int) -> callback.HeartbeatEndpoint:
            waiting = super().setup_heartbeat_endpoint(heartbeat_seconds)
            waiting.notify()  # type: ignore[no-untyped-call]  # makes it look for a result at once
            return waiting

        def notify_heartbeat(self) -> bool:
            super().notify_heartbeat()
            return True  # the time until the next one is due begins later

    with mock.patch.object(callback, "CallbackEndpoint", EarlyEndpoint):
        yield


def interpreter_threads() -> list[threading.Thread]:
    """Return the interpreter's own list of its threads, not a copy: it may be cleared."""
    from moto.stepfunctions.parser.utils import TMP_THREADS

    threads: list[threading.Thread] = TMP_THREADS
    return threads


def interpreter_alive() -> bool:
    """Say whether any thread of the interpreter lives, and so the execution can go on."""
    return any(thread.is_alive() for thread in list(interpreter_threads()))


def execution_runs(execution: str) -> bool:
    """Say whether an execution, an ARN, has not ended yet.

    Asks moto's backend itself: the way through boto3 costs some milliseconds of CPU each time,
    and a run asks twenty times a second.
    """
    running: bool = _backend().describe_execution(execution).status == "RUNNING"
    return running


class TaskTokens:
    """The states that wait for a task's token.

    Asks moto's backend itself: its SendTaskFailure would lose the cause on the way.
    """

    def heartbeat(self, token: str) -> None:
        """Let the state wait for another heartbeat: its task lives."""
        with _faults():
            _backend().send_task_heartbeat(token)

    def succeed(self, token: str, output: str) -> None:
        """Give a state its task's answer, JSON text."""
        with _faults():
            _backend().send_task_success(token, output)

    def fail(self, token: str, error: str, cause: str) -> None:
        """Fail a state under an error name."""
        with _faults():
            _backend().send_task_failure(token, error=error, cause=cause)

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
        for machine in _backend().state_machines:
            for execution in machine.executions:
                waiting = execution.exec_worker.env.callback_pool_manager.get(token)
                if waiting is not None:
                    waiting.notify(outcome)


def _backend() -> Any:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    return stepfunctions_parser_backends[ACCOUNT][REGION]


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn moto's refusals into `ServiceFault`, which the endpoint answers as AWS would."""
    from moto.core.exceptions import AWSError

    try:
        yield
    except AWSError as refused:
        raise ServiceFault(type(refused).__name__, refused.message) from refused
