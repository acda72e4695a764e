"""Removing the stack; ``ionbox destroy``.

Whatever could still write is stopped first: runs that wait, executions, Fargate tasks.
CloudFormation deletes a bucket only if it is empty, so the work bucket is emptied, and once more if
a call that was under way wrote into it after that. Every step may find its part gone already: a
removal that broke off is taken up by the same command.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from botocore.exceptions import ClientError, WaiterError

from ionbox.account import Account, Installation, error_code
from ionbox.errors import OperateError

WORK_BUCKET = "WorkBucket"
"""The stack's name for the work bucket; a bucket of the user's own is no part of the stack."""

_GONE = {
    "StateMachineDoesNotExist",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ClusterNotFoundException",
    "NoSuchBucket",
}
_STOPPED_WITHIN_S = 120.0  # executions that are stopped stay in the list for a while
_LOOK_AGAIN_S = 1.0
_DELETED_AT_ONCE = 1000  # objects that one call of S3's DeleteObjects takes


def destroy(account: Account, installation: Installation | None, stack: str) -> None:
    """Stop all runs, delete the stack and what only it needs; the inbox and results buckets stay.

    Parameters
    ----------
    account : Account
        Where it is installed.
    installation : Installation or None
        None if the stack is not complete, and so nothing can be running.
    stack : str
        Name of the stack.

    Raises
    ------
    OperateError
        If runs could not be stopped, objects not deleted, or CloudFormation could not delete
        everything; its console shows what is left.
    """
    if installation is not None:
        stop_everything(account, installation)
    try:
        _delete(account, stack)
    except WaiterError:
        # most likely a call wrote an object after the bucket was emptied; now no function is left
        try:
            _delete(account, stack)
        except WaiterError as error:
            raise OperateError(
                f"CloudFormation could not delete all of '{stack}'; its console shows under "
                "'Events' which part is left. Run the same command again once that is gone"
            ) from error


def running_executions(account: Account, installation: Installation) -> dict[str, str]:
    """Return the names of the executions that run, by ARN."""
    running: dict[str, str] = {}
    with _nothing_if_gone():
        pages = (
            account.client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=installation.state_machine, statusFilter="RUNNING")
        )
        for page in pages:
            running |= {each["executionArn"]: each["name"] for each in page["executions"]}
    return running


def stop_everything(account: Account, installation: Installation) -> None:
    """Drop the runs that wait, stop those that are on, and their tasks.

    Raises
    ------
    OperateError
        If executions are still on after two minutes.
    """
    # first the queue: each execution that ends would start the next of it
    with _nothing_if_gone("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"):
        account.client("sqs").purge_queue(QueueUrl=installation.run_queue)
    _stop_executions(account, installation)
    if installation.cluster != "none":
        with _nothing_if_gone():
            _stop_tasks(account, installation.cluster)


def _stop_executions(account: Account, installation: Installation) -> None:
    stopped: set[str] = set()
    until = time.monotonic() + _STOPPED_WITHIN_S
    # again and again: one may have been about to start as the others were stopped
    while running := running_executions(account, installation):
        if time.monotonic() > until:
            raise OperateError(
                f"still running, though stopped: {', '.join(sorted(running.values()))}; run the "
                "same command again in a few minutes"
            )
        for arn in running.keys() - stopped:
            account.client("stepfunctions").stop_execution(
                executionArn=arn, error="Cancelled", cause="ionbox destroy"
            )
            stopped.add(arn)
        time.sleep(_LOOK_AGAIN_S)


def _stop_tasks(account: Account, cluster: str) -> None:
    """Stop all tasks of a cluster: stopping an execution does not stop those that it waits for."""
    ecs = account.client("ecs")
    for page in ecs.get_paginator("list_tasks").paginate(cluster=cluster):
        for task in page["taskArns"]:
            ecs.stop_task(cluster=cluster, task=task, reason="ionbox destroy")


def _delete(account: Account, stack: str) -> None:
    """Empty the work bucket, and let CloudFormation delete the stack.

    Raises
    ------
    WaiterError
        If something of it is left.
    """
    for bucket in work_buckets(account, stack):
        empty_bucket(account, bucket)
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)


def work_buckets(account: Account, stack: str) -> list[str]:
    """Return the name of the bucket that the stack will delete; none if it is not the stack's."""
    made = account.client("cloudformation").describe_stack_resources(StackName=stack)
    return [
        each["PhysicalResourceId"]
        for each in made["StackResources"]
        if each["LogicalResourceId"] == WORK_BUCKET
        and each.get("PhysicalResourceId")
        and each["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def empty_bucket(account: Account, bucket: str) -> None:
    """Delete every object in a bucket, with all its versions; one that is gone is empty.

    Raises
    ------
    OperateError
        If S3 deletes some and refuses others.
    """
    s3 = account.client("s3")
    with _nothing_if_gone():
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
            for start in range(0, len(objects), _DELETED_AT_ONCE):
                batch = objects[start : start + _DELETED_AT_ONCE]
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
                _refuse_errors(bucket, answer.get("Errors", []))


def _refuse_errors(bucket: str, errors: list[dict[str, str]]) -> None:
    """Raise if S3 did not delete all that it was asked to: its answer is a success even then."""
    if errors:
        first = errors[0]
        raise OperateError(
            f"{len(errors)} objects of the bucket {bucket} could not be deleted, such as "
            f"{first.get('Key')}: {first.get('Code')}: {first.get('Message')}"
        )


@contextlib.contextmanager
def _nothing_if_gone(*others: str) -> Iterator[None]:
    """Leave a block quietly if what it is about is gone, or AWS answers one of ``others``."""
    try:
        yield
    except ClientError as error:
        if error_code(error) not in _GONE | set(others):
            raise
