"""What Intake makes of keys and databases in the inbox, and what a plan makes of a drop."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import InvalidMessage, MissingObject
from ionbox_cloud.events.claims import DEFAULTS_SOURCE
from ionbox_cloud.events.drops import DroppedDataset, Ignored, find_drop
from ionbox_cloud.events.notices import Topic
from ionbox_cloud.messages import DatabaseFile, RunRequest
from ionbox_cloud.store import Store

from tests.handlers.aws_account import (
    Account,
    call_event_handler,
    created,
    read_event,
)
from tests.handlers.in_memory import InMemoryRun
from tests.handlers.of_events.drops import Crashed, drop_pair
from tests.imzml_builder import Pair

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
