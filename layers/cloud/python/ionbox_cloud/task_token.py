"""The state that waits for a task: it is told that the task lives, and what came of it.

The state machine starts a Fargate task with a token and waits until the token comes back with an
answer or an error; heartbeats in between tell it that the task lives. The other way round, a
heartbeat that is refused tells the task that nobody waits any more: stopping an execution does not
stop its tasks. A task that dies without a word is noticed by the heartbeats that are missing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ionbox_cloud.logs import describe_error, logger

# Limits of SendTaskFailure, in characters.
MAX_ERROR = 256
MAX_CAUSE = 32768

EXIT_ABANDONED = 3
"""Exit code of a task that nobody waits for; for people, the state machine goes by the token."""

# What Step Functions answers for a token that no state waits for (any more).
_ABANDONED = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")
# Seconds. All tries of a heartbeat together must take less than the state's HeartbeatSeconds.
_CLIENT = Config(
    connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4}
)


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
            logger.warning("heartbeat not sent", extra={"reason": describe_error(error)})

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
                logger.error("nobody waits for this task", extra={"reason": describe_error(error)})
                end_process(EXIT_ABANDONED)
            raise


def _describe(name: str, message: str) -> str:
    """Return an error as Lambda does, its message cut until all of it fits."""
    while True:
        cause = json.dumps({"errorMessage": message, "errorType": name}, ensure_ascii=False)
        if len(cause) <= MAX_CAUSE:
            return cause
        message = message[: len(message) * MAX_CAUSE // len(cause)]


def end_process(code: int) -> NoReturn:
    """End the process from any thread; ``sys.exit`` would end the thread only."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
