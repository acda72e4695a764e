"""Claims: each drop becomes one execution, however often and in whatever order events arrive.

A claim is a dataset by name and content: a hash of its key and of the ETags of imzML, ibd and
sidecar. Each execution that it gets is an attempt, written down before anything else happens, by
conditional put, with the versions of the objects that were dropped. An execution's name is the
claim and the number of the attempt, and Step Functions takes a name once, so neither two events at
once nor a repeated one can start the same attempt twice.

What is done depends on the claim's last attempt and on whether one of its attempts knows the
versions that lie in the inbox now. If one does, the event is a repetition; otherwise the same files
were dropped again:

==========================  ======================  ====================  ======================
the last attempt            repeated event          dropped again         sidecar dropped again,
                                                                          with ``force``
==========================  ======================  ====================  ======================
there is none               (cannot be)             first attempt         first attempt
has no execution: waits,    queued again            queued again          next attempt
or intake broke off
runs, or has succeeded      nothing                 nothing               next attempt
failed, timed out, aborted  nothing                 next attempt          next attempt
==========================  ======================  ====================  ======================

To queue again is harmless, and needed if intake broke off between claim and queue. ``force`` takes
effect once per drop of the *sidecar*: imzML, ibd and sidecar arrive as three events, which would
otherwise force three attempts.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ionbox_science.errors import InvalidConfig

from ionbox_cloud import keys
from ionbox_cloud.events.drops import DroppedDataset
from ionbox_cloud.events.executions import Executions, ExecutionStatus
from ionbox_cloud.identity import hash_content
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import ConfigLayer, RunRequest, WaitingRun
from ionbox_cloud.storage.object_bytes import encode_json
from ionbox_cloud.store import Store

DEFAULTS_SOURCE = "the stack's defaults"
"""Where messages to the user say that a setting comes from if nobody gave it."""


class Verdict(enum.Enum):
    """What to do about a drop."""

    NEXT_ATTEMPT = enum.auto()
    QUEUE_AGAIN = enum.auto()
    NOTHING = enum.auto()


@dataclass(frozen=True)
class Attempt(JsonRecord):
    """One attempt at a claim. Kept for months, so it holds nothing that later versions may change.

    Attributes
    ----------
    claim_id : str
        Identity of what was dropped, see `identify_claim`.
    number : int
        Place among the claim's attempts, from 1.
    dataset : str
        Name of the dataset.
    versions : tuple of str
        Of imzML, ibd and, if there is one, sidecar when this attempt was made.
    """

    claim_id: str
    number: int
    dataset: str
    versions: tuple[str, ...]

    @property
    def execution_id(self) -> str:
        """The name of its execution."""
        return f"{self.claim_id}-{self.number}"


def identify_claim(drop: DroppedDataset) -> str:
    """Return the identity of a dataset by key and content, as storage tells them.

    Nothing is read: ETags of three files are enough to tell drops apart, and Intake stays quick.
    The run's own identity, by content alone, is made by PlanRun.
    """
    return hash_content(encode_json(["claim", drop.files.imzml_key, list(drop.etags)]))


def claim_run(
    drop: DroppedDataset,
    inbox: Store,
    work: Store,
    executions: Executions,
    defaults: dict[str, Any],
) -> WaitingRun | None:
    """Return the run to queue for a drop, if any; see the table above.

    Parameters
    ----------
    drop : DroppedDataset
        What lies in the inbox now.
    inbox, work : Store
        Where the sidecar is read, and where attempts are written down.
    executions : Executions
        Asked how the last attempt's execution is.
    defaults : dict
        The stack's settings of runs, weaker than all others.

    Returns
    -------
    WaitingRun or None
        The run; None if the claim runs, is done, or this event is a repetition.
    """
    claim_id = identify_claim(drop)
    force = _wants_force(drop, inbox)
    while True:  # each round that does not return found an attempt more than the last
        attempts = read_attempts(work, claim_id)
        status = executions.status(attempts[-1].execution_id) if attempts else None
        verdict = decide(attempts, drop, status, force=force)
        if verdict is Verdict.NOTHING:
            return None
        if verdict is Verdict.QUEUE_AGAIN:
            return _run_of(attempts[-1], drop, defaults)
        attempt = Attempt(claim_id, len(attempts) + 1, drop.files.name, drop.versions)
        key = keys.claim_attempt(claim_id, attempt.number)
        # False if another event made this attempt meanwhile: look again at what is there now
        if work.create(key, encode_json(attempt.to_json())):
            return _run_of(attempt, drop, defaults)


def decide(
    attempts: Sequence[Attempt],
    drop: DroppedDataset,
    status: ExecutionStatus | None,
    *,
    force: bool,
) -> Verdict:
    """Decide what to do about a drop.

    Parameters
    ----------
    attempts : sequence of Attempt
        Those of its claim, in order.
    drop : DroppedDataset
        What lies in the inbox now.
    status : ExecutionStatus or None
        That of the last attempt's execution, None if there is none.
    force : bool
        What the sidecar asks for.

    Returns
    -------
    Verdict
        As the table above says.
    """
    repeated = any(attempt.versions == drop.versions for attempt in attempts)
    sidecar = drop.versions[2:]
    forced = force and not any(attempt.versions[2:] == sidecar for attempt in attempts)
    if not attempts or forced:
        return Verdict.NEXT_ATTEMPT
    if status is None:
        return Verdict.QUEUE_AGAIN
    if status.is_failure and not repeated:
        return Verdict.NEXT_ATTEMPT
    return Verdict.NOTHING


def read_attempts(work: Store, claim_id: str) -> list[Attempt]:
    """Read the attempts at a claim, in order."""
    return [Attempt.from_json(work.read_json(key)) for key in work.list(keys.claim(claim_id))]


def find_dataset_name(work: Store, execution_id: str) -> str | None:
    """Return the name of the dataset of an execution; None if no claim started it.

    People may start executions too, under names of their own.
    """
    claim_id, _, number = execution_id.rpartition("-")
    key = keys.claim_attempt(claim_id, int(number)) if number.isdecimal() else ""
    return Attempt.from_json(work.read_json(key)).dataset if key and work.exists(key) else None


def _run_of(attempt: Attempt, drop: DroppedDataset, defaults: dict[str, Any]) -> WaitingRun:
    layers = (ConfigLayer(DEFAULTS_SOURCE, defaults),) if defaults else ()
    request = RunRequest(drop.files, databases=(), config=(), defaults=layers)
    return WaitingRun(attempt.execution_id, request, drop.n_bytes)


def _wants_force(drop: DroppedDataset, inbox: Store) -> bool:
    """Say whether the sidecar asks for a new attempt.

    One that cannot be read asks for nothing here: PlanRun refuses it, in words the user will see.
    """
    key = drop.files.sidecar_key
    if key is None:
        return False
    # not above: most drops have no sidecar, and the science takes longer to import than Intake does
    from ionbox_science.config import parse_settings

    try:
        return parse_settings(inbox.read(key), key).get("force") is True
    except InvalidConfig:
        return False
