"""Logs of a run, ending it, trying it again, fetching its results."""

from __future__ import annotations

import hashlib
import io
import json
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

    def test_asks_first(
        self, installed: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
        installed.put(WORK, keys.run_plan("ghi-1"), {})
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

    def test_of_one_whose_plan_has_expired_starts_again(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(INBOX, "slow.imzML", b"<mzML/>")
        installed.stop(installed.start("ghi-1", "slow", wait=False))
        sfn = installed.fake("stepfunctions", redrive_execution=lambda **_: {})
        ended = operate("redrive", "ghi-1")
        assert ended.code == 0
        assert "(its plan and lists of items have expired)" in ended.out
        assert sfn.calls == []

    def test_that_step_functions_refuses_starts_again(
        self, installed: Cloud, operate: Command
    ) -> None:
        installed.put(INBOX, "slow.imzML", b"<mzML/>")
        arn = installed.start("ghi-1", "slow", wait=False)
        installed.stop(arn)
        installed.put(WORK, keys.run_plan("ghi-1"), {})

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
    def test_copies_all_files_of_the_results(
        self, annotated: Cloud, operate: Command, tmp_path: Path
    ) -> None:
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

    def test_a_file_of_equal_size_and_other_bytes_is_copied_again(
        self, annotated: Cloud, operate: Command, tmp_path: Path
    ) -> None:
        list_checksums(annotated)
        assert operate("fetch", "brain", "--out", "out").code == 0
        table = tmp_path / "out" / "annotations.csv"
        table.write_bytes(b"# ionbox\nformulx\n")
        ended = operate("fetch", "brain", "--out", "out")
        assert "1 files" in ended.out
        assert "2 were there already" in ended.out
        assert table.read_bytes() == b"# ionbox\nformula\n"

    def test_a_file_that_is_not_the_listed_one_is_an_error(
        self, annotated: Cloud, operate: Command, tmp_path: Path
    ) -> None:
        list_checksums(annotated)
        annotated.put(RESULTS, "results/d1/r-abc-1/annotations.csv", b"# ionbox\nformulx\n")
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 3
        assert "annotations.csv is not what the run record lists (its checksum" in ended.err
        assert not (tmp_path / "out" / "annotations.csv").exists()
        assert not (tmp_path / "out" / "run.json").exists()

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

    def test_of_results_that_were_deleted_says_so(self, annotated: Cloud, operate: Command) -> None:
        for key in annotated.keys(RESULTS):
            if key.startswith("results/"):
                annotated.client("s3").delete_object(Bucket=RESULTS, Key=key)
        ended = operate("fetch", "brain", "--out", "out")
        assert ended.code == 1
        assert "the results of run abc-1 were deleted" in ended.err


def list_checksums(cloud: Cloud) -> None:
    """Let the record of the run list its files, as every run's does."""
    folder = "results/d1/r-abc-1"
    files = {
        name: {"n_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in (
            ("annotations.csv", b"# ionbox\nformula\n"),
            ("ion_images.zarr/images/c/0/0/0/0", bytes(5000)),
        )
    }
    run = {"run_id": "r-abc-1", "dataset": {"id": "d1", "name": "brain"}, "files": files}
    cloud.put(RESULTS, f"{folder}/run.json", json.dumps(run).encode())


def test_no_colours_in_a_file(annotated: Cloud, operate: Command) -> None:
    for arguments in (("list",), ("status", "abc-1")):
        ended = operate(*arguments)
        assert "\x1b[" not in ended.out + ended.err


def test_traces_are_written_where_the_handlers_write_them() -> None:
    written: dict[str, Any] = {}
    write_traces(written.__setitem__, (keys.record("abc-1", "PlanRun", 0), record("PlanRun", 0)))
    assert [*written] == ["executions/abc-1/records/PlanRun/00000.json"]
