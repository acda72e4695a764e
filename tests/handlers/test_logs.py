"""Logs say what happened by ids and counts; names of files are people's own."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.error_words import read_words
from ionbox_cloud.errors import AccessDenied, InvalidMessage, NamelessError, StoreUnavailable
from ionbox_cloud.logs import logger, refer_to
from ionbox_cloud.messages import ErrorOutput, RunFailureReport
from ionbox_cloud.store import Store, Stores

from tests.handlers.aws_account import (
    Account,
    call_event_handler,
    created,
    ended,
    invoke_event_handler,
)
from tests.handlers.in_memory import DATABASES, FUNCTIONS, STATES, InMemoryRun, call, message_type
from tests.handlers.test_events import read_event
from tests.imzml_builder import Pair

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
        raise OSError(f"{NAME}: no connection")

    monkeypatch.setattr("ionbox_cloud.store.Store.list_beginning", fail)
    log.truncate(log.seek(0))
    with pytest.raises(NamelessError) as failed:
        invoke_event_handler("Intake", event)
    assert (type(failed.value).__name__, str(failed.value)) == ("OSError", "OSError")
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


@pytest.mark.usefixtures("many_images")
def test_states_log_no_name_of_a_dataset_or_database(
    new_run: Callable[..., InMemoryRun], log: io.StringIO
) -> None:
    databases = {f"{NAME}-{name}": table for name, table in DATABASES.items()}
    new_run(name=NAME, databases=databases).run_all()
    lines = lines_of(log)
    assert {line["state"] for line in lines} >= set(STATES)
    assert_nameless(lines)


# --- errors ---------------------------------------------------------------------------------------


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stores in memory pass for buckets."""
    monkeypatch.setattr(Store, "is_remote", True)


def refuse_everything(
    monkeypatch: pytest.MonkeyPatch, *, but: Callable[[str], bool] = lambda key: False
) -> None:
    """Let storage fail with an error, and one before it, that name a file."""

    def fail(method: str) -> None:
        original = getattr(Store, method)

        def refuse(store: Store, key: Any, *arguments: Any, **options: Any) -> Any:
            if but(str(key)):
                return original(store, key, *arguments, **options)
            error = StoreUnavailable(f"object '{NAME}.ibd': no answer", "SlowDown")
            error.add_note(f"of {NAME}")
            raise error from OSError(f"GET {NAME}.ibd")

        monkeypatch.setattr(Store, method, refuse)

    for method in (
        "read_view",
        "read_range",
        "write",
        "facts",
        "list",
        "list_folder",
        "list_lasting",
    ):
        fail(method)


def is_of_an_error(key: str) -> bool:
    return "/errors/" in key


@pytest.mark.usefixtures("on_aws")
@pytest.mark.parametrize("state", sorted(FUNCTIONS))
def test_what_fails_is_logged_without_its_words_which_are_kept(
    stores: Stores, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    refuse_everything(monkeypatch, but=is_of_an_error)
    message = message_type(state).from_json(read_event(FUNCTIONS[state].handler.parent.name))
    with pytest.raises(NamelessError) as failed:
        call(state, message)
    lines = lines_of(log)
    assert_nameless(lines)
    (line,) = [line for line in lines if line["message"] == "failed"]
    assert "StoreUnavailable: SlowDown" in line["exception"]
    assert "OSError" in line["exception"]
    # what Lambda logs, and what Step Functions keeps as the cause
    assert type(failed.value).__name__ == "StoreUnavailable"
    assert str(failed.value).startswith("StoreUnavailable: SlowDown; its words are in the work")
    assert NAME not in str(failed.value)
    assert failed.value.__suppress_context__
    cause = json.dumps({"errorMessage": str(failed.value), "errorType": "StoreUnavailable"})
    assert read_words(stores.work, cause) == f"object '{NAME}.ibd': no answer"


@pytest.mark.usefixtures("on_aws", "stores")
def test_an_error_whose_words_cannot_be_kept_goes_without(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_everything(monkeypatch)
    message = message_type("BuildIons").from_json(read_event("build_ions"))
    with pytest.raises(NamelessError, match="could not be kept in the work bucket") as failed:
        call("BuildIons", message)
    assert NAME not in str(failed.value)
    assert_nameless(lines_of(log))


@pytest.mark.usefixtures("stores")
def test_on_ones_own_machine_errors_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_everything(monkeypatch)
    message = message_type("BuildIons").from_json(read_event("build_ions"))
    with pytest.raises(StoreUnavailable, match=rf"object '{NAME}\.ibd': no answer"):
        call("BuildIons", message)


@pytest.mark.usefixtures("on_aws")
def test_the_user_is_told_what_logs_leave_out(
    new_run: Callable[..., InMemoryRun], tissue: Pair, log: io.StringIO
) -> None:
    run = new_run(name=NAME, pair=Pair(tissue.imzml, tissue.ibd[:-9]))
    with pytest.raises(NamelessError) as refused:
        run.plan()
    assert type(refused.value).__name__ == "InvalidDataset"
    assert NAME not in str(refused.value)
    cause = json.dumps({"errorMessage": str(refused.value), "errorType": "InvalidDataset"})
    error = ErrorOutput("InvalidDataset", cause)
    call(
        "ReportFailure",
        RunFailureReport(run.execution_id, "", "invalid_input", run.request, error),
    )
    status = run.stores.results.read_json(f"executions/{run.execution_id}/status.json")
    assert f"{NAME}.ibd is truncated" in status["message"]
    assert_nameless(lines_of(log))


@pytest.mark.usefixtures("on_aws")
def test_an_item_of_a_map_fails_with_its_own_words(
    new_run: Callable[..., InMemoryRun], log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(name=NAME).run_before("AnnotateSegments")
    (item, *_) = run.items("AnnotateSegments")
    with monkeypatch.context() as patch, pytest.raises(NamelessError) as failed:
        refuse_everything(patch, but=is_of_an_error)
        call("AnnotateSegments", message_type("AnnotateSegments").from_json(item))
    run.fail_item("AnnotateSegments", item["item"], "StoreUnavailable", str(failed.value))
    with pytest.raises(NamelessError) as gathered:
        run.run("EstimateFdr")
    assert type(gathered.value).__name__ == "StoreUnavailable"
    assert NAME not in str(gathered.value)
    words = read_words(run.stores.work, str(gathered.value))
    assert words.startswith("AnnotateSegments item 0 (")
    assert f"object '{NAME}.ibd': no answer" in words
    assert_nameless(lines_of(log))


@pytest.mark.parametrize("function", ["StartRuns", "AnnounceEnd"])
def test_event_functions_fail_without_words(
    account: Account, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AccessDenied(f"object '{NAME}.imzML': no permission", "Forbidden")

    monkeypatch.setattr("ionbox_cloud.events.run_queue.RunQueue.receive", fail)
    monkeypatch.setattr("ionbox_cloud.events.run_end.write_status", fail)
    event = ended("0123-1", "FAILED") if function == "AnnounceEnd" else read_event("start_runs")
    log.truncate(log.seek(0))
    with pytest.raises(NamelessError) as failed:
        invoke_event_handler(function, event)
    assert (type(failed.value).__name__, str(failed.value)) == (
        "AccessDenied",
        "AccessDenied: Forbidden",
    )
    assert_nameless(lines_of(log))
