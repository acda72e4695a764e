"""Stopping a run, and letting it go on; ``ionbox cancel`` and ``ionbox redrive``.

Finished work of a run is in caches, so going on costs only what was not done. What decides is which
way is open: Step Functions' own redrive, or the imzML put into the inbox once more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from ionbox_cloud import keys

from ionbox.account import Account, Installation, error_code
from ionbox.errors import OperateError, UserMustAct
from ionbox.operate.attempts import Execution
from ionbox.operate.runs import RunState

REDRIVE_PERIOD = timedelta(days=14)
"""How long after its end Step Functions can redrive an execution."""


_LARGEST_COPY = 5 << 30
"""Most bytes that S3 copies in one call; such a copy of a small file keeps the file's ETag."""


def cancel(account: Account, installation: Installation, run: RunState) -> int:
    """Stop a run and its tasks.

    Stopping an execution does not stop a Fargate task that it waits for, so tasks are stopped here.

    Returns
    -------
    int
        How many tasks were stopped.

    Raises
    ------
    UserMustAct
        If the run has ended and no task of it is left: there is nothing to stop.
    """
    # looked for even if the run has ended: a task may outlive its execution
    tasks = _tasks(account, installation, run.name)
    if run.execution.state != "running" and not tasks:
        raise UserMustAct(f"run {run.name} is not running: it is {run.status}")
    if run.execution.state == "running":
        account.client("stepfunctions").stop_execution(
            executionArn=run.execution.arn, error="Cancelled", cause="ionbox cancel"
        )
    for task in tasks:
        account.client("ecs").stop_task(
            cluster=installation.cluster, task=task, reason="ionbox cancel"
        )
    return len(tasks)


def _tasks(account: Account, installation: Installation, execution: str) -> list[str]:
    if installation.cluster == "none":
        return []  # deployed without Fargate
    pages = (
        account.client("ecs")
        .get_paginator("list_tasks")
        .paginate(cluster=installation.cluster, startedBy=execution)
    )
    return [arn for page in pages for arn in page["taskArns"]]


def redrive(account: Account, installation: Installation, run: RunState) -> str:
    """Let a run that ended without results go on.

    Step Functions redrives executions that were stopped, that timed out, or that broke. One that
    ended in its own Fail state would only repeat that state, and after 14 days nothing can be
    redriven; then the imzML is put into the inbox once more, as it lies there, which starts a new
    attempt. Finished work is found in its caches either way.

    Returns
    -------
    str
        A sentence that says in which of the two ways it goes on.

    Raises
    ------
    UserMustAct
        If the run is running, has succeeded, was refused for its input (correct that and submit it
        again), or its imzML is no longer in the inbox.
    OperateError
        If it is not known which imzML the run was of; submit it again.
    """
    execution = run.execution
    if execution.state == "running":
        raise UserMustAct(f"run {run.name} is running; 'ionbox cancel {run.name}' stops it")
    if execution.state == "succeeded":
        raise UserMustAct(
            f'run {run.name} succeeded; to compute it again, submit it with "force": true in a '
            "config file"
        )
    if run.status == "invalid input":
        raise UserMustAct(
            f"run {run.name} was refused: {run.message}\n"
            "correct the input and submit it again; the same input would be refused again"
        )
    reason = _cannot_redrive(account, installation, execution)
    if not reason:
        try:
            account.client("stepfunctions").redrive_execution(executionArn=execution.arn)
            return f"run {run.name} goes on from where it stopped"
        except ClientError as error:
            if error_code(error) not in {"ExecutionNotRedrivable", "ExecutionLimitExceeded"}:
                raise
            # Step Functions has limits that cannot be looked up before; the other way is still open
            reason = error.response["Error"]["Message"]
    _touch(account, installation, run)
    return (
        f"Step Functions cannot redrive run {run.name} ({reason}); its imzML was put into the "
        "inbox again, which starts a new attempt within a minute or two, and finished work is "
        "reused"
    )


def _cannot_redrive(account: Account, installation: Installation, execution: Execution) -> str:
    """Return why an execution cannot be redriven, or should not; empty if it can."""
    if execution.ended and datetime.now(UTC) - execution.ended > REDRIVE_PERIOD:
        days = (datetime.now(UTC) - execution.ended).days
        return f"it ended {days} days ago, and the limit is {REDRIVE_PERIOD.days} days"
    if execution.redrive:
        return execution.redrive
    newest = account.client("stepfunctions").get_execution_history(
        executionArn=execution.arn, reverseOrder=True, maxResults=5
    )["events"]
    if any(event["type"] == "FailStateEntered" for event in newest):
        return "it ended in its Fail state, and would again"
    if not _has_plan(account, installation, execution):
        # the workflow would find that out and plan again, state by state; this is shorter
        return "its plan and lists of items have expired"
    return ""


def _has_plan(account: Account, installation: Installation, execution: Execution) -> bool:
    try:
        account.client("s3").head_object(
            Bucket=installation.work, Key=keys.run_plan(execution.name)
        )
    except ClientError as error:
        if error_code(error) in {"404", "NoSuchKey"}:
            return False
        raise
    return True


def _touch(account: Account, installation: Installation, run: RunState) -> None:
    """Put the imzML of a run into the inbox again, unchanged, as if it had just been dropped."""
    s3: Any = account.client("s3")
    key = run.execution.imzml_key
    if not key:
        raise OperateError(f"it is not known which imzML run {run.name} was of; submit it again")
    try:
        s3.copy(
            {"Bucket": installation.inbox, "Key": key},
            installation.inbox,
            key,
            ExtraArgs={
                "MetadataDirective": "REPLACE",  # S3 refuses to copy an object onto itself as it is
                "Metadata": {"redriven": datetime.now(UTC).isoformat(timespec="seconds")},
            },
            Config=TransferConfig(multipart_threshold=_LARGEST_COPY),
        )
    except ClientError as error:
        if error_code(error) in {"404", "NoSuchKey"}:
            raise UserMustAct(
                f"'{key}' is no longer in the inbox; submit the dataset again"
            ) from error
        raise
