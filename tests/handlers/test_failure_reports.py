"""RecordFailure, ReportFailure, and what every handler does around its step."""

from __future__ import annotations

import json

import pytest
from in_memory import FUNCTIONS, MAPS, STATES, InMemoryRun, call
from ionbox.local.runtime import Call, LambdaContext, load_handler
from ionbox_cloud import keys
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.messages import ErrorOutput, ItemFailureReport, RunFailureReport
from ionbox_cloud.run_record import summarise_calls
from ionbox_cloud.settings import WORK_VARIABLE
from ionbox_cloud.store import Stores


def report(run: InMemoryRun, kind: str, error: str, cause: str, run_id: str = "") -> dict:
    error_output = ErrorOutput(error, cause)
    message = RunFailureReport(run.execution_id, run_id, kind, run.request, error_output)
    assert call("ReportFailure", message) == {}
    status = run.stores.results.read_json(keys.status(run.execution_id))
    assert status.pop("ended").endswith("+00:00")
    return status


def test_invalid_input_is_reported_with_what_to_do(run: InMemoryRun) -> None:
    cause = {"errorMessage": "tissue.ibd is empty", "errorType": "InvalidDataset"}
    status = report(run, "invalid_input", "InvalidDataset", json.dumps(cause))
    assert status == {
        "execution_id": run.execution_id,
        "status": "invalid_input",
        "error": "InvalidDataset",
        "message": "tissue.ibd is empty",
        "advice": "Correct the input and run again.",
        "dataset": "tissue",
        "run_id": "",
    }


@pytest.mark.parametrize("cause", ["Task timed out", "[1]", '{"reason": 3}', ""])
def test_a_cause_that_lambda_did_not_write_is_told_as_it_is(run: InMemoryRun, cause: str) -> None:
    status = report(run, "failed", "States.Timeout", cause, "run 7")
    assert (status["message"], status["run_id"]) == (cause, "run 7")
    assert status["advice"].startswith("Run again: finished work is kept.")


def test_the_failure_of_an_item_is_kept_as_it_came(stores: Stores) -> None:
    error = ErrorOutput("Runtime.ExitError", "signal: killed")
    message = ItemFailureReport("attempt 1", "AnnotateSegments", 17, error)
    assert call("RecordFailure", message) == {}
    kept = stores.work.read_json(keys.failure("attempt 1", "AnnotateSegments", 17))
    assert ItemFailureReport.from_json(kept) == message


def test_every_call_leaves_a_record_of_what_it_cost(run: InMemoryRun) -> None:
    run.run_all()
    states = summarise_calls(run.stores.work, run.execution_id, {"SegmentSpectra": 500})
    assert set(states) == {"PlanRun", *STATES}
    assert states["AnnotateSegments"]["items"] == 2
    planned = {name: state["planned_memory_mb"] for name, state in states.items()}
    assert planned["SegmentSpectra"] == 500
    assert all(planned[name] >= 130 for name in MAPS)
    assert planned["PlanRun"] == 0
    assert all(state["duration_s"] > 0 and state["peak_memory_mb"] > 1 for state in states.values())


@pytest.mark.parametrize("state", sorted(FUNCTIONS))
def test_a_message_of_another_kind_is_refused(stores: Stores, state: str) -> None:
    handler = load_handler(str(FUNCTIONS[state].handler))
    context = LambdaContext(Call.of(FUNCTIONS[state], "request-1", ""))
    with pytest.raises(InvalidMessage, match=r"unknown fields \['surprise'\], missing \["):
        handler({"surprise": 1}, context)
    assert stores.work.list("") == []


def test_a_missing_setting_is_named(run: InMemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORK_VARIABLE)
    with pytest.raises(InvalidMessage, match=f"not set in the environment: {WORK_VARIABLE}"):
        run.plan()
