"""Attempts at runs: what Step Functions knows of them, or what a work folder shows.

`AwsExecutions` and `FolderExecutions` are the two kinds of `AttemptList`. What a run left in its
buckets (annotations, price, why it failed) is put to this by `ionbox.operate.runs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError
from ionbox_cloud import keys

from ionbox.account import error_code
from ionbox.json_objects import as_object, parse_object, read_object
from ionbox.run_lock import is_dead

# Step Functions' words, and ours
_STATES = {
    "RUNNING": "running",
    "PENDING_REDRIVE": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timed out",
    "ABORTED": "cancelled",
}

WORDS = {"succeeded": "succeeded", "timed_out": "timed out", "cancelled": "cancelled"}
"""States of an attempt by what its ``status.json`` says; anything else is a failure."""

_EVENTS = 500  # newest of a history; items of a Map are in histories of their own, so it is whole
_DESCRIBED_AT_ONCE = 4  # Step Functions allows some 10 to 15 of these calls a second


@dataclass(frozen=True)
class Execution:
    """One attempt at a run.

    Attributes
    ----------
    name : str
        Name of the attempt, which every log line and record has.
    state : str
        ``running``, ``succeeded``, ``failed``, ``timed out``, ``cancelled``, or, in a work folder,
        ``interrupted``.
    started, ended : datetime or None
        With time zone; None if not known, or not yet.
    dataset : str
        Name of the dataset, empty if not known.
    imzml_key : str
        Key of the imzML in the inbox, empty if not known.
    arn : str
        ARN of the execution; empty in a work folder, or if Step Functions has forgotten it.
    error, cause : str
        Name and text of the error it ended with, as Step Functions says them; empty if none.
    redrive : str
        Why Step Functions cannot redrive it; empty if it can, or does not say.
    """

    name: str
    state: str
    started: datetime | None
    ended: datetime | None
    dataset: str = ""
    imzml_key: str = ""
    arn: str = ""
    error: str = ""
    cause: str = ""
    redrive: str = ""


@dataclass(frozen=True)
class MapCounts:
    """How many items of a Map are in which condition, as Step Functions counts them."""

    total: int
    succeeded: int
    running: int
    failed: int


class AttemptList(Protocol):
    """What `Runs` needs of the place where attempts are listed: Step Functions, or a folder."""

    def recent(self, n: int) -> list[Execution]:
        """Return the newest ``n`` attempts, newest first, without what takes a call for each."""

    def complete(self, executions: Sequence[Execution]) -> list[Execution]:
        """Return the same attempts with all that can be found out, as their datasets."""

    def find(self, name: str) -> Execution | None:
        """Return the attempt of exactly this name, complete; None if there is none."""

    def map_counts(self, execution: Execution) -> dict[str, MapCounts]:
        """Return the counts of each Map that has started, by its state; empty if not known."""

    def under_way(self, execution: Execution) -> set[str]:
        """Return the names of the states that an attempt is in just now; empty if not known."""


class AwsExecutions:
    """Executions of the stack's state machine.

    Parameters
    ----------
    sfn : boto3 client
        Client of Step Functions.
    state_machine : str
        ARN of the state machine.
    """

    def __init__(self, sfn: Any, state_machine: str) -> None:
        self._sfn = sfn
        self._state_machine = state_machine

    def recent(self, n: int) -> list[Execution]:
        pages = self._sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self._state_machine, PaginationConfig={"MaxItems": n}
        )
        return [_from_answer(found) for page in pages for found in page["executions"]]

    def complete(self, executions: Sequence[Execution]) -> list[Execution]:
        with ThreadPoolExecutor(_DESCRIBED_AT_ONCE) as threads:
            return list(threads.map(lambda found: self._describe(found.arn), executions))

    def find(self, name: str) -> Execution | None:
        # the name of a dataset may come here, and need not be one that an execution can have
        if not re.fullmatch(r"[\w.-]{1,80}", name):
            return None
        arn = f"{self._state_machine.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            return self._describe(arn)
        except ClientError as error:
            if error_code(error) in {"ExecutionDoesNotExist", "InvalidArn"}:
                return None
            raise

    def _describe(self, arn: str) -> Execution:
        return _from_answer(self._sfn.describe_execution(executionArn=arn))

    def map_counts(self, execution: Execution) -> dict[str, MapCounts]:
        counts: dict[str, MapCounts] = {}
        if not execution.arn:
            return counts  # Step Functions has forgotten it
        for run in self._sfn.list_map_runs(executionArn=execution.arn)["mapRuns"]:
            # …:mapRun:<state machine>/<label of the Map>:<id>; our labels are the states' names
            state = run["mapRunArn"].rpartition("/")[2].partition(":")[0]
            items = self._sfn.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
            counts[state] = MapCounts(
                total=items["total"],
                succeeded=items["succeeded"],
                running=items["running"],
                failed=items["failed"] + items["timedOut"] + items["aborted"],
            )
        return counts

    def under_way(self, execution: Execution) -> set[str]:
        if execution.state != "running":
            return set()
        # a state that was entered more often than left is on
        events = self._sfn.get_execution_history(
            executionArn=execution.arn, reverseOrder=True, maxResults=_EVENTS
        )["events"]
        names: dict[str, int] = {}
        for event in events:
            for word, step in (("Entered", 1), ("Exited", -1)):
                if event["type"] in (f"TaskState{word}", f"MapState{word}"):
                    name = event[f"state{word}EventDetails"]["name"]
                    names[name] = names.get(name, 0) + step
        return {name for name, balance in names.items() if balance > 0}


def _from_answer(answer: Mapping[str, Any]) -> Execution:
    dataset = dataset_of(answer.get("input", ""))
    unable = answer.get("redriveStatus") == "NOT_REDRIVABLE"
    return Execution(
        name=answer["name"],
        state=_STATES.get(answer["status"], answer["status"].lower()),
        started=answer["startDate"],
        ended=answer.get("stopDate"),
        dataset=str(dataset.get("name", "")),
        imzml_key=str(dataset.get("imzml_key", "")),
        arn=answer["executionArn"],
        error=answer.get("error") or "",
        cause=answer.get("cause") or "",
        redrive=answer.get("redriveStatusReason", "") if unable else "",
    )


def dataset_of(text: str) -> Mapping[str, Any]:
    """Return the ``dataset`` of an execution's input, which is JSON.

    Empty if it has none: the input is not a run's, but what somebody typed in the console.
    """
    return as_object(parse_object(text).get("dataset"))


@dataclass(frozen=True)
class FolderExecutions:
    """Executions that left traces in a work folder of local runs.

    Nothing lists local runs, so any trace counts: plans, statuses, linked inputs and logs.

    Attributes
    ----------
    root : Path
        The work folder.
    """

    root: Path
    _folders: tuple[str, ...] = field(default=("work/executions", "results/executions", "inbox"))

    def recent(self, n: int) -> list[Execution]:
        found = {
            path.name
            for folder in self._folders
            for path in (self.root / folder).glob("*")
            if path.is_dir()
        }
        # names begin with the time of the start, so their order is that of time
        found |= {path.stem for path in (self.root / "logs").glob("*.log")}
        return [self._look_at(name) for name in sorted(found, reverse=True)[:n]]

    def complete(self, executions: Sequence[Execution]) -> list[Execution]:
        return list(executions)

    def find(self, name: str) -> Execution | None:
        # all of them: a folder is listed as a whole anyway
        return next((found for found in self.recent(1 << 30) if found.name == name), None)

    def map_counts(self, execution: Execution) -> dict[str, MapCounts]:
        return {}

    def under_way(self, execution: Execution) -> set[str]:
        return set()

    def _look_at(self, name: str) -> Execution:
        status = read_object(self.root / "results" / keys.status(name))
        plan = read_object(self.root / "work" / keys.run_plan(name))
        if status:
            state = WORDS.get(str(status.get("status")), "failed")
        elif (inbox := self.root / "inbox" / name).is_dir() and not is_dead(inbox):
            state = "running"  # the input's links are there for as long as the run takes
        else:
            state = "interrupted"
        ended = status.get("ended")
        dataset = plan.get("dataset", {})
        return Execution(
            name=name,
            state=state,
            started=_start(name),
            ended=datetime.fromisoformat(ended) if ended else None,
            dataset=str(dataset.get("name") or status.get("dataset") or ""),
            imzml_key=str(dataset.get("imzml_key", "")),
            error=str(status.get("error", "")),
            cause=str(status.get("message", "")),
        )


def _start(name: str) -> datetime | None:
    """Return the local time that a local execution's name begins with."""
    match = re.match(r"\d{8}-\d{6}", name)
    if match is None:
        return None
    return datetime.strptime(match[0], "%Y%m%d-%H%M%S").astimezone(UTC)
