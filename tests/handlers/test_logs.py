"""Logs say what happened by ids and counts; names of files are people's own."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.logs import logger, refer_to

from tests.handlers.aws_account import Account, call_event_handler, created, ended
from tests.handlers.in_memory import DATABASES, STATES, InMemoryRun

NAME = "patient-0815"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What handlers log."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def lines_of(log: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert lines  # else there is nothing that could have a name in it
    return lines


def assert_nameless(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if NAME in json.dumps(line)] == []


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (f"{NAME}.txt", "nothing to do"),
        (f"{NAME}.imzML", "nothing to do"),  # waits for its ibd
        (f"{NAME}//a.imzML", "nothing to do"),  # a mail is sent
        (f"databases/{NAME}.tsv", "registered"),
    ],
)
def test_intake_refers_to_files_by_checksum(
    account: Account, log: io.StringIO, key: str, message: str
) -> None:
    # S3 takes a key that the storage library cannot address
    event = created(key) if "//" in key else account.drop(key, b"formula\nX1\n")
    log.truncate(log.seek(0))
    account.intake(event)
    lines = lines_of(log)
    assert_nameless(lines)
    (line,) = [line for line in lines if line["message"] == message]
    stem = key.removesuffix(".imzML") if key == f"{NAME}.imzML" else key
    assert line["key_sha256"] == hashlib.sha256(stem.encode()).hexdigest()[:16]


def test_a_run_is_logged_by_its_ids_from_drop_to_end(account: Account, log: io.StringIO) -> None:
    for suffix in ("imzML", "ibd"):
        event = account.drop(f"{NAME}.{suffix}")
    log.truncate(log.seek(0))
    account.intake(event)
    account.start_runs()
    (execution_id,) = account.executions()
    request = json.dumps(account.requests()[0])
    call_event_handler("AnnounceEnd", ended(execution_id, "FAILED", input=request))
    assert NAME in json.dumps(account.mail())  # people are told names
    lines = lines_of(log)
    assert_nameless(lines)
    (claimed,) = [line for line in lines if line["message"] == "claimed"]
    assert claimed["queued"] == execution_id
    assert claimed["key_sha256"] == refer_to(f"{NAME}.imzML")["key_sha256"]
    (announced,) = [line for line in lines if line["message"] == "announced"]
    assert (announced["execution_id"], announced["status"]) == (execution_id, "failed")


def test_events_that_cannot_be_handled_are_logged_by_their_ids(
    account: Account, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = account.drop(f"{NAME}.imzML") | {"id": "event-17"}

    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr("ionbox_cloud.store.Store.list_beginning", fail)
    log.truncate(log.seek(0))
    with pytest.raises(OSError, match="no connection"):
        account.intake(event)
    lines = lines_of(log)
    assert_nameless(lines)
    assert [line["event"] for line in lines if line["message"] == "failed"] == [
        "Object Created event-17"
    ]
    with pytest.raises(InvalidMessage) as refused:
        account.intake(event | {"detail-type": "Object Deleted"})
    assert NAME not in str(refused.value)


def test_a_message_that_is_no_run_is_not_written_out(account: Account, log: io.StringIO) -> None:
    body = json.dumps({"dataset": NAME})
    open_client("sqs").send_message(QueueUrl=account.run_queue_url, MessageBody=body)
    call_kick(account)
    log.truncate(log.seek(0))
    account.start_runs()
    lines = lines_of(log)
    (line,) = [line for line in lines if "no run" in line["message"]]
    assert line["n_characters"] == len(body)
    assert_nameless(lines)


def call_kick(account: Account) -> None:
    open_client("sqs").send_message(
        QueueUrl=account.kick_queue_url,
        MessageBody="{}",
        MessageGroupId="kick",
        MessageDeduplicationId="kick-1",
    )


def test_states_log_no_name_of_a_dataset_or_database(
    new_run: Callable[..., InMemoryRun], log: io.StringIO
) -> None:
    databases = {f"{NAME}-{name}": table for name, table in DATABASES.items()}
    new_run(name=NAME, databases=databases).run_all()
    lines = lines_of(log)
    assert {line["state"] for line in lines} >= set(STATES)
    assert_nameless(lines)
