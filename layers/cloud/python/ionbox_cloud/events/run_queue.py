"""Runs that wait for their turn, and the gate that lets a few at a time through.

Two queues: one holds the waiting runs; the other, first in first out with a single message group,
wakes StartRuns, so that there is never more than one of it. A kick follows every run that is queued
and every execution that ends, and comes every few minutes besides, so none needs to be kept safe.
How many runs are on is asked of Step Functions each time: there is no counter that could leak.

The last place is kept for small runs, so that a few of hours do not hold up those of a minute. How
long a run takes is only known when it is planned, which is in its execution; until then its size
stands for that.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent

from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.events.executions import Executions, StartOutcome
from ionbox_cloud.logs import logger
from ionbox_cloud.messages import WaitingRun

KICK_GROUP = "kick"

SMALL_RUN_BYTES = 100_000_000
"""Most that imzML and ibd of a small run have together: such a run takes about a minute on AWS by
the example in docs/operations.md."""

_MOST_PASSED_OVER = 100  # runs that one call looks past for a small one; StartRuns has 120 s

WAIT_S = 1  # without any waiting, SQS asks some of its servers only and may miss a message


@dataclass(frozen=True)
class ReceivedRun:
    """A message of the run queue, and the receipt by which it is removed.

    ``run`` is None if the message is none of ours.
    """

    run: WaitingRun | None
    receipt: str


class RunQueue:
    """The run queue and the kick queue.

    Parameters
    ----------
    client : botocore client
        Client of SQS.
    run_queue_url, kick_queue_url : str
        Addresses of the queues.
    """

    def __init__(self, client: Any, run_queue_url: str, kick_queue_url: str) -> None:
        self._client = client
        self._runs = run_queue_url
        self._kicks = kick_queue_url

    def add(self, run: WaitingRun) -> None:
        """Queue a run, then wake StartRuns."""
        self._client.send_message(QueueUrl=self._runs, MessageBody=json.dumps(run.to_json()))
        self.kick()

    def kick(self) -> None:
        """Wake StartRuns: it looks again at what waits and what runs.

        Notes
        -----
        The deduplication id is new each time: a kick that SQS took for a repetition could be the
        one that comes after StartRuns looked.
        """
        self._client.send_message(
            QueueUrl=self._kicks,
            MessageBody="{}",
            MessageGroupId=KICK_GROUP,
            MessageDeduplicationId=uuid.uuid4().hex,
        )

    def receive(self) -> ReceivedRun | None:
        """Take the next message, None if none is waiting; it comes back unless it is removed.

        After the queue's visibility timeout, that is; a StartRuns that breaks off loses nothing.
        """
        answer = self._client.receive_message(
            QueueUrl=self._runs, MaxNumberOfMessages=1, WaitTimeSeconds=WAIT_S
        )
        messages = answer.get("Messages", [])
        if not messages:
            return None
        (message,) = messages
        return ReceivedRun(_parse_run(message["Body"]), message["ReceiptHandle"])

    def put_back(self, received: ReceivedRun) -> None:
        """Put a run to the end of the queue, as new: one received ten times is a dead letter."""
        assert received.run is not None
        # twice in the queue for a moment, rather than not at all; its name is taken only once
        self._client.send_message(
            QueueUrl=self._runs, MessageBody=json.dumps(received.run.to_json())
        )
        self.remove(received)

    def remove(self, received: ReceivedRun) -> None:
        """Remove a message for good: its run exists."""
        self._client.delete_message(QueueUrl=self._runs, ReceiptHandle=received.receipt)


def start_waiting_runs(
    queue: RunQueue, executions: Executions, max_runs: int, ended: Set[str] = frozenset()
) -> list[str]:
    """Start waiting runs while there is room for them.

    Parameters
    ----------
    queue : RunQueue
        Holds the waiting runs.
    executions : Executions
        Knows which runs are on, and starts others.
    max_runs : int
        Executions that may run at once.
    ended : set of str
        Executions that are known to have ended, whatever the list of running ones still says.

    Returns
    -------
    list of str
        Names of the executions that were started.

    Notes
    -----
    A run that exists already is done with. One that Step Functions cannot take now stays in the
    queue for the next kick; one that it never takes, and a message that is none of ours, stay until
    the queue moves them to its dead letters.
    """
    # so many more are asked for, because those that ended may still be listed
    running = executions.running(max_runs + len(ended)) - ended
    started: list[str] = []
    passed_over: list[ReceivedRun] = []
    while len(running) < max_runs and len(passed_over) < _MOST_PASSED_OVER:
        received = queue.receive()
        if received is None:
            break
        if received.run and not has_place(received.run, len(running), max_runs):
            passed_over.append(received)
            continue
        outcome = _start(executions, received)
        if outcome is StartOutcome.LATER:
            break
        if outcome is StartOutcome.UNFIT or received.run is None:
            continue
        # after the start: removed before, a run would be lost if this call broke off in between
        queue.remove(received)
        if outcome is StartOutcome.STARTED:
            running.add(received.run.execution_id)
            started.append(received.run.execution_id)
    for received in passed_over:  # now, in their order: put back at once, they would come again
        queue.put_back(received)
    return started


def has_place(run: WaitingRun, n_running: int, max_runs: int) -> bool:
    """Say whether a run may start beside ``n_running`` others: the last place is for small runs.

    Where there is only one place, it is everybody's.
    """
    is_small = 0 < run.n_bytes <= SMALL_RUN_BYTES
    return n_running < (max_runs if is_small or max_runs == 1 else max_runs - 1)


def ended_executions(kicks: Iterable[str]) -> set[str]:
    """Return the names of executions whose end is what woke StartRuns.

    Parameters
    ----------
    kicks : iterable of str
        Bodies of messages of the kick queue; those that EventBridge put there are events.
    """
    names = set()
    for body in kicks:
        detail = _read_object(_read_object(body).get("detail"))
        if detail.get("status") in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
            names.add(str(detail.get("name")))
    return names


def kick_bodies(event: SQSEvent) -> list[str]:
    """Return the bodies of the messages of an event."""
    return [record.body for record in event.records]


def _start(executions: Executions, received: ReceivedRun) -> StartOutcome:
    if received.run is None:
        return StartOutcome.UNFIT
    outcome = executions.start(received.run)
    logger.info(outcome.name.lower(), extra={"execution_id": received.run.execution_id})
    return outcome


def _parse_run(body: str) -> WaitingRun | None:
    try:
        return WaitingRun.from_json(json.loads(body))
    except (ValueError, InvalidMessage):
        logger.exception(
            "a message of the run queue that is no run", extra={"n_characters": len(body)}
        )
        return None


def _read_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, given as one or as its text; an empty one for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
