"""list, status, logs, cancel, redrive and fetch on AWS."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ionbox.account import Account
from ionbox.operate import control
from ionbox.operate.logs import AwsLogs, LogLine, follow, parse_line
from ionbox.operate.open_runs import aws_runs
from ionbox_cloud import keys
from ionbox_cloud.errors import StoreUnavailable
from ionbox_cloud.planning.prices import read_prices
from ionbox_cloud.store import Store

from tests.client.operating import (
    INBOX,
    PREFIX,
    RESULTS,
    WORK,
    Cloud,
    Command,
    record,
    refusal,
    write_traces,
)


@pytest.fixture
def annotated(installed: Cloud) -> Cloud:
    """One run that succeeded."""
    installed.start("abc-1", "brain")
    installed.leave_traces("abc-1", "brain")
    return installed


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

    def test_followed_ends_with_the_run(self, installed: Cloud, operate: Command, monkeypatch):
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


def log_event(when: datetime, state: str, message: str, run: str = "abc-1", **more: Any) -> str:
    stamp = f"{when:%Y-%m-%d %H:%M:%S},{when.microsecond // 1000:03}{when:%z}"
    entry = {"level": "INFO", "message": message, "timestamp": stamp, "state": state}
    return json.dumps({**entry, "execution_id": run, **more})


class TestLogs:
    @pytest.fixture
    def logged(self, annotated: Cloud) -> Cloud:
        logs, now = annotated.client("logs"), datetime.now(UTC)
        lines = {
            "PlanRun": [log_event(now, "PlanRun", "planned", item=None)],
            "AnnotateSegments": [
                log_event(
                    now + timedelta(seconds=2),
                    "AnnotateSegments",
                    "failed",
                    item=7,
                    level="ERROR",
                    exception="Traceback (most recent call last):\n  …\nMemoryError: 5 GB",
                ),
                log_event(now, "AnnotateSegments", "somebody else's", run="xyz-9"),
            ],
        }
        for state, messages in lines.items():
            group = f"{PREFIX}/{state}"
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
            stamp = int(now.timestamp() * 1000)
            events = [{"timestamp": stamp, "message": message} for message in messages]
            logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        return annotated

    def test_are_those_of_the_run_in_order_of_time(self, logged: Cloud, operate: Command) -> None:
        ended = operate("logs", "abc-1")
        assert ended.code == 0
        lines = ended.out.splitlines()
        assert "planned" in lines[0]
        assert "AnnotateSegments 7" in lines[1]
        assert "ERROR" in lines[1]
        assert "somebody else" not in ended.out

    def test_show_the_last_line_of_a_traceback_and_with_debug_all(
        self, logged: Cloud, operate: Command, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = operate("logs", "abc-1").out
        assert "MemoryError: 5 GB" in out
        assert "Traceback" not in out
        assert "Traceback (most recent" in operate("logs", "abc-1", "--debug").out

    def test_of_one_state(self, logged: Cloud, operate: Command) -> None:
        assert "planned" not in operate("logs", "abc-1", "--state", "AnnotateSegments").out
        ended = operate("logs", "abc-1", "--state", "Annotate")
        assert ended.code == 1
        assert "no logs of a state 'Annotate'; there are: AnnotateSegments, PlanRun" in ended.err

    def test_that_are_not_there_are_said_so(self, annotated: Cloud, operate: Command) -> None:
        assert "logged nothing, or its logs have expired" in operate("logs", "abc-1").out

    def test_followed_show_each_line_once_until_the_end(self, logged: Cloud) -> None:
        account = Account()
        installation = account.find_installation("ionbox")
        source = AwsLogs(account.client("logs"), installation)
        execution = aws_runs(account, installation).find("abc-1").execution
        lines = list(follow(source, execution, None, lambda: execution, pause=lambda _: None))
        assert [line.text for line in lines] == ["planned", "failed"]

    def test_a_line_that_is_no_json_is_shown_as_it_is(self) -> None:
        now = datetime.now(UTC)
        assert parse_line("START x\n", "PlanRun", now) == LogLine(now, "PlanRun", "", "START x")

    def test_a_finished_call_is_shown_with_time_and_memory(self) -> None:
        call = record("PlanRun", 0, duration_s=2.5)
        text = json.dumps({"message": "done", "state": "PlanRun", "record": call})
        line = parse_line(text, "", datetime.now(UTC))
        assert line.text == "done in 2.5 s, 800.0 of 1769 MB"


class TestCancel:
    def test_stops_the_execution_and_its_tasks(self, installed: Cloud, operate: Command) -> None:
        arn = installed.start("ghi-1", "slow", wait=False)
        ecs = installed.fake("ecs", stop_task=lambda **_: {})
        pages = _Pages([{"taskArns": ["task-1", "task-2"]}])
        installed.fakes["ecs"] = _WithPages(ecs, pages)
        ended = operate("cancel", "ghi-1", "--yes")
        assert ended.code == 0
        assert "run ghi-1 is stopped, and 2 tasks of it" in ended.out
        assert pages.asked == [{"cluster": "the-cluster", "startedBy": "ghi-1"}]
        assert [arguments["task"] for _, arguments in ecs.calls] == ["task-1", "task-2"]
        assert installed.state_when_ended(arn) == "ABORTED"

    def test_without_fargate_there_are_no_tasks(self, installed: Cloud) -> None:
        installed.start("ghi-1", "slow", wait=False)
        account = Account()
        installation = replace(account.find_installation("ionbox"), cluster="none")
        run = aws_runs(account, installation).find("ghi-1")
        assert control.cancel(account, installation, run) == 0

    def test_of_a_run_that_has_ended_says_so(self, annotated: Cloud, operate: Command) -> None:
        ended = operate("cancel", "abc-1", "--yes")
        assert ended.code == 1
        assert "run abc-1 is not running: it is succeeded" in ended.err

    def test_asks_first(self, installed: Cloud, operate: Command, monkeypatch) -> None:
        arn = installed.start("ghi-1", "slow", wait=False)
        ended = operate("cancel", "ghi-1")
        assert ended.code == 1
        assert "nobody is here to confirm; add --yes" in ended.err
        sfn = installed.client("stepfunctions")
        assert sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"


class _Pages:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages
        self.asked: list[dict[str, Any]] = []

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        self.asked.append(arguments)
        return self._pages


class _WithPages:
    """A client whose paginator is given."""

    def __init__(self, client: Any, pages: _Pages) -> None:
        self._client = client
        self._pages = pages

    def get_paginator(self, _: str) -> _Pages:
        return self._pages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class TestRedrive:
    def test_goes_on_with_an_execution_that_was_stopped(
        self, installed: Cloud, operate: Command
    ) -> None:
        arn = installed.start("ghi-1", "slow", wait=False)
        installed.stop(arn)
        sfn = installed.fake("stepfunctions", redrive_execution=lambda **_: {})
        ended = operate("redrive", "ghi-1")
        assert ended.code == 0
        assert "run ghi-1 goes on from where it stopped" in ended.out
        assert sfn.calls == [("redrive_execution", {"executionArn": arn})]

    def test_does_not_repeat_a_fail_state_but_starts_again(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(INBOX, "broken.imzML", b"<mzML/>")
        before = installed.client("s3").head_object(Bucket=INBOX, Key="broken.imzML")
        installed.start("def-1", "broken")
        sfn = installed.fake("stepfunctions", redrive_execution=lambda **_: {})
        ended = operate("redrive", "def-1")
        assert ended.code == 0
        assert "cannot redrive run def-1 (it ended in its Fail state" in ended.out
        assert "its imzML was put into the inbox again" in ended.out
        assert sfn.calls == []
        after = installed.client("s3").head_object(Bucket=INBOX, Key="broken.imzML")
        assert "redriven" in after["Metadata"]
        assert after["ETag"] == before["ETag"]  # so the claim of the same files is taken again

    def test_of_one_too_old_says_so_and_starts_again(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(INBOX, "slow.imzML", b"<mzML/>")
        arn = installed.start("ghi-1", "slow", wait=False)
        real = installed.client("stepfunctions")
        installed.stop(arn)
        answer = real.describe_execution(executionArn=arn)
        answer["stopDate"] = datetime.now(UTC) - timedelta(days=20)
        installed.fake("stepfunctions", describe_execution=lambda **_: answer)
        ended = operate("redrive", "ghi-1")
        assert "it ended 20 days ago, and the limit is 14 days" in ended.out
        assert ended.code == 0

    def test_that_step_functions_refuses_starts_again(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(INBOX, "slow.imzML", b"<mzML/>")
        arn = installed.start("ghi-1", "slow", wait=False)
        installed.stop(arn)

        def refuse(**_: Any) -> Any:
            raise refusal("ExecutionNotRedrivable", "history is full")

        installed.fake("stepfunctions", redrive_execution=refuse)
        assert "(history is full)" in operate("redrive", "ghi-1").out

    def test_without_the_imzml_it_says_what_to_do(self, installed: Cloud, operate: Command) -> None:
        installed.start("def-1", "broken")
        ended = operate("redrive", "def-1")
        assert ended.code == 1
        assert "'broken.imzML' is no longer in the inbox; submit the dataset again" in ended.err

    @pytest.mark.parametrize(
        ("dataset", "status", "sentence"),
        [
            ("brain", "succeeded", "run r-1 succeeded; to compute it again"),
            ("broken", "invalid_input", "the same input would be refused again"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(
        self, installed: Cloud, operate: Command, dataset: str, status: str, sentence: str
    ) -> None:
        installed.start("r-1", dataset)
        installed.put(RESULTS, keys.status("r-1"), {"status": status, "message": "no ibd"})
        ended = operate("redrive", "r-1")
        assert ended.code == 1
        assert sentence in ended.err

    def test_of_a_running_one_names_cancel(self, installed: Cloud, operate: Command) -> None:
        installed.start("ghi-1", "slow", wait=False)
        assert "'ionbox cancel ghi-1' stops it" in operate("redrive", "ghi-1").err


class TestDeadLetters:
    def fill(self, cloud: Cloud, *bodies: Any) -> None:
        sqs = cloud.client("sqs")
        url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            sqs.send_message(QueueUrl=url, MessageBody=text)

    def test_events_go_to_their_functions_and_runs_to_their_queue(
        self, installed: Cloud, operate: Command
    ) -> None:
        dropped = {"detail-type": "Object Created", "detail": {"object": {"key": "x.ibd"}}}
        ended = {"detail-type": "Step Functions Execution Status Change"}
        self.fill(installed, dropped, ended, {"execution_id": "abc-1", "request": {}})
        installed.fake(
            "cloudformation",
            describe_stack_resource=lambda **asked: {
                "StackResourceDetail": {
                    "PhysicalResourceId": f"ionbox-{asked['LogicalResourceId']}"
                }
            },
        )
        functions = installed.fake("lambda", invoke=lambda **_: {"StatusCode": 200})
        result = operate("redrive", "--dead-letters")
        assert result.code == 0
        assert "3 handled, 0 left in the queue" in result.out
        called = {arguments["FunctionName"] for _, arguments in functions.calls}
        assert called == {"ionbox-Intake", "ionbox-AnnounceEnd"}
        assert "waiting for a free place (5 at once): 1" in operate("list").out

    def test_what_fails_again_stays(self, installed: Cloud, operate: Command) -> None:
        self.fill(installed, {"detail-type": "Object Created"}, "what is this", {"a": 1})
        error = json.dumps({"errorType": "AccessDenied", "errorMessage": "no"}).encode()
        installed.fake(
            "cloudformation",
            describe_stack_resource=lambda **_: {
                "StackResourceDetail": {"PhysicalResourceId": "f"}
            },
        )
        installed.fake(
            "lambda",
            invoke=lambda **_: {"FunctionError": "Unhandled", "Payload": io.BytesIO(error)},
        )
        result = operate("redrive", "--dead-letters")
        assert result.code == 3
        assert "0 handled, 3 left in the queue" in result.out
        for words in ("Intake failed again: AccessDenied: no", "no event and no run: what is"):
            assert words in result.err
        assert "an event that no function is for" in result.err

    def test_either_they_or_a_run_is_wanted(self, installed: Cloud, operate: Command) -> None:
        assert operate("redrive").code == 2


class TestFetch:
    def test_copies_all_files_of_the_results(self, annotated: Cloud, operate, tmp_path) -> None:
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 0
        assert "3 files, 0.0 MB: out" in ended.out
        found = {p.relative_to("out").as_posix() for p in Path("out").rglob("*") if p.is_file()}
        assert found == {
            "annotations.csv",
            "ion_images.zarr/images/c/0/0/0/0",
            "run.json",
        }
        assert (tmp_path / "out" / "annotations.csv").read_bytes() == b"# ionbox\nformula\n"

    @pytest.mark.parametrize(
        "key", ["/{outside}", "../evil", "a/../../evil", "a//evil", "..\\evil"]
    )
    def test_writes_nothing_that_somebody_put_beside_the_results_elsewhere(
        self, annotated: Cloud, operate: Command, tmp_path: Path, key: str
    ) -> None:
        outside = tmp_path / "elsewhere" / "evil"
        annotated.put(RESULTS, f"results/d1/r-abc-1/{key.format(outside=outside)}", b"evil")
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 1
        assert "evil" in ended.err
        assert list(tmp_path.rglob("*evil*")) == []
        assert not Path("out").exists()

    def test_goes_on_where_it_was_interrupted(
        self,
        annotated: Cloud,
        operate: Command,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked: list[str] = []
        real = Store.download

        def refuse_record(store: Store, key: str, *arguments: Any) -> None:
            if key.endswith("run.json"):
                raise StoreUnavailable(f"object '{key}': 503", "SlowDown")
            real(store, key, *arguments)

        def download(store: Store, key: str, *arguments: Any) -> None:
            asked.append(key)
            real(store, key, *arguments)

        monkeypatch.setattr(Store, "download", refuse_record)
        interrupted = operate("fetch", "brain", "--out", "out")
        assert interrupted.code == 3
        assert "wait a minute and try again" in interrupted.err
        monkeypatch.setattr(Store, "download", download)
        assert not (tmp_path / "out" / "run.json").exists()
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 0
        assert "1 files" in ended.out
        assert "2 were there already" in ended.out
        assert asked
        assert not any(key.endswith("annotations.csv") for key in asked)
        assert not list((tmp_path / "out").glob(".*"))

    def test_a_file_that_arrives_short_is_an_error(
        self,
        annotated: Cloud,
        operate: Command,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = Store.download

        def download(store: Store, key: str, path: Path, tell: Callable[[int], None]) -> None:
            real(store, key, path, tell)
            if key.endswith(".csv"):
                path.write_bytes(path.read_bytes()[5:])

        monkeypatch.setattr(Store, "download", download)
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 3
        assert "annotations.csv: 12 of 17 bytes arrived; the same command goes on" in ended.err
        assert not (tmp_path / "out" / "annotations.csv").exists()

    def test_another_runs_folder_is_left_alone(
        self, annotated: Cloud, operate: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "run.json").write_text('{"run_id": "other"}')
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 1
        assert "out holds the results of run other; give another folder" in ended.err

    def test_of_a_run_without_results_says_what_it_is(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.start("def-1", "broken")
        ended = operate("fetch", "def-1", "--out", "out")
        assert ended.code == 1
        assert "run def-1 has no results: it is failed" in ended.err

    def test_of_results_that_were_deleted_says_so(self, annotated: Cloud, operate) -> None:
        for key in annotated.keys(RESULTS):
            if key.startswith("results/"):
                annotated.client("s3").delete_object(Bucket=RESULTS, Key=key)
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 1
        assert "the results of run abc-1 were deleted" in ended.err


def test_no_colours_in_a_file(annotated: Cloud, operate: Command) -> None:
    for arguments in (("list",), ("status", "abc-1")):
        ended = operate(*arguments)
        assert "\x1b[" not in ended.out + ended.err


def test_traces_are_written_where_the_handlers_write_them() -> None:
    written: dict[str, Any] = {}
    write_traces(written.__setitem__, (keys.record("abc-1", "PlanRun", 0), record("PlanRun", 0)))
    assert [*written] == ["executions/abc-1/records/PlanRun/00000.json"]
