"""list, status and prices of runs on AWS."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
from ionbox.account import Account
from ionbox.operate.open_runs import aws_runs
from ionbox_cloud import keys
from ionbox_cloud.planning.prices import read_prices
from ionbox_cloud.run_plan import Forecast, StateForecast

from tests.client.operating import (
    RESULTS,
    WORK,
    Cloud,
    Command,
    record,
)


class TestList:
    def test_without_runs_says_so(self, installed: Cloud, operate: Command) -> None:
        ended = operate("list")
        assert (ended.code, ended.out.strip()) == (0, "no runs yet")

    def test_shows_each_run_on_a_line(self, annotated: Cloud, operate: Command) -> None:
        annotated.start("def-1", "broken kidney")
        status = {"status": "invalid_input", "message": "no ibd", "dataset": "broken kidney"}
        annotated.put(RESULTS, keys.status("def-1"), status)
        annotated.start("ghi-1", "slow liver", wait=False)
        ended = operate("list")
        assert ended.code == 0
        lines = {line.split()[0]: line for line in ended.out.splitlines()}
        assert next(iter(lines)) == "run"
        for words in ("brain", "succeeded", "1,234", f"{datetime.now():%Y-%m-%d}", "0.0017"):
            assert words in lines["abc-1"]
        assert "invalid input" in lines["def-1"]
        assert "running" in lines["ghi-1"]

    def test_says_how_many_datasets_wait_and_what_nobody_could_handle(
        self, annotated: Cloud, operate: Command
    ) -> None:
        sqs = annotated.client("sqs")
        for queue, n in (("runs", 2), ("dead", 1)):
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            for _ in range(n):
                sqs.send_message(QueueUrl=url, MessageBody="{}")
        ended = operate("list")
        assert "waiting for a free place (5 at once): 2" in ended.out
        assert "1 events could not be handled; docs/operations.md, DeadLettersWaiting" in ended.err

    def test_shows_as_many_as_asked_for(self, installed: Cloud, operate: Command) -> None:
        for n in range(3):
            installed.start(f"run-{n}", "brain")
        assert len(operate("list", "--last", "2").out.splitlines()) == 1 + 2


class TestStatus:
    def test_says_how_far_each_state_is(self, annotated: Cloud, operate: Command) -> None:
        ended = operate("status", "abc-1")
        assert ended.code == 0
        rows = {line.split()[0]: line.split() for line in ended.out.splitlines() if line.strip()}
        assert rows["status"][1] == "succeeded"
        assert rows["annotations"][1] == "1,234"
        # done of all, running, failed, climbed, seconds, peak MB
        annotate = rows["AnnotateSegments"]
        assert annotate[1:9] == ["2", "of", "3", "-", "1", "1", "20.0", "4,000"]
        assert [*rows].index("PlanRun") < [*rows].index("AnnotateSegments")
        assert "ionbox fetch abc-1 --out brain" in ended.out

    def test_of_a_run_that_is_on_says_its_step_and_what_is_left(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.start("ghi-1", "slow liver", wait=False)
        forecast = Forecast(
            seconds=100.0,
            dollars=0.1,
            n_workers=99,
            on_aws=True,
            states={
                "PlanRun": StateForecast(1, 10.0, 10.0, 0.0),
                "SegmentSpectra": StateForecast(1, 30.0, 30.0, 0.0),
                "AnnotateSegments": StateForecast(4, 60.0, 60.0, 0.0),
            },
            path=("PlanRun", "SegmentSpectra", "AnnotateSegments"),
        )
        installed.put(WORK, keys.run_plan("ghi-1"), {"forecast": forecast.to_json()})
        # half as fast as expected
        for state in ("PlanRun", "SegmentSpectra"):
            took = record(state, 0, duration_s=2 * forecast.states[state].duration_s)
            installed.put(WORK, keys.record("ghi-1", state, 0), took)
        out = operate("status", "ghi-1").out
        assert "progress  step 2 of 9, about 2 min left" in out
        installed.put(WORK, keys.run_plan("ghi-1"), {})
        assert "progress  step 2 of 9\n" in operate("status", "ghi-1").out

    @pytest.mark.parametrize("wanted", ["abc-1", "abc", "brain", "brain.imzML"])
    def test_finds_a_run_by_its_name_its_beginning_or_its_dataset(
        self, annotated: Cloud, operate: Command, wanted: str
    ) -> None:
        assert "abc-1" in operate("status", wanted).out

    def test_of_a_dataset_is_that_of_its_newest_run(
        self, annotated: Cloud, operate: Command
    ) -> None:
        time.sleep(0.01)
        annotated.start("xyz-2", "brain")
        assert "xyz-2" in operate("status", "brain").out

    def test_a_beginning_that_fits_several_is_not_guessed(
        self, installed: Cloud, operate: Command
    ) -> None:
        for n in (1, 2):
            installed.start(f"abc-{n}", "brain")
        ended = operate("status", "ab")
        assert ended.code == 1
        assert "'ab' fits several runs (abc-2, abc-1); give more of the name" in ended.err

    def test_an_unknown_name_is_one_sentence(self, installed: Cloud, operate: Command) -> None:
        ended = operate("status", "liver")
        assert ended.code == 1
        assert "no run and no dataset named 'liver'" in ended.err

    def test_of_a_failure_says_why_and_what_to_do(self, installed: Cloud, operate: Command) -> None:
        installed.start("def-1", "broken")
        status = {"status": "failed", "message": "needs 20,000 MB", "advice": "Use Fargate."}
        installed.put(RESULTS, keys.status("def-1"), status)
        out = operate("status", "def-1").out
        assert "why: needs 20,000 MB\nUse Fargate." in out
        assert "ionbox logs def-1" in out
        assert "ionbox redrive def-1" in out

    def test_results_published_before_a_stop_count(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.stop(installed.start("ghi-1", "slow", wait=False))
        installed.leave_traces("ghi-1", "slow")
        out = operate("status", "ghi-1").out
        assert "succeeded" in out
        assert "ionbox fetch ghi-1" in out

    def test_of_a_failure_without_status_is_what_step_functions_says(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.start("def-1", "broken")
        assert "why: too large" in operate("status", "def-1").out

    def test_of_a_run_that_step_functions_forgot_comes_from_its_objects(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.leave_traces("old-1", "brain")
        ended = operate("status", "old-1")
        assert "succeeded" in ended.out
        assert "1,234" in ended.out

    def test_takes_the_counts_of_a_map_from_step_functions(
        self, annotated: Cloud, operate: Command
    ) -> None:
        arn = "arn:aws:states:eu-central-1:1:mapRun:annotate/AnnotateSegments:1-2-3"
        counts = dict.fromkeys(("pending", "timedOut", "aborted", "resultsWritten"), 0)
        annotated.fake(
            "stepfunctions",
            list_map_runs=lambda **_: {"mapRuns": [{"mapRunArn": arn}]},
            describe_map_run=lambda **_: {
                "itemCounts": {**counts, "total": 40, "succeeded": 2, "running": 8, "failed": 0}
            },
        )
        out = operate("status", "abc-1").out
        row = next(line for line in out.splitlines() if line.startswith("AnnotateSegments"))
        assert row.split()[1:5] == ["2", "of", "40", "8"]

    def test_names_the_state_that_a_run_is_in(self, installed: Cloud, operate: Command) -> None:
        installed.start("ghi-1", "slow", wait=False)

        def event(kind: str, name: str) -> dict[str, Any]:
            word = "Entered" if kind.endswith("Entered") else "Exited"
            return {"type": kind, f"state{word}EventDetails": {"name": name}}

        events = [
            event("TaskStateEntered", "SegmentSpectra"),
            event("TaskStateExited", "PlanRun"),
            event("TaskStateEntered", "PlanRun"),
            event("PassStateEntered", "Begin"),
            {"type": "ExecutionStarted"},
        ]
        installed.fake("stepfunctions", get_execution_history=lambda **_: {"events": events})
        out = operate("status", "ghi-1").out
        row = next(line for line in out.splitlines() if line.startswith("SegmentSpectra"))
        assert row.split()[1:3] == ["0", "1"]  # done, running
        assert "PlanRun" not in out
        assert "ionbox status ghi-1 --follow" in out

    def test_followed_ends_with_the_run(
        self, installed: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ionbox.cli.follow.POLL_S", 0.01)
        arn = installed.start("ghi-1", "slow", wait=False)
        sfn = installed.client("stepfunctions")
        seen: list[int] = []

        def describe(**arguments: Any) -> Any:
            seen.append(1)
            if len(seen) == 4:
                installed.stop(arn)
            return sfn.describe_execution(**arguments)

        installed.put(WORK, keys.record("ghi-1", "PlanRun", 0), record("PlanRun", 0))
        installed.fake("stepfunctions", describe_execution=describe)
        ended = operate("status", "ghi-1", "--follow")
        assert "PlanRun                   1 done" in ended.err
        assert "status    cancelled" in ended.out


class TestDollars:
    def test_come_from_a_table_with_source_and_date(self) -> None:
        assert read_prices().source.startswith("AWS price lists")
        assert read_prices().date >= "2026"

    def test_of_a_run_are_the_sum(self, annotated: Cloud) -> None:
        account = Account()
        runs = aws_runs(account, account.find_installation("ionbox"))
        run = runs.find("abc-1")
        states = runs.progress(run)
        assert run.dollars == pytest.approx(sum(state.dollars for state in states))
        gb_s = 10 * 2 + 1769 / 1024 * 10 + 5 * 10
        assert run.dollars == pytest.approx(gb_s * 0.0000166667 + 3 * 0.0000002 + 9 * 0.000025)
