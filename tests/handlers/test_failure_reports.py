"""RecordFailure, ReportFailure, and what every handler does around its step."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import Any

import pytest
from ionbox.local.runtime import Call, LambdaContext, load_handler
from ionbox_cloud import keys
from ionbox_cloud.call_records import CallRecord
from ionbox_cloud.environment import FAN_OUT_VARIABLE, INITIALIZATION_VARIABLE, WORK_VARIABLE
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.init_time import INIT
from ionbox_cloud.messages import ErrorOutput, ItemFailureReport, RunFailureReport
from ionbox_cloud.records.run_totals import bill, total_states
from ionbox_cloud.run_plan import SortPlan
from ionbox_cloud.store import Stores

from tests.handlers.in_memory import FUNCTIONS, MAPS, STATES, InMemoryRun, call


def report(run: InMemoryRun, kind: str, error: str, cause: str, run_id: str = "") -> dict[str, Any]:
    error_output = ErrorOutput(error, cause)
    message = RunFailureReport(run.execution_id, run_id, kind, run.request, error_output)
    assert call("ReportFailure", message) == {}
    status: dict[str, Any] = run.stores.results.read_json(keys.status(run.execution_id))
    assert status.pop("ended").endswith("+00:00")
    return status


def test_invalid_input_is_reported_with_what_to_do(run: InMemoryRun) -> None:
    cause = {"errorMessage": "tissue.ibd is empty", "errorType": "InvalidDataset"}
    status = report(run, "invalid_input", "InvalidDataset", json.dumps(cause))
    assert status.pop("cost")["dollars"] == 0
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


@pytest.mark.usefixtures("many_images")
def test_every_call_leaves_a_record_of_what_it_cost(run: InMemoryRun) -> None:
    run.run_all()
    states = total_states(run.stores.work, run.execution_id, run.planned)
    assert set(states) == {"PlanRun", *STATES}
    assert states["AnnotateSegments"].items == 2
    assert states["SegmentSpectra"].planned_memory_mb == run.planned.sort.memory_mb
    assert all(states[name].planned_memory_mb >= 130 for name in MAPS if name in states)
    assert states["PlanRun"].planned_memory_mb == run.planned.planning_mb >= 100
    answers = run.answers["PlanRun"]["calls"] | {
        "PublishResults": run.answers["EstimateFdr"]["publication"]
    }
    for state in answers.keys() & states.keys():
        assert states[state].planned_memory_mb == answers[state]["memory_mb"]
    for total in states.values():
        assert total.duration_s > 0
        assert total.peak_memory_mb > 1
        assert total.climbs == 0


def record_calls(run: InMemoryRun, state: str, *calls: tuple[float, int]) -> None:
    for item, (duration_s, rung_mb) in enumerate(calls):
        record = CallRecord(state, item, duration_s, 1.0, 900.0, 1000, rung_mb)
        run.stores.work.write_json(keys.record(run.execution_id, state, item), record.to_json())


def test_a_call_costs_memory_times_time_and_a_request(run: InMemoryRun) -> None:
    record_calls(run, "AnnotateSegments", (10.0, 2048), (5.0, 4096))
    total = total_states(run.stores.work, run.execution_id, None)["AnnotateSegments"]
    assert total.gb_s == 40
    assert total.dollars == pytest.approx(40 * 1.66667e-5 + 2 * 2e-7, abs=1e-8)


def test_climbs_are_counted_from_the_rung_that_was_planned(run: InMemoryRun) -> None:
    record_calls(run, "AnnotateSegments", (1.0, 1769), (1.0, 3008), (1.0, 10240))
    assert total_states(run.stores.work, run.execution_id, None)["AnnotateSegments"].climbs == 4


def test_a_task_costs_processors_memory_and_disk(run: InMemoryRun) -> None:
    run.plan()
    size = SortPlan("fargate", 16384, 120, 4, 0, 0)
    plan = replace(run.planned, sort=size)
    record_calls(run, "SortSpectra", (3600.0, 16384))
    total = total_states(run.stores.work, run.execution_id, plan)["SortSpectra"]
    assert total.dollars == pytest.approx(4 * 0.04048 + 16 * 0.004445 + 100 * 0.000111 + 0.005)
    assert total.planned_memory_mb == 16384


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_the_first_call_of_a_process_pays_for_its_start(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_handler(str(FUNCTIONS["PlanRun"].handler))
    load_handler(str(FUNCTIONS["SegmentSpectra"].handler))
    monkeypatch.setenv(INITIALIZATION_VARIABLE, "on-demand")
    INIT.end()
    run.plan()
    run.run("SegmentSpectra")
    work = run.stores.work
    first, second = (
        CallRecord.from_json(work.read_json(keys.record(run.execution_id, state, 0)))
        for state in ("PlanRun", "SegmentSpectra")
    )
    assert first.init_s > 0
    assert second.init_s == 0
    total = total_states(work, run.execution_id, run.planned)["PlanRun"]
    billed_s = total.duration_s + first.init_s
    assert total.gb_s == pytest.approx(billed_s * first.rung_mb / 1024, abs=1e-3)


def test_records_say_which_items_are_express(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fan_out = {"n_workers": 9, "express": ["GenerateIsotopePatterns"]}
    monkeypatch.setenv(FAN_OUT_VARIABLE, json.dumps(fan_out))
    run.run_all()
    totals = total_states(run.stores.work, run.execution_id, run.planned)
    per_call = {state: each.workflow_dollars / each.items for state, each in totals.items()}
    cheap = {state for state, dollars in per_call.items() if dollars < 7e-5}
    assert cheap == {"GenerateIsotopePatterns"}
    assert per_call["AnnotateSegments"] == pytest.approx(7.5e-5)


def test_a_bill_adds_up_and_says_by_which_prices(run: InMemoryRun) -> None:
    record_calls(run, "AnnotateSegments", (10.0, 2048), (5.0, 4096))
    record_calls(run, "EstimateFdr", (1.0, 1024))
    states = total_states(run.stores.work, run.execution_id, None)
    found = bill(states, on_aws=False)
    assert found.requests == 3
    assert found.gb_s == 41
    calls = sum(total.dollars for total in states.values())
    assert found.dollars == pytest.approx(calls + 3 * 3 * 2.5e-5, abs=1e-6)
    assert found.on_aws is False
    assert found.states["EstimateFdr"].to_json() == {
        "gb_s": 1.0,
        "requests": 1,
        "dollars": states["EstimateFdr"].dollars,
    }
    assert "2026-11" in found.prices


def test_a_failed_run_says_what_it_cost_so_far(run: InMemoryRun) -> None:
    run.run_before("PlanAnnotation")
    status = report(run, "failed", "MissingOutput", "gone", run.ref.run_id)
    assert 0 < status["cost"]["dollars"] < 0.01
    assert status["cost"]["requests"] >= 4


def test_a_task_for_which_there_was_no_room_may_be_started_later(run: InMemoryRun) -> None:
    run.plan()
    status = report(run, "failed", "AmazonECS.Unknown", "Capacity is unavailable", run.ref.run_id)
    assert "did not start the sort task" in status["advice"]
    assert "ionbox doctor" in status["advice"]


def test_a_sort_that_lacks_memory_gets_advice_on_memory(run: InMemoryRun) -> None:
    run.plan()
    status = report(run, "failed", "Runtime.ExitError", "signal: killed", run.ref.run_id)
    assert re.search(r"expected to take [\d,]+ MB.*max_lambda_mb.*fargate", status["advice"])
    assert "way, SegmentSpectra or BuildIons ran out of memory" in status["advice"]


@pytest.mark.parametrize(
    ("before", "cause", "named"),
    [
        ("SegmentSpectra", "SortSpans item 2 (sort of spectra 0-9): killed", "SortSpans"),
        ("PlanAnnotation", "signal: killed", "PlanAnnotation"),
        ("EstimateFdr", "signal: killed", "EstimateFdr"),
        ("EstimateFdr", "AnnotateSegments item 0 (scores): killed", "AnnotateSegments"),
    ],
)
def test_the_state_that_lacked_memory_is_named(
    run: InMemoryRun, before: str, cause: str, named: str
) -> None:
    run.run_before(before)
    status = report(run, "failed", "Runtime.ExitError", cause, run.ref.run_id)
    assert f"way, {named} ran out of memory" in status["advice"]
    assert "max_lambda_mb" in status["advice"]
    assert ("fargate" in status["advice"]) == (named == "SortSpans")


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
