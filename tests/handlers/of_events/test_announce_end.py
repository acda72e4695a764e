"""AnnounceEnd: a right status and one announcement, however an execution ended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.errors import InvalidMessage, NotDelivered
from ionbox_cloud.events import notices
from ionbox_cloud.events.claims import Attempt
from ionbox_cloud.events.notices import EventBus, Topic
from ionbox_cloud.events.run_end import ExecutionEnd, RunEnded, settle_status, summarise_end
from ionbox_cloud.messages import (
    DatasetFiles,
    ErrorOutput,
    RunFailureReport,
    RunRequest,
)
from ionbox_cloud.records.run_record import (
    DatabaseRecord,
    DatasetRecord,
    RunRecord,
    RunStatus,
    SummaryRow,
    Versions,
)
from ionbox_cloud.store import Store
from ionbox_science.config import RunConfig

from tests.handlers.aws_account import Account, call_event_handler, ended, read_event
from tests.handlers.in_memory import InMemoryRun, call

NAME = "0123456789abcdef0123456789abcdef-1"
REQUEST = RunRequest(DatasetFiles("mouse", "a/mouse.imzML", "a/mouse.ibd", None), (), (), ())
INPUT = json.dumps(REQUEST.to_json())


def announce(status: str, **detail: Any) -> None:
    detail = {"input": INPUT, "error": None, "cause": None} | detail
    call_event_handler("AnnounceEnd", ended(NAME, status, **detail))


def status_of(account: Account) -> dict[str, Any]:
    status: dict[str, Any] = account.stores.results.read_json(keys.status(NAME))
    return status


def report_failure(account: Account, kind: str = "invalid_input") -> None:
    """What ReportFailure leaves behind."""
    cause = {"errorMessage": "mouse.ibd is empty", "errorType": "InvalidDataset"}
    error = ErrorOutput("InvalidDataset", json.dumps(cause))
    call("ReportFailure", RunFailureReport(NAME, "", kind, REQUEST, error))


def publish(account: Account, *, reused: bool = False) -> None:
    """What PublishResults leaves behind."""
    record = RunRecord(
        run_id="r1",
        dataset=DatasetRecord("d1", "mouse"),
        config=RunConfig("positive", "orbitrap", 0.001, ("+H", "+K")),
        databases=(DatabaseRecord("lipids", "c1"),),
        versions=Versions("0.1.0", "1"),
        n_annotations=1234,
        warnings=("resolving_power: 140000 from the stack's defaults",),
        summary=(
            SummaryRow("lipids", "M+H", {"0.05": 1000, "0.1": 1100, "all": 1200}),
            SummaryRow("lipids", "M+K", {"0.05": 0, "0.1": 20, "all": 34}),
        ),
    )
    account.stores.results.write_json("results/d1/r1/run.json", record.to_json())
    status = RunStatus("succeeded", NAME, reused=reused, results="results/d1/r1")
    account.stores.results.write_json(keys.status(NAME), status.to_json())


# --- statuses -------------------------------------------------------------------------------------


def test_a_run_that_succeeded_is_announced_with_what_was_found(account: Account) -> None:
    publish(account)
    before = account.stores.results.read(keys.status(NAME))
    announce("SUCCEEDED")
    assert account.stores.results.read(keys.status(NAME)) == before
    ((subject, text),) = account.mail()
    url = f"{account.environment['IONBOX_RESULTS']}/results/d1/r1"
    assert subject == "ionbox: mouse annotated: 1,000 at FDR 5 %"
    assert text == (
        "Dataset: mouse\n"
        "Status: succeeded\n"
        "Annotations: 1,234\n"
        "  within FDR 5 %: 1,000\n"
        "  within FDR 10 %: 1,120\n"
        f"Results: {url}/\n"
        "\n"
        "Please note:\n"
        "  resolving_power: 140000 from the stack's defaults\n"
        "\n"
        f"To get them: aws s3 sync {url}/ results\n"
        "\n"
        f"Execution: {NAME}"
    )
    (event,) = account.announced()
    assert (event["source"], event["detail-type"]) == ("ionbox", "ionbox run ended")
    assert event["detail"] == {
        "execution_id": NAME,
        "run_id": "r1",
        "dataset": "mouse",
        "status": "succeeded",
        "reused": False,
        "results": url,
        "n_annotations": 1234,
        "n_by_fdr": {"0.05": 1000, "0.1": 1120},
        "error": "",
        "message": "",
        "advice": "",
        "warnings": ["resolving_power: 140000 from the stack's defaults"],
    }
    assert RunEnded.from_json(event["detail"]).to_json() == event["detail"]


def test_results_that_were_there_already_are_announced_as_such(account: Account) -> None:
    publish(account, reused=True)
    announce("SUCCEEDED")
    ((_, text),) = account.mail()
    assert "They were there already: equal files, settings and version." in text


@pytest.mark.parametrize("kind", ["invalid_input", "failed"])
def test_a_failure_that_the_run_reported_is_told_in_its_words(account: Account, kind: str) -> None:
    report_failure(account, kind)
    before = status_of(account)
    announce("FAILED", error="InvalidDataset", cause="{}")
    assert status_of(account) == before
    ((subject, text),) = account.mail()
    said = {"invalid_input": "cannot be annotated as it is", "failed": "failed"}
    assert subject == f"ionbox: mouse {said[kind]}"
    assert "mouse.ibd is empty" in text
    assert f"What to do: {before['advice']}" in text
    (event,) = account.announced()
    assert event["detail"]["status"] == kind
    assert event["detail"]["error"] == "InvalidDataset"
    assert event["detail"]["results"] == ""


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        (
            "FAILED",
            {"error": "States.DataLimitExceeded", "cause": "The state returned too much"},
            ("failed", "States.DataLimitExceeded", "The state returned too much"),
        ),
        ("FAILED", {}, ("failed", "States.Runtime", "the workflow broke off without saying why")),
        (
            "TIMED_OUT",
            {"error": "States.Timeout"},
            ("timed_out", "States.Timeout", "the run took longer than runs may take"),
        ),
        ("ABORTED", {}, ("cancelled", "States.Aborted", "the run was stopped")),
        (
            "ABORTED",
            {"error": "Cancelled", "cause": "by Ann"},
            ("cancelled", "Cancelled", "by Ann"),
        ),
    ],
)
def test_a_status_that_the_run_could_not_write_is_made_up(
    account: Account, status: str, detail: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    announce(status, **detail)
    written = status_of(account)
    assert (written["status"], written["error"], written["message"]) == expected
    assert written["advice"].startswith("Drop the files again")
    assert (written["dataset"], written["run_id"]) == ("mouse", "")
    assert written["ended"].endswith("+00:00")
    ((_, text),) = account.mail()
    assert expected[2] in text
    assert written["advice"] in text
    assert account.announced()[0]["detail"]["status"] == expected[0]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_results_that_were_published_stay_published(account: Account, status: str) -> None:
    publish(account)
    announce(status)
    assert status_of(account)["status"] == "succeeded"
    ((subject, _),) = account.mail()
    assert "annotated" in subject


def test_an_old_status_of_a_redriven_execution_is_replaced(account: Account) -> None:
    report_failure(account, "failed")
    announce("FAILED", stopDate=1_000)
    announce("ABORTED", stopDate=2_000)
    assert status_of(account)["status"] == "cancelled"
    assert [subject for subject, _ in account.mail()] == [
        "ionbox: mouse failed",
        "ionbox: mouse was cancelled",
    ]


def test_a_success_without_a_status_is_found_through_its_plan(run: InMemoryRun) -> None:
    run.run_all()
    before = RunStatus.from_json(run.stores.results.read_json(keys.status(run.execution_id)))
    event = ended(run.execution_id, "SUCCEEDED", input=None)
    end = ExecutionEnd.of(event["detail"])
    told = summarise_end(end, before, run.stores, "s3://results")
    run.stores.results.write_json(keys.status(run.execution_id), {})
    status = settle_status(end, run.stores)
    assert (status.status, status.results) == ("succeeded", before.results)
    assert summarise_end(end, status, run.stores, "s3://results") == told
    assert told.n_annotations == run.answers["PublishResults"]["n_annotations"]
    assert list(told.n_by_fdr) == ["0.05", "0.1", "0.2", "0.5"]
    assert told.run_id == run.ref.run_id


def test_a_run_that_was_planned_is_named(run: InMemoryRun) -> None:
    run.plan()
    end = ExecutionEnd.of(ended(run.execution_id, "ABORTED", input=None)["detail"])
    assert settle_status(end, run.stores).run_id == run.ref.run_id


def test_a_plan_of_another_version_is_no_hindrance(account: Account) -> None:
    account.stores.work.write_json(keys.run_plan(NAME), {"run_id": "r1"})
    announce("TIMED_OUT")
    assert (status_of(account)["status"], status_of(account)["run_id"]) == ("timed_out", "")


# --- whose run it was -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '"text"'])
def test_without_its_input_the_claim_tells_the_dataset(account: Account, text: str | None) -> None:
    attempt = Attempt(NAME.partition("-")[0], 1, "mouse", ("v",))
    assert attempt.execution_id == NAME
    account.stores.work.write_json(
        keys.claim_attempt(attempt.claim_id, attempt.number), attempt.to_json()
    )
    announce("ABORTED", input=text)
    assert status_of(account)["dataset"] == "mouse"


@pytest.mark.parametrize("name", [NAME, "by-hand", "noclaim"])
def test_without_either_the_execution_has_to_do(account: Account, name: str) -> None:
    call_event_handler("AnnounceEnd", ended(name, "ABORTED", input=None))
    ((subject, _),) = account.mail()
    assert subject == f"ionbox: {name} was cancelled"


# --- once, but surely -----------------------------------------------------------------------------


def test_an_end_is_announced_once(account: Account) -> None:
    for _ in range(3):
        announce("TIMED_OUT")
    assert len(account.mail()) == len(account.announced()) == 1
    assert status_of(account)["status"] == "timed_out"


class Crashed(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize(
    ("owner", "step", "key", "n_letters", "n_events"),
    [
        (Store, "write_json", "status", 1, 1),
        (Topic, "tell", "", 1, 1),
        (EventBus, "tell", "", 2, 1),  # rather told twice than never
        (Store, "write_json", "announced", 2, 2),
    ],
)
def test_what_breaks_off_is_done_again(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    step: str,
    key: str,
    n_letters: int,
    n_events: int,
) -> None:
    original = getattr(owner, step)

    def crash(self: Any, first: str, *others: Any) -> None:
        if key in first:
            raise Crashed
        original(self, first, *others)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(Crashed):
            announce("ABORTED")
    announce("ABORTED")
    announce("ABORTED")
    assert (len(account.mail()), len(account.announced())) == (n_letters, n_events)
    assert status_of(account)["status"] == "cancelled"


def test_an_event_that_is_not_taken_is_an_error() -> None:
    class Full:
        def put_events(self, **_: Any) -> Any:
            entry = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
            return {"FailedEntryCount": 1, "Entries": [entry]}

    with pytest.raises(NotDelivered, match="event 'x': ThrottlingException: later"):
        EventBus(Full(), "default").tell("x", {})


def test_a_subject_is_what_mail_allows(account: Account) -> None:
    topic = Topic(open_client("sns"), account.environment["IONBOX_TOPIC"])
    topic.tell("ionbox: Gehirn\n(ü) " + 100 * "x", "text")
    ((subject, _),) = account.mail()
    assert subject.startswith("ionbox: Gehirn?(?) xxx")
    assert len(subject) == notices.SUBJECT_LENGTH


def test_a_message_is_not_endless(account: Account) -> None:
    announce("FAILED", error="States.Runtime", cause=200_000 * "x")
    (event,) = account.announced()
    assert len(event["detail"]["message"]) == 8000


# --- the handler ----------------------------------------------------------------------------------


def test_the_event_file_is_understood(account: Account) -> None:
    event = read_event("announce_end")
    call_event_handler("AnnounceEnd", event)
    status = account.stores.results.read_json(keys.status(event["detail"]["name"]))
    assert (status["status"], status["dataset"]) == ("timed_out", "simulated")


def test_an_execution_that_runs_has_no_end(account: Account) -> None:
    with pytest.raises(InvalidMessage, match="'RUNNING' is no end"):
        announce("RUNNING")


def test_an_event_of_another_kind_is_refused(account: Account) -> None:
    with pytest.raises(InvalidMessage, match="AnnounceEnd: no Step Functions Execution Status"):
        call_event_handler("AnnounceEnd", {"detail-type": "Object Created"})


@pytest.mark.parametrize("variable", ["IONBOX_RESULTS", "IONBOX_TOPIC", "IONBOX_EVENT_BUS"])
def test_a_missing_setting_is_named(
    account: Account, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(InvalidMessage, match=f"not set in the environment: {variable}"):
        announce("ABORTED")
