"""Intake: whatever events arrive, and whenever it breaks off, each drop becomes one execution."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.events.claims import (
    Attempt,
    claim_run,
    identify_claim,
    read_attempts,
)
from ionbox_cloud.events.drops import DroppedDataset, find_drop
from ionbox_cloud.events.executions import Executions, open_executions
from ionbox_cloud.events.run_queue import RunQueue
from ionbox_cloud.messages import ConfigLayer, DatasetFiles, RunRequest
from ionbox_cloud.store import Store
from moto.s3.models import s3_backends

from tests.handlers.aws_account import (
    ACCOUNT,
    DEFAULTS,
    Account,
    created,
)
from tests.handlers.of_events.drops import PAIR, Crashed, drop_pair
from tests.patience import PATIENCE_S

NewAccount = Callable[..., Account]
SIDECAR = "20261123/mouse.json"
FAILURES = ["FAILED", "TIMED_OUT", "ABORTED"]


def attempts_at(account: Account, key: str = PAIR[0]) -> list[Attempt]:
    drop = find_drop(account.stores.inbox, key)
    assert isinstance(drop, DroppedDataset)
    return read_attempts(account.stores.work, identify_claim(drop))


# --- one drop, one execution ----------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1), (1, 1, 0), (0, 0, 1, 1, 0)])
def test_events_in_any_order_and_repeated_start_one_execution(
    account: Account, order: tuple[int, ...]
) -> None:
    events = drop_pair(account)
    for which in order:
        account.intake(events[which])
        account.settle()
    account.intake(*events)
    account.settle()
    assert len(account.executions()) == 1
    assert account.count(account.run_queue_url) == 0


def test_clients_are_made_of_what_is_needed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client takes a tenth of a second, and most drops give nothing to complain of."""
    import boto3

    made: list[str] = []
    make = boto3.client

    def note(service: str, **options: Any) -> Any:
        made.append(service)
        return make(service, **options)

    first = account.drop(PAIR[0])
    open_client.cache_clear()
    open_executions.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(boto3, "client", note)
        account.intake(first)
        assert made == []
        second = account.drop(PAIR[1])
        account.intake(second, first, second)
    assert sorted(made) == ["sqs", "stepfunctions"]


@pytest.mark.parametrize("first", PAIR)
def test_half_a_dataset_waits_quietly_for_the_other_half(account: Account, first: str) -> None:
    account.intake(account.drop(first))
    assert account.count(account.run_queue_url) == account.count(account.kick_queue_url) == 0
    assert account.stores.work.list("") == []
    (second,) = set(PAIR) - {first}
    account.intake(account.drop(second))
    account.settle()
    assert len(account.executions()) == 1
    assert account.mail() == []


def test_intakes_at_once_start_one_execution(account: Account) -> None:
    events = drop_pair(account) * 4
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(account.intake, events))
    account.settle()
    assert len(account.executions()) == 1
    assert len(attempts_at(account)) == 1


def test_intake_and_start_runs_at_once_start_one_execution(account: Account) -> None:
    events = drop_pair(account)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(account.intake, event) for event in events * 3]
        done += [pool.submit(account.start_runs) for _ in range(4)]
        for each in done:
            each.result(PATIENCE_S)
    account.settle()
    assert len(account.executions()) == 1


def test_the_execution_is_asked_for_the_dataset_with_the_stacks_defaults(account: Account) -> None:
    account.drop(SIDECAR, b'{"ppm": 5}')
    account.intake(*drop_pair(account))
    account.settle()
    (request,) = account.requests()
    assert RunRequest.from_json(request) == RunRequest(
        DatasetFiles("mouse", *PAIR, SIDECAR),
        databases=(),
        config=(),
        defaults=(ConfigLayer("the stack's defaults", DEFAULTS),),
    )


def test_an_execution_is_named_by_claim_and_attempt(account: Account) -> None:
    account.intake(*drop_pair(account))
    account.settle()
    (attempt,) = attempts_at(account)
    assert account.executions() == [f"{attempt.claim_id}-1"] == [attempt.execution_id]
    assert len(attempt.execution_id) < 80
    assert attempt.dataset == "mouse"
    assert account.stores.work.list("claims") == [keys.claim_attempt(attempt.claim_id, 1)]


def test_datasets_in_two_folders_or_with_other_content_are_two_runs(account: Account) -> None:
    account.intake(*drop_pair(account))
    others = [account.drop(key.replace("mouse", "rat/mouse"), b"data") for key in PAIR]
    account.intake(*others)
    account.intake(account.drop(PAIR[1], b"another ibd"))
    assert len(set(account.take(account.run_queue_url))) == 3


def test_a_sidecar_that_comes_later_asks_for_another_run(account: Account) -> None:
    account.intake(*drop_pair(account))
    account.intake(account.drop(SIDECAR, b'{"ppm": 5}'))
    account.intake(created(SIDECAR), *map(created, PAIR))
    account.settle()
    sidecars = [request["dataset"]["sidecar_key"] for request in account.requests()]
    assert sidecars == [None, SIDECAR]


def test_a_sidecar_alone_asks_for_nothing(account: Account) -> None:
    account.intake(account.drop(SIDECAR, b"{}"))
    assert account.stores.work.list("") == []


@pytest.mark.parametrize("sidecar", [b"{", b"[1]", b"\xff"])
def test_a_sidecar_that_cannot_be_read_is_left_for_the_run_to_refuse(
    account: Account, sidecar: bytes
) -> None:
    account.drop(SIDECAR, sidecar)
    account.intake(*drop_pair(account))
    account.settle()
    assert len(account.executions()) == 1


STEPS = [
    *((Store, "create"), (RunQueue, "add"), (RunQueue, "kick")),
    *((RunQueue, "receive"), (Executions, "start"), (RunQueue, "remove")),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_crash_at_any_step_neither_loses_nor_doubles_the_run(
    account: Account, monkeypatch: pytest.MonkeyPatch, owner: type, step: str, after: bool
) -> None:
    original = getattr(owner, step)

    def crash(*arguments: Any) -> Any:
        if after:
            original(*arguments)
        raise Crashed

    events = drop_pair(account)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(Crashed):
            account.intake(events[0])
            account.settle()
    account.forget_process()
    account.show_all()
    account.intake(events[0])  # Lambda calls again, or the other event arrives
    account.settle()
    assert len(account.executions()) == 1
    account.show_all()
    account.intake(events[1])
    RunQueue(*queue_arguments(account)).kick()
    account.settle()
    assert len(account.executions()) == 1
    assert account.count(account.run_queue_url) == account.count(account.dead_url) == 0


def queue_arguments(account: Account) -> tuple[Any, str, str]:
    return open_client("sqs"), account.run_queue_url, account.kick_queue_url


# --- dropped again: the table in claims.py --------------------------------------------------------


def state_of_last(account: Account, state: str) -> None:
    """Bring the last attempt into a state: in the queue, or an execution with a status."""
    if state != "waits":
        account.settle()
        if state != "RUNNING":
            account.end(account.executions()[-1], state)
            account.settle()


AGAIN, NOTHING, NEXT = "queued again", "nothing", "next attempt"
TABLE = [
    # the last attempt, repeated event, dropped again, sidecar dropped again with force
    ("waits", AGAIN, AGAIN, NEXT),
    ("RUNNING", NOTHING, NOTHING, NEXT),
    ("SUCCEEDED", NOTHING, NOTHING, NEXT),
    *((status, NOTHING, NEXT, NEXT) for status in FAILURES),
]
ROWS = [
    (state, what, expected)
    for state, *outcomes in TABLE
    for what, expected in zip(("repeated", "again", "forced"), outcomes, strict=True)
]


@pytest.mark.parametrize("versioned", [True, False], ids=["versions", "no versions"])
@pytest.mark.parametrize(("state", "what", "expected"), ROWS)
def test_every_row_of_the_table(
    new_account: NewAccount, state: str, what: str, expected: str, versioned: bool
) -> None:
    account = new_account(versioned=versioned)
    settings = b'{"force": true}' if what == "forced" else b'{"force": false}'
    events = [account.drop(SIDECAR, settings), *drop_pair(account)]
    if not versioned:
        age(account)
    account.intake(events[0])
    state_of_last(account, state)
    account.take(account.run_queue_url)
    if what != "repeated":
        key = SIDECAR if what == "forced" else PAIR[0]
        data = settings if what == "forced" else f"bytes of {key}".encode()
        events = [account.drop(key, data)]
    account.intake(events[-1])
    queued = [json.loads(body)["execution_id"] for body in account.take(account.run_queue_url)]
    numbers = [int(name.rpartition("-")[2]) for name in queued]
    assert numbers == {AGAIN: [1], NOTHING: [], NEXT: [2]}[expected]
    assert len(attempts_at(account)) == (2 if expected == NEXT else 1)
    account.take(account.run_queue_url)
    account.intake(events[-1])  # and its repetition
    assert {
        json.loads(body)["execution_id"] for body in account.take(account.run_queue_url)
    } == set(queued)


def age(account: Account) -> None:
    """S3 tells the time of a write in seconds: make what lies there older."""
    bucket = s3_backends[ACCOUNT]["aws"].buckets[account.environment["IONBOX_INBOX"][5:]]
    for key in bucket.keys.values():
        key.last_modified -= timedelta(seconds=9)


def test_files_of_one_drop_that_arrive_apart_force_one_attempt(account: Account) -> None:
    all_keys = [SIDECAR, *PAIR]
    contents = dict.fromkeys(all_keys, b'{"force": true}')
    account.intake(*[account.drop(key, contents[key]) for key in all_keys])
    account.settle()
    for key in all_keys:  # dropped again, one after the other
        account.intake(account.drop(key, contents[key]))
    assert [attempt.number for attempt in attempts_at(account)] == [1, 2]


def test_a_failed_run_that_is_dropped_again_file_by_file_is_started_again_once(
    account: Account,
) -> None:
    account.intake(*drop_pair(account))
    state_of_last(account, "FAILED")
    for key in PAIR:
        account.intake(account.drop(key, f"bytes of {key}".encode()))
    account.settle()
    assert [name.rpartition("-")[2] for name in account.executions()] == ["1", "2"]


def test_a_late_event_of_the_first_drop_does_not_restart_the_second(account: Account) -> None:
    events = drop_pair(account)
    account.intake(*events)
    state_of_last(account, "FAILED")
    account.intake(*drop_pair(account))
    state_of_last(account, "ABORTED")
    account.intake(*events)
    account.settle()
    assert len(account.executions()) == 2


def test_intakes_of_a_second_drop_at_once_start_one_attempt(account: Account) -> None:
    account.intake(*drop_pair(account))
    state_of_last(account, "FAILED")
    events = drop_pair(account) * 4
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(account.intake, events))
    account.settle()
    assert [name.rpartition("-")[2] for name in account.executions()] == ["1", "2"]


def test_who_loses_the_race_for_an_attempt_looks_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_pair(account)
    stores = account.stores
    drop = find_drop(stores.inbox, PAIR[0])
    assert isinstance(drop, DroppedDataset)

    def be_overtaken(key: str, data: bytes) -> bool:
        winner = Attempt.from_json(json.loads(data))
        stores.work.write(key, json.dumps(replace(winner, versions=("",)).to_json()).encode())
        return False

    executions = Executions(AlwaysRunning(), "arn:aws:states:::stateMachine:ionbox")
    monkeypatch.setattr(stores.work, "create", be_overtaken)
    run = claim_run(drop, stores.inbox, stores.work, executions, {})
    assert run is None
    assert [attempt.versions for attempt in attempts_at(account)] == [("",)]


class AlwaysRunning:
    """A client of Step Functions that knows every execution."""

    def describe_execution(self, **_: str) -> Any:
        return {"status": "RUNNING"}
