"""Intake: whatever events arrive, each drop becomes one execution."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from ionbox_cloud import keys
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.errors import InvalidMessage, MissingObject
from ionbox_cloud.events.claims import (
    DEFAULTS_SOURCE,
    Attempt,
    claim_run,
    identify_claim,
    read_attempts,
)
from ionbox_cloud.events.drops import DroppedDataset, Ignored, find_drop
from ionbox_cloud.events.executions import Executions
from ionbox_cloud.events.notices import Topic
from ionbox_cloud.events.run_queue import RunQueue
from ionbox_cloud.messages import ConfigLayer, DatabaseFile, DatasetFiles, RunRequest
from ionbox_cloud.store import Store
from moto.s3.models import s3_backends

from tests.handlers.aws_account import (
    ACCOUNT,
    DEFAULTS,
    Account,
    call_event_handler,
    created,
    read_event,
)
from tests.handlers.in_memory import InMemoryRun
from tests.imzml_builder import Pair
from tests.patience import PATIENCE_S

NewAccount = Callable[..., Account]
PAIR = ("20261123/mouse.imzML", "20261123/mouse.ibd")
SIDECAR = "20261123/mouse.json"
FAILURES = ["FAILED", "TIMED_OUT", "ABORTED"]


def drop_pair(account: Account) -> list[dict[str, Any]]:
    return [account.drop(key, f"bytes of {key}".encode()) for key in PAIR]


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


# --- a crash between any two steps ----------------------------------------------------------------


class Crashed(Exception):  # noqa: N818
    pass


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


# --- keys -----------------------------------------------------------------------------------------

STEMS = [
    "mouse",
    "20261123/mouse brain #2 (50%, +ü)/täglich.neu",
    "a+b/c%20d/e&f=g;h~[i]{j}'k\"l!$@^|\\",
    "databases2/x",
]


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "encoded"])
@pytest.mark.parametrize("stem", STEMS)
def test_keys_have_any_signs(account: Account, stem: str, encoded: bool) -> None:
    assert started_from(account, stem, (".imzML", ".ibd"), encoded)["name"] == stem.split("/")[-1]


@pytest.mark.parametrize("suffixes", [(".IMZML", ".IBD"), (".imzml", ".Ibd")], ids="".join)
def test_suffixes_have_any_case(account: Account, suffixes: tuple[str, str]) -> None:
    assert started_from(account, "a/mouse", suffixes)["name"] == "mouse"


def started_from(
    account: Account, stem: str, suffixes: tuple[str, str], encoded: bool = False
) -> dict[str, Any]:
    """Drop a dataset; returns what its execution is asked for."""
    for suffix in suffixes:
        account.drop(stem + suffix)
    key = stem + suffixes[0]
    account.intake(created(quote_plus(key, safe="/") if encoded else key))
    account.settle()
    (request,) = account.requests()
    dataset: dict[str, Any] = request["dataset"]
    assert [dataset["imzml_key"], dataset["ibd_key"]] == [stem + suffix for suffix in suffixes]
    return dataset


def memory(*keys: str) -> Store:
    store = Store.open("memory://")
    for key in keys:
        store.write(key, b"")
    return store


@pytest.mark.parametrize("order", [*itertools.permutations(["x.ibd", "x.IBD", "x.Ibd"])])
def test_of_files_that_differ_in_case_the_usual_one_counts(order: tuple[str, ...]) -> None:
    drop = find_drop(memory(*order, "x.imzml", "x.IMZML"), order[0])
    assert isinstance(drop, DroppedDataset)
    assert (drop.files.ibd_key, drop.files.imzml_key) == ("x.ibd", "x.IMZML")


@pytest.mark.parametrize("other", ["a/xy.ibd", "a/x.b.ibd", "x.ibd", "a/x/x.ibd", "a/X.ibd"])
def test_a_sibling_has_the_same_name_in_the_same_folder(other: str) -> None:
    drop = find_drop(memory("a/x.imzML", other), "a/x.imzML")
    assert drop == Ignored("a/x", "waits for its .ibd")


@pytest.mark.parametrize(
    "key",
    [
        *("notes.txt", "mouse_truth.csv", "a/b.tsv", "databases/x.json", "databases/x.imzML"),
        *("databases/a/x.tsv", "databases/", "folder/", "imzML", ".imzML", "databases/x"),
        *("a/._mouse.imzML", "databases/._x.tsv"),
    ],
)
def test_anything_else_is_ignored(account: Account, key: str) -> None:
    account.intake(created(key))
    assert account.stores.work.list("") == account.stores.results.list("") == []
    assert account.mail() == []
    assert isinstance(find_drop(memory(), key), Ignored)


@pytest.mark.parametrize("key", ["a//x.imzML", "/x.ibd", "a/../x.json", "a/\x01.imzML"])
def test_people_are_told_of_a_key_that_cannot_be_read(account: Account, key: str) -> None:
    account.intake(created(key))
    ((subject, text),) = account.mail()
    assert subject == "ionbox: a file was not taken"
    assert text.startswith(key)
    assert text.endswith("upload it under another.")


@pytest.mark.parametrize("key", ["x.imzML", "a%2F%2Fx.imzML"])
def test_what_was_removed_meanwhile_is_ignored(key: str) -> None:
    assert find_drop(memory(), key) == Ignored(key, "it is gone")


def test_a_file_that_is_removed_while_one_looks_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inbox = memory("x.imzML", "x.ibd")
    monkeypatch.setattr(inbox, "facts", lambda key: None)
    monkeypatch.setattr(inbox, "exists", lambda key: True)
    with pytest.raises(MissingObject, match=r"one of x\.imzML, x\.ibd was removed"):
        find_drop(inbox, "x.imzML")


def test_an_event_of_another_kind_is_refused(account: Account) -> None:
    event = created("x.imzML") | {"detail-type": "Object Deleted"}
    with pytest.raises(InvalidMessage, match="Intake: no Object Created"):
        account.intake(event)


# --- databases ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["databases/my acids+.tsv", "databases/my acids+.CSV"])
def test_a_database_is_registered(account: Account, key: str) -> None:
    account.intake(account.drop(key, b"id,name,formula\n1,sugar,C6H12O6\n"))
    record = account.stores.results.read_json(keys.registered_database("my acids+"))
    assert record.pop("content_id")
    assert record == {
        "name": "my acids+",
        "key": key,
        "status": "ok",
        "n_molecules": 1,
        "message": "",
    }
    assert account.mail() == []


def test_people_are_told_once_of_a_database_that_cannot_be_used(account: Account) -> None:
    event = account.drop("databases/bad.tsv", b"formula\nX1\n")
    account.intake(event, event)
    ((subject, text),) = account.mail()
    assert subject == "ionbox: database bad cannot be used as it is"
    assert "database 'bad': 1 of 1 rows cannot be used" in text
    assert "line 2:" in text
    assert "drop it again" in text
    record = account.stores.results.read_json(keys.registered_database("bad"))
    assert (record["status"], record["n_molecules"]) == ("invalid", 0)
    assert record["message"].startswith("database 'bad'")


def test_a_corrected_database_is_registered_anew(account: Account) -> None:
    account.intake(account.drop("databases/bad.tsv", b"formula\nX1\n"))
    account.intake(account.drop("databases/bad.tsv", b"formula\nC6H12O6\n"))
    assert account.stores.results.read_json(keys.registered_database("bad"))["status"] == "ok"
    account.intake(account.drop("databases/bad.tsv", b"formula\nX1\n"))
    assert len(account.mail()) == 2


def test_a_complaint_that_failed_is_made_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = account.drop("databases/bad.tsv", b"formula\nX1\n")

    def crash(*_: Any) -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr(Topic, "tell", crash)
        with pytest.raises(Crashed):
            account.intake(event)
    account.intake(event)
    assert len(account.mail()) == 1


# --- from the drop to the plan --------------------------------------------------------------------


def test_what_is_queued_is_what_the_first_state_accepts(account: Account, tissue: Pair) -> None:
    account.drop("a/tissue.json", json.dumps({"analyzer": "orbitrap", "adducts": ["+H"]}).encode())
    account.drop("a/tissue.imzML", tissue.source)
    account.intake(account.drop("a/tissue.ibd", tissue.ibd))
    account.settle()
    (request,) = account.requests()
    run = InMemoryRun(account.stores, RunRequest.from_json(request), account.executions()[0])
    run.plan()
    assert [database.name for database in run.planned.databases] == ["lipids"]
    assert "databases: lipids from the stack's defaults" in run.planned.warnings
    assert DEFAULTS_SOURCE in run.planned.warnings[-1]


@pytest.mark.parametrize(
    "missing", ["IONBOX_INBOX", "IONBOX_STATE_MACHINE", "IONBOX_RUN_QUEUE", "IONBOX_TOPIC"]
)
def test_a_missing_setting_is_named(
    account: Account, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(InvalidMessage, match=f"not set in the environment: {missing}"):
        account.intake(created("x.imzML"))


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_a_default_config_that_is_no_object_is_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("IONBOX_DEFAULT_CONFIG", text)
    with pytest.raises(InvalidMessage, match="IONBOX_DEFAULT_CONFIG: no JSON object"):
        account.intake(created("x.imzML"))


def test_a_stack_without_defaults_asks_without(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IONBOX_DEFAULT_CONFIG", "{}")
    account.intake(*drop_pair(account))
    (body,) = set(account.take(account.run_queue_url))
    assert json.loads(body)["request"]["defaults"] == []


def test_the_event_file_is_understood(account: Account) -> None:
    event = read_event("intake")
    key = event["detail"]["object"]["key"]
    account.drop(key)
    account.drop(key.replace(".imzML", ".ibd"))
    call_event_handler("Intake", event)
    account.settle()
    assert len(account.executions()) == 1
    assert find_drop(memory("databases/a.tsv"), "databases/a.tsv") == DatabaseFile(
        "a", "databases/a.tsv"
    )
