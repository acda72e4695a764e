"""Handling once more what lies in the dead-letter queue; ``ionbox redrive --dead-letters``.

A message gets there after its function failed on it several times: an event about a dropped file or
the end of an execution, or a run that waited for a free place. An alarm tells the operator, who
mends the cause and then empties the queue with this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ionbox.account import Account, Installation

_HANDLERS = {
    "Object Created": "Intake",
    "Step Functions Execution Status Change": "AnnounceEnd",
}
"""Logical id of the function that an event is for, by its ``detail-type``."""

_HIDDEN_S = 360
"""For so many seconds a message that is being handled stays hidden from others.

More than the slowest of the functions may take, so that none is handled twice.
"""


@dataclass
class Handled:
    """What became of the messages.

    Attributes
    ----------
    n_done : int
        How many were handled and are gone from the queue.
    problems : list of str
        A sentence for each that stays in the queue: why it could not be handled.
    """

    n_done: int
    problems: list[str]


def handle_dead_letters(account: Account, installation: Installation) -> Handled:
    """Handle every message of the dead-letter queue again; what fails again stays there.

    Events are given to the function they were for, runs that waited go back to their queue. What
    fails is hidden for some minutes, so each message is tried once.
    """
    sqs = account.client("sqs")
    handled = Handled(0, [])
    while True:
        received = sqs.receive_message(
            QueueUrl=installation.dead_letters, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_S
        ).get("Messages", [])
        if not received:
            return handled
        for message in received:
            problem = _handle(account, installation, message["Body"])
            if problem:
                handled.problems.append(problem)
                continue
            handled.n_done += 1
            sqs.delete_message(
                QueueUrl=installation.dead_letters, ReceiptHandle=message["ReceiptHandle"]
            )


def _handle(account: Account, installation: Installation, body: str) -> str:
    """Handle one message; return why that was not possible, an empty text if it was."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return f"no event and no run: {body[:80]}"
    if {"execution_id", "request"} <= content.keys():  # a run that waited to start
        account.client("sqs").send_message(QueueUrl=installation.run_queue, MessageBody=body)
        return ""
    function = _HANDLERS.get(str(content.get("detail-type")))
    if function is None:
        return f"an event that no function is for: {body[:80]}"
    return _invoke(account, installation, function, body)


def _invoke(account: Account, installation: Installation, function: str, body: str) -> str:
    # CloudFormation chose the function's real name; it knows which belongs to our logical id
    resource: dict[str, Any] = account.client("cloudformation").describe_stack_resource(
        StackName=installation.stack, LogicalResourceId=function
    )["StackResourceDetail"]
    answer = account.client("lambda").invoke(
        FunctionName=resource["PhysicalResourceId"], Payload=body.encode()
    )
    if "FunctionError" not in answer:
        return ""
    error = json.loads(answer["Payload"].read())
    return f"{function} failed again: {error.get('errorType')}: {error.get('errorMessage')}"
