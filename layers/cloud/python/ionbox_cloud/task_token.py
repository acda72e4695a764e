"""Runs a step in a Fargate task that the state machine waits for.

The state machine starts the task with a token and waits until the token comes back with an answer
or an error; heartbeats in between tell it that the task lives. The other way round, a heartbeat
that is refused tells the task that nobody waits any more: stopping an execution does not stop its
tasks. A task that dies without a word is noticed by the heartbeats that are missing.

`state_task` is to a task what `ionbox_cloud.handlers.state_handler` is to a Lambda function;
SortSpectra (``functions/sort_spectra/task.py``) is the only one.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ionbox_cloud.environment import TaskEnvironment
from ionbox_cloud.errors import TaskStopped
from ionbox_cloud.handlers import run_step
from ionbox_cloud.logs import logger
from ionbox_cloud.messages import Message
from ionbox_cloud.store import Stores

# Limits of SendTaskFailure, in characters.
MAX_ERROR = 256
MAX_CAUSE = 32768

# Exit codes, for whoever looks at a stopped task; the state machine goes by the token alone.
EXIT_FAILED = 1
EXIT_ABANDONED = 3
EXIT_STOPPED = 128 + signal.SIGTERM

# What Step Functions answers for a token that no state waits for (any more).
_ABANDONED = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")
# Seconds. All tries of a heartbeat together must take less than the state's HeartbeatSeconds.
_CLIENT = Config(
    connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4}
)

In = TypeVar("In", bound=Message)

TaskStep = Callable[[In, Stores, int], Message]


def state_task(
    state: str, message_type: type[In]
) -> Callable[[TaskStep[In]], Callable[[], NoReturn]]:
    """Make a task's main function from a step that takes a message, the stores and its memory.

    The main function reports what the step answers or raises, and ends the process: with 0 if it
    succeeded, `EXIT_FAILED` if it failed, `EXIT_STOPPED` if it was stopped, and `EXIT_ABANDONED`
    if nobody waits for it.

    Parameters
    ----------
    state : str
        Name of the state in the state machine.
    message_type : type
        What the state receives.

    Returns
    -------
    callable
        A decorator: a step becomes a ``main()`` that never returns.
    """

    def decorate(step: TaskStep[In]) -> Callable[[], NoReturn]:
        @functools.wraps(step)
        def main() -> NoReturn:
            environment = TaskEnvironment.from_environment()
            token = TaskToken(environment.task_token)
            token.heartbeat()  # at once: starting took part of the time until one is due
            _report_stop(token)
            _keep_alive(token, environment.heartbeat_s)

            def with_memory(message: In, stores: Stores) -> Message:
                return step(message, stores, environment.memory_mb)

            try:
                message = message_type.from_json(json.loads(environment.message))
                answer = run_step(state, with_memory, message, rung_mb=environment.memory_mb)
            except Exception as error:  # noqa: BLE001 (whatever it is, the state machine is told)
                token.fail(error)
                sys.exit(EXIT_FAILED)
            token.succeed(answer)
            sys.exit(0)

        return main

    return decorate


class TaskToken:
    """The state that waits for this task; may be used from many threads.

    Only the first result is reported. When the state no longer waits, the process ends at once:
    objects are written in one piece or not at all, so nothing is left half-done.

    Parameters
    ----------
    token : str
        What the state machine gave the task.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._client = boto3.client("stepfunctions", config=_CLIENT)
        self._lock = threading.Lock()
        self._reported = False

    def heartbeat(self) -> None:
        """Tell that the task lives, unless its result was told already."""
        try:
            with self._lock:
                if not self._reported:
                    self._ask(self._client.send_task_heartbeat)
        except (ClientError, BotoCoreError) as error:
            # Either the next one gets through, or it is refused because this one was missed.
            logger.warning("heartbeat not sent", extra={"reason": str(error)})

    def succeed(self, answer: Mapping[str, Any]) -> None:
        """Report what the step answered.

        Raises
        ------
        ClientError, BotoCoreError
            If Step Functions does not take it, although the state waits.
        """
        self._report(self._client.send_task_success, output=json.dumps(answer))

    def fail(self, error: Exception) -> None:
        """Report an error in the form in which Lambda does: class name, and cause as JSON.

        Raises
        ------
        ClientError, BotoCoreError
            If Step Functions does not take it, although the state waits.
        """
        name = type(error).__name__[:MAX_ERROR]
        cause = _describe(name, str(error))
        self._report(self._client.send_task_failure, error=name, cause=cause)

    def _report(self, send: Callable[..., Any], **result: str) -> None:
        with self._lock:
            if not self._reported:
                self._ask(send, **result)
                self._reported = True

    def _ask(self, send: Callable[..., Any], **arguments: str) -> None:
        try:
            send(taskToken=self._token, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABANDONED:
                logger.error("nobody waits for this task", extra={"reason": str(error)})
                _end_process(EXIT_ABANDONED)
            raise


def _describe(name: str, message: str) -> str:
    """Return an error as Lambda does, its message cut until all of it fits."""
    while True:
        cause = json.dumps({"errorMessage": message, "errorType": name}, ensure_ascii=False)
        if len(cause) <= MAX_CAUSE:
            return cause
        message = message[: len(message) * MAX_CAUSE // len(cause)]


def _keep_alive(token: TaskToken, interval_s: float) -> None:
    """Send heartbeats from a thread until the process ends, ``interval_s`` seconds apart."""

    def beat() -> None:
        while not ended.wait(interval_s):
            token.heartbeat()

    ended = threading.Event()
    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def _report_stop(token: TaskToken) -> None:
    """Report SIGTERM, which a task gets some time before it is killed, and end."""

    def watch() -> None:
        while receiver.recv(1)[0] != signal.SIGTERM:
            pass
        try:
            token.fail(TaskStopped("the task was told to stop"))
        finally:
            _end_process(EXIT_STOPPED)

    # Python runs its signal handlers only between two steps of the main thread, which may be
    # minutes away inside a kernel; this file descriptor is written to at once.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach())
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    threading.Thread(target=watch, name="stop", daemon=True).start()


def _end_process(code: int) -> NoReturn:
    """End the process from any thread; ``sys.exit`` would end the thread only."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
