"""How a run ended, told so that a scientist can act on it.

Usually the run itself wrote its status: PublishResults or ReportFailure. It cannot if it was
stopped, ran out of time, or died of what a state machine does not let one catch (States.Runtime,
States.DataLimitExceeded); then the status is made up here from what Step Functions says.

`ExecutionEnd` is what comes in, with EventBridge's event; `settle_status` makes ``status.json``
right; `RunEnded` is what goes out, to people and programs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionbox_cloud import keys
from ionbox_cloud.error_words import read_words
from ionbox_cloud.errors import InvalidMessage, MissingObject
from ionbox_cloud.events.claims import find_dataset_name
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import RunRequest
from ionbox_cloud.published import RECORD
from ionbox_cloud.records.run_record import RunRecord, RunStatus
from ionbox_cloud.records.run_totals import write_status
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Store, Stores

DETAIL_TYPE = "ionbox run ended"
"""The ``detail-type`` of our event; its ``source`` is ``ionbox``, its ``detail`` a `RunEnded`."""

_MOST_SIGNS = 8000  # characters of a message; some list hundreds of bad rows
_MOST_WARNINGS = 10

# For each end, the statuses of the run's own that stand; any other is from before, and is replaced.
# "succeeded" always stands: whatever happened after results were published, they are whole.
_OWN_WORDS: Mapping[str, tuple[str, ...]] = {
    "SUCCEEDED": ("succeeded",),
    "FAILED": ("succeeded", "invalid_input", "failed"),
    "TIMED_OUT": ("succeeded", "timed_out"),
    "ABORTED": ("succeeded", "cancelled"),
}

_MADE_UP: Mapping[str, tuple[str, str, str, str]] = {
    "SUCCEEDED": ("succeeded", "", "", ""),
    "FAILED": (
        "failed",
        "States.Runtime",
        "the workflow broke off without saying why",
        "Drop the files again: finished work is kept. If it fails the same way, report it.",
    ),
    "TIMED_OUT": (
        "timed_out",
        "States.Timeout",
        "the run took longer than runs may take",
        "Drop the files again to go on: finished work is kept. If it takes too long again, use "
        "fewer or smaller databases, or crop the dataset.",
    ),
    "ABORTED": (
        "cancelled",
        "States.Aborted",
        "the run was stopped",
        "Drop the files again to go on: finished work is kept.",
    ),
}
"""For each end: status, error, message (both unless Step Functions knows better) and advice."""


@dataclass(frozen=True)
class ExecutionEnd:
    """What Step Functions says of an execution that ended.

    Attributes
    ----------
    execution_id : str
        Name of the execution.
    status : str
        ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``.
    ended_ms : int
        When, in milliseconds since 1970; an execution that is redriven ends twice.
    request : RunRequest or None
        Its input, if the event had room for it.
    error, cause : str
        Error name and cause; empty if there are none.
    """

    execution_id: str
    status: str
    ended_ms: int
    request: RunRequest | None
    error: str
    cause: str

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> ExecutionEnd:
        """Read the ``detail`` of a "Step Functions Execution Status Change".

        Raises
        ------
        InvalidMessage
            If the status is that of an execution that has not ended, or none.
        """
        status = str(detail.get("status"))
        if status not in _OWN_WORDS:
            raise InvalidMessage(f"AnnounceEnd: '{status}' is no end of an execution")
        return cls(
            execution_id=detail["name"],
            status=status,
            ended_ms=int(detail.get("stopDate") or 0),
            request=_parse_request(detail.get("input")),
            error=detail.get("error") or "",
            cause=detail.get("cause") or "",
        )


@dataclass(frozen=True)
class RunEnded(JsonRecord):
    """What people and programs are told; the ``detail`` of our event.

    Attributes
    ----------
    execution_id, run_id, dataset : str
        Which run; ``run_id`` is empty if it was never planned.
    status : str
        ``succeeded``, ``invalid_input`` (the user must act), ``failed``, ``timed_out`` or
        ``cancelled``.
    reused : bool
        The results were there already.
    results : str
        URL of the folder with the results; empty if there are none.
    n_annotations : int
        Rows of ``annotations.csv``.
    n_by_fdr : dict of str to int
        How many of them are within each FDR level, such as ``{"0.05": 12, "0.1": 20}``.
    error, message, advice : str
        Of a run without results: error class, what was wrong, what to do.
    warnings : tuple of str
        Of a run with results: what its user should know.
    """

    execution_id: str
    run_id: str
    dataset: str
    status: str
    reused: bool
    results: str
    n_annotations: int
    n_by_fdr: dict[str, Any]
    error: str
    message: str
    advice: str
    warnings: tuple[str, ...]


def settle_status(end: ExecutionEnd, stores: Stores) -> RunStatus:
    """Return the status of an ended execution, after writing it if the run did not.

    Called again for the same end it finds what it wrote, and writes nothing.
    """
    own = _own_status(end, stores.results)
    if own is not None and own.status in _OWN_WORDS[end.status]:
        return own
    status = _make_up(end, stores)
    write_status(stores.results, status)
    return status


def summarise_end(
    end: ExecutionEnd, status: RunStatus, stores: Stores, results_url: str
) -> RunEnded:
    """Bring together what there is to tell of an ended execution.

    Parameters
    ----------
    end : ExecutionEnd
        What Step Functions said.
    status : RunStatus
        What `settle_status` returned.
    stores : Stores
        Where ``run.json`` and the claim are.
    results_url : str
        URL of the results bucket, as people are to see it.

    Raises
    ------
    MissingObject
        If the status names results whose ``run.json`` is gone.
    """
    folder = status.results or ""
    record = RunRecord.from_json(stores.results.read_json(f"{folder}/{RECORD}")) if folder else None
    n_by_fdr: Counter[str] = Counter()
    for row in record.summary if record else ():
        n_by_fdr.update(row.counts)
    n_by_fdr.pop("all", None)
    return RunEnded(
        execution_id=end.execution_id,
        run_id=record.run_id if record else status.run_id or "",
        dataset=_dataset_name(end, stores.work),
        status=status.status,
        reused=bool(status.reused),
        results=f"{results_url}/{folder}" if folder else "",
        n_annotations=record.n_annotations if record else 0,
        n_by_fdr=dict(n_by_fdr),
        error=status.error or "",
        message=(status.message or "")[:_MOST_SIGNS],
        advice=status.advice or "",
        warnings=record.warnings[:_MOST_WARNINGS] if record else (),
    )


def _own_status(end: ExecutionEnd, results: Store) -> RunStatus | None:
    """Return what the run said itself, None if it said nothing that can be understood."""
    try:
        return RunStatus.from_json(results.read_json(keys.status(end.execution_id)))
    except (MissingObject, InvalidMessage):
        return None


def _make_up(end: ExecutionEnd, stores: Stores) -> RunStatus:
    """Return a status from what Step Functions says, and from the plan if there is one."""
    status, error, message, advice = _MADE_UP[end.status]
    plan = _find_plan(end, stores.work)
    if status == "succeeded" and plan is not None:
        folder = keys.results(plan.dataset_id, plan.run_id)
        return RunStatus(status, end.execution_id, reused=False, results=folder)
    return RunStatus(
        status,
        end.execution_id,
        error=end.error or error,
        message=read_words(stores.work, end.cause) or message,
        advice=advice,
        dataset=_dataset_name(end, stores.work),
        run_id=plan.run_id if plan else "",
    )


def _find_plan(end: ExecutionEnd, work: Store) -> RunPlan | None:
    """Return the plan, None if there is none or another version of ionbox wrote it."""
    try:
        return read_plan(work, end.execution_id)
    except (MissingObject, InvalidMessage):
        return None


def _dataset_name(end: ExecutionEnd, work: Store) -> str:
    """Return the best name there is: from the input, the claim, or else the execution's own."""
    if end.request is not None:
        return end.request.dataset.name
    return find_dataset_name(work, end.execution_id) or end.execution_id


def _parse_request(text: Any) -> RunRequest | None:
    """Return an execution's input; an event may lack it, and operators may give anything."""
    try:
        return RunRequest.from_json(json.loads(text))
    except (TypeError, ValueError, InvalidMessage):
        return None
