"""Executions of the state machine: how they are, how many run, and starting one.

Intake asks how the last attempt is, StartRuns how many run, and starts more.
"""

from __future__ import annotations

import enum
import functools
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.messages import WaitingRun
from ionbox_cloud.storage.object_bytes import encode_json

REMEMBERED_S = 60.0
"""Seconds for which a started execution may be missing from the list of running ones."""

_PAGE = 1000  # the most that ListExecutions returns at once
# What StartExecution fails with: codes that pass by themselves, and those that never will.
_COME_BACK_LATER = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ExecutionLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalServerError",
    "InternalFailure",
    "KmsThrottlingException",
}
_UNFIT = {"InvalidExecutionInput", "InvalidName", "ValidationException"}


class ExecutionStatus(enum.Enum):
    """Status of an execution, by Step Functions' own names."""

    RUNNING = "RUNNING"
    PENDING_REDRIVE = "PENDING_REDRIVE"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"

    @property
    def is_failure(self) -> bool:
        """Whether it ended without results."""
        return self in (self.FAILED, self.TIMED_OUT, self.ABORTED)

    @property
    def is_end(self) -> bool:
        """Whether nothing runs any more."""
        return self is self.SUCCEEDED or self.is_failure


class StartOutcome(enum.Enum):
    """What came of starting a run.

    STARTED_BEFORE: its name was taken, so it is done with. LATER: Step Functions is busy or full.
    UNFIT: Step Functions will never take it.
    """

    STARTED = enum.auto()
    STARTED_BEFORE = enum.auto()
    LATER = enum.auto()
    UNFIT = enum.auto()


class Executions:
    """Executions of one state machine.

    Parameters
    ----------
    client : botocore client
        Client of Step Functions.
    state_machine_arn : str
        ARN of the state machine.
    now : callable
        A clock in seconds, for tests.
    """

    def __init__(
        self, client: Any, state_machine_arn: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._arn = state_machine_arn
        self._now = now
        self._started: dict[str, float] = {}

    def status(self, execution_id: str) -> ExecutionStatus | None:
        """Return the status of an execution, None if there is none by that name (or not yet).

        Raises
        ------
        ClientError
            If Step Functions does not answer.
        """
        prefix = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            found = self._client.describe_execution(executionArn=f"{prefix}:{execution_id}")
        except ClientError as error:
            if _code(error) == "ExecutionDoesNotExist":
                return None
            raise
        return ExecutionStatus(found["status"])

    def running(self, limit: int) -> set[str]:
        """Return the names of running executions, up to a limit.

        Notes
        -----
        Step Functions lists executions with a delay. Those that this process started within the
        last minute count until they are known to have ended.
        """
        names = self._listed(limit)
        for name in self._recently_started() - names:
            status = self.status(name)
            if status is None or not status.is_end:  # None: so new that nothing is known of it
                names.add(name)
        return names

    def start(self, run: WaitingRun) -> StartOutcome:
        """Start a run under its own name, which only ever works once.

        Raises
        ------
        ClientError
            If Step Functions refuses it in a way that is not known here, such as a lacking
            permission.
        """
        try:
            self._client.start_execution(
                stateMachineArn=self._arn,
                name=run.execution_id,
                input=encode_json(run.request.to_json()).decode(),
            )
        except ClientError as error:
            return _outcome(error)
        self._started[run.execution_id] = self._now()
        return StartOutcome.STARTED

    def _listed(self, limit: int) -> set[str]:
        names: set[str] = set()
        page: dict[str, Any] = {}
        while len(names) < limit:
            answer = self._client.list_executions(
                stateMachineArn=self._arn,
                statusFilter="RUNNING",
                maxResults=min(limit, _PAGE),
                **page,
            )
            names |= {execution["name"] for execution in answer["executions"]}
            if not answer.get("nextToken"):
                break
            page = {"nextToken": answer["nextToken"]}
        return names

    def _recently_started(self) -> set[str]:
        since = self._now() - REMEMBERED_S
        self._started = {name: at for name, at in self._started.items() if at > since}
        return set(self._started)


@functools.cache
def open_executions(state_machine_arn: str) -> Executions:
    """Open the executions of a state machine.

    Once per process: what it started must be remembered from call to call.
    """
    return Executions(open_client("stepfunctions"), state_machine_arn)


def _outcome(error: ClientError) -> StartOutcome:
    if _code(error) == "ExecutionAlreadyExists":
        return StartOutcome.STARTED_BEFORE
    if _code(error) in _COME_BACK_LATER:
        return StartOutcome.LATER
    if _code(error) in _UNFIT:
        return StartOutcome.UNFIT
    raise error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
