import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ionbox.local.call_events import CallFinished, CallStarted, Event
from ionbox.local.clients import Clients, Response, ServiceFault
from ionbox.local.functions import IONBOX, read_tasks
from ionbox.local.interpreter import Interpreter, TaskTokens, start_interpreter
from ionbox.local.machine import ExecutionResult
from ionbox.local.tasks import STOP_S, LocalTasks

from tests.local.toys import NewThreads, States, Toy, fargate_task, process_runs, task
from tests.patience import PATIENCE_S, started, wait_until

ReplaceEntry = Callable[[str], None]

HEARTBEAT_S = 10  # starting a task takes up to one, on a busy machine, three on a slow one
RETRY = [
    {
        "ErrorEquals": ["TaskStopped", "States.HeartbeatTimeout", "States.Timeout"],
        "IntervalSeconds": 1,
        "MaxAttempts": 1,
    }
]
SORT_TASK = "arn:aws:ecs:us-east-1:123456789012:task-definition/sort_spectra:1"


@pytest.fixture(autouse=True)
def toys_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOYS", str(Path(__file__).parents[2]))


# --- in the state machine ---


def run(
    toy: Toy, event: dict[str, Any], *, states: States | None = None, **options: Any
) -> ExecutionResult:
    states = states or {"SortSpectra": fargate_task(Retry=RETRY)}
    return toy.run(states, {"execution_id": "run-1", "do": event}, **options)


def test_the_answer_of_a_task_is_the_states_result(toy: Toy) -> None:
    result = run(toy, {"value": "µ", "print": "hello from a task"})
    assert result.status == "SUCCEEDED"
    assert result.output["made"]["value"] == "µ"
    assert "hello from a task\n" in toy.log.read_text()


def test_a_task_sees_what_handlers_see_and_nothing_of_the_users_aws(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    names = ["IONBOX_WORK", "OMP_NUM_THREADS", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"]
    made = run(toy, {"environment": names}).output["made"]
    expected = [toy.stores.work, "1", None, "local"]
    assert made["environment"] == dict(zip(names, expected, strict=True))
    assert made["stdin"] == ""


@pytest.mark.parametrize(("memory_mb", "granted"), [(500, 500), (30720, 900)])
def test_a_task_may_use_what_it_asks_for_as_far_as_there_is(
    toy: Toy, memory_mb: int, granted: int
) -> None:
    states = {"SortSpectra": fargate_task(memory_mb)}
    assert run(toy, {}, states=states, memory_mb=900).output["made"]["memory_mb"] == granted


def test_a_task_is_recorded_and_listeners_told(toy: Toy) -> None:
    events: list[Event] = []
    result = run(toy, {"sleep_s": 0.2}, listener=events.append)
    (call,) = result.calls
    assert events == [CallStarted("SortSpectra"), CallFinished(call)]
    assert (call.state, call.function, call.error) == ("SortSpectra", "sort_spectra", None)
    assert call.worker_pid == result.output["made"]["pid"]
    assert call.duration_s > 0.2
    assert call.peak_memory_mb > 10


def test_an_error_of_a_task_keeps_its_name_and_cause(toy: Toy) -> None:
    result = run(toy, {"end": "raise"})
    assert (result.status, result.error) == ("FAILED", "InvalidDataset")
    assert result.cause is not None
    assert json.loads(result.cause) == {
        "errorMessage": "no spectra",
        "errorType": "InvalidDataset",
    }
    assert [call.error for call in result.calls] == ["InvalidDataset"]


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        pytest.param({"end": "kill"}, "States.HeartbeatTimeout", id="killed"),
        pytest.param({"end": "freeze"}, "States.HeartbeatTimeout", id="frozen"),
        pytest.param({"end": "terminate"}, "TaskStopped", id="stopped"),
        pytest.param({"keep_mb": 600, "sleep_s": 60}, "States.HeartbeatTimeout", id="too-large"),
    ],
)
def test_a_task_that_dies_is_tried_again(
    toy: Toy, tmp_path: Path, turn: dict[str, Any], error: str
) -> None:
    event = {"counter": str(tmp_path / "counter"), "turns": [turn, {"value": 7}]}
    result = run(toy, event, heartbeat_s=HEARTBEAT_S)
    assert result.output["made"]["value"] == 7
    assert [call.error for call in result.calls] == [error, None]


@pytest.mark.parametrize("n_deaths", [0, 1])
def test_a_task_may_report_before_the_interpreter_waits_for_it(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_deaths: int
) -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_callback as callbacks,
    )

    ended: queue.Queue[CallFinished] = queue.Queue()
    begin_to_wait = callbacks.StateTaskServiceCallback._eval_integration_pattern

    def be_late(*arguments: Any, **options: Any) -> None:
        ended.get(timeout=PATIENCE_S)
        begin_to_wait(*arguments, **options)

    def listen(event: Event) -> None:
        if isinstance(event, CallFinished):
            ended.put(event)

    monkeypatch.setattr(callbacks.StateTaskServiceCallback, "_eval_integration_pattern", be_late)
    turns = [{"end": "kill"}] * n_deaths + [{"value": 7}]
    result = run(toy, {"counter": str(tmp_path / "counter"), "turns": turns}, listener=listen)
    assert result.output["made"]["value"] == 7
    assert len(result.calls) == 1 + n_deaths


@pytest.mark.parametrize(
    ("end", "heartbeat_s"),
    [
        pytest.param("freeze", HEARTBEAT_S, id="frozen"),
        pytest.param("kill", 600, id="killed"),  # known to be dead at once
    ],
)
def test_the_interpreter_calls_a_missing_heartbeat_a_timeout(
    toy: Toy, end: str, heartbeat_s: float
) -> None:
    # States.HeartbeatTimeout on AWS: the state machine must name both
    states = {"SortSpectra": fargate_task()}
    began = time.monotonic()
    result = run(toy, {"end": end}, states=states, heartbeat_s=heartbeat_s)
    assert result.error == "States.Timeout"
    assert time.monotonic() - began < 60


def sort_states() -> States:
    """The state of the real machine that starts the task, in a hurry, and where it gives up."""
    machine = json.loads(IONBOX.definition.read_text("utf-8"))
    annotating = machine["States"]["AnnotateDataset"]["Branches"][0]["States"]
    branch = annotating["PrepareInputs"]["Branches"][0]["States"]
    sort = branch["SortSpectra"]
    retry = [{**each, "IntervalSeconds": 1, "MaxDelaySeconds": 1} for each in sort["Retry"]]
    return {
        "SortSpectra": {**sort, "Retry": retry},
        "SortSpectraDied": branch["SortSpectraDied"],
    }


@pytest.mark.parametrize(("deaths", "error"), [(2, None), (3, "TaskDied")])
def test_the_real_state_tries_three_tasks_and_then_says_so(
    toy: Toy, tmp_path: Path, deaths: int, error: str | None
) -> None:
    do = {"counter": str(tmp_path / "counter"), "turns": [{"end": "kill"}] * deaths + [{}]}
    size = {"task_cpu": "1024", "task_memory": "500", "task_disk_gb": 21}
    event = {"run": {"execution_id": "run-1", "do": do}, "plan": {"sort": size}}
    result = toy.run(sort_states(), event, heartbeat_s=HEARTBEAT_S)
    assert result.error == error
    assert len(result.calls) == 3
    assert (result.status == "SUCCEEDED") == (error is None)


def test_a_task_and_a_call_share_the_cores(toy: Toy) -> None:
    branches = [
        {"StartAt": "SortSpectra", "States": {"SortSpectra": fargate_task()}},
        {"StartAt": "Echo", "States": {"Echo": task()}},
    ]
    parallel = {"Type": "Parallel", "Branches": branches, "End": True}
    result = run(toy, {}, states={"Both": parallel}, n_workers=1)
    assert sorted(call.state for call in result.calls) == ["Echo", "SortSpectra"]
    first, second = sorted(result.calls, key=lambda call: call.started)
    assert second.queued_s > first.duration_s - 0.1


@pytest.mark.usefixtures("ctrl_c")
def test_interrupting_kills_the_task(toy: Toy, tmp_path: Path, new_threads: NewThreads) -> None:
    started, child = tmp_path / "started", tmp_path / "child"

    def interrupt() -> None:
        wait_until(lambda: child.exists() and child.read_text())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    event = {"append_line": str(started), "start_child": str(child), "sleep_s": 60}
    with pytest.raises(KeyboardInterrupt):
        run(toy, event)
    wait_until(lambda: new_threads() == [])
    assert not process_runs(int(started.read_text()))
    assert not process_runs(int(child.read_text()))


def test_a_task_ends_with_its_runner(tmp_path: Path) -> None:
    file = tmp_path / "task.py"
    file.write_text("import sys, time; print(sys.argv, flush=True); time.sleep(60)")
    command = [sys.executable, "-m", "ionbox.local.task_process", str(file)]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == f"{[str(file)]}\n"
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 1


def test_the_interpreter_refuses_tokens_that_nothing_waits_for() -> None:
    tokens = TaskTokens(Interpreter())
    ways: list[Callable[[], None]] = [
        lambda: tokens.heartbeat("t"),
        lambda: tokens.succeed("t", "{}"),
        lambda: tokens.fail("t", "E", "c"),
    ]
    with start_interpreter(Clients({})):
        for tell in ways:
            with pytest.raises(ServiceFault) as refused:
                tell()
            assert refused.value.code == "InvalidToken"


# --- asked as ECS and Step Functions ---


class Waiting:
    """Stands for the states that wait: keeps what they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.told.append((name, *arguments))


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def stop_s() -> float:
    return STOP_S


@pytest.fixture
def tasks(toy: Toy, waiting: Waiting, stop_s: float) -> Iterator[LocalTasks]:
    with toy.pool() as pool:
        table, environment = read_tasks(toy.project), dict(os.environ)
        made = LocalTasks(table, pool, environment=environment, log=toy.log, stop_s=stop_s)
        made.connect(waiting)
        yield made
        made.close()
        pool.close()
        made.join()


@pytest.fixture
def entry(toy: Toy) -> ReplaceEntry:
    """Replaces what the task does by something that needs no AWS."""

    def replace(code: str) -> None:
        toy.functions(Echo={})
        path = read_tasks(toy.project)["sort_spectra"].entry
        path.write_text(f"import os, pathlib, signal, time\n{code}\n")

    return replace


def run_task(tasks: LocalTasks, token: str = "token-1", **options: Any) -> Response:
    environment = {"IONBOX_TASK_TOKEN": token, "IONBOX_MEMORY_MB": "500"}
    container = {
        "environment": [{"name": name, "value": value} for name, value in environment.items()]
    }
    overrides = {"memory": "500", "containerOverrides": [container]}
    request = {"taskDefinition": SORT_TASK, "overrides": overrides, "startedBy": "run-1"}
    return tasks.answer_ecs("RunTask", request | options)


def status(tasks: LocalTasks, arn: str) -> str:
    (described,) = tasks.answer_ecs("DescribeTasks", {"tasks": [arn]})["tasks"]
    last: str = described["lastStatus"]
    return last


def test_a_task_can_be_listed_described_and_stopped(
    tasks: LocalTasks, entry: ReplaceEntry, tmp_path: Path
) -> None:
    went = tmp_path / "went"
    entry(
        "signal.signal(signal.SIGTERM, "
        f"lambda *_: (pathlib.Path({str(went)!r}).touch(), os._exit(0)))\n"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch()\ntime.sleep(60)"
    )
    answer = run_task(tasks)
    arn = answer["tasks"][0]["taskArn"]
    assert answer["failures"] == []
    assert answer["tasks"][0]["taskDefinitionArn"] == SORT_TASK
    assert tasks.answer_ecs("ListTasks", {"startedBy": "run-1"}) == {"taskArns": [arn]}
    assert tasks.answer_ecs("ListTasks", {"startedBy": "run-2"}) == {"taskArns": []}
    assert status(tasks, arn) == "RUNNING"
    wait_until((tmp_path / "ready").exists)
    tasks.answer_ecs("StopTask", {"task": arn})
    wait_until(lambda: status(tasks, arn) == "STOPPED")
    assert went.exists()
    assert tasks.answer_ecs("ListTasks", {}) == {"taskArns": []}


@pytest.mark.parametrize("stop_s", [0.2])
def test_a_task_that_does_not_listen_is_killed(
    tasks: LocalTasks, entry: ReplaceEntry, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    entry(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\ntime.sleep(60)"
    )
    arn = run_task(tasks)["tasks"][0]["taskArn"]
    wait_until(ready.exists)
    tasks.answer_ecs("StopTask", {"task": arn})
    wait_until(lambda: status(tasks, arn) == "STOPPED")


def test_the_next_attempt_with_a_token_ends_the_one_before(
    tasks: LocalTasks, entry: ReplaceEntry, waiting: Waiting
) -> None:
    entry("time.sleep(60)")
    first, second = (run_task(tasks)["tasks"][0]["taskArn"] for _ in range(2))
    assert tasks.answer_ecs("ListTasks", {}) == {"taskArns": [second]}
    assert waiting.told == [("renew", "token-1")]
    with pytest.raises(ServiceFault, match=first):
        status(tasks, first)


def test_a_task_that_ends_without_a_report_is_given_up(
    tasks: LocalTasks, entry: ReplaceEntry, waiting: Waiting
) -> None:
    entry("os._exit(1)")
    run_task(tasks)
    wait_until(lambda: waiting.told == [("silence", "token-1")])


def test_reports_are_passed_on(tasks: LocalTasks, waiting: Waiting) -> None:
    token = {"taskToken": "token-1"}
    tasks.pass_on("SendTaskHeartbeat", token)
    tasks.pass_on("SendTaskSuccess", token | {"output": "{}"})
    tasks.pass_on("SendTaskFailure", token | {"error": "E", "cause": "c"})
    assert waiting.told == [
        ("heartbeat", "token-1"),
        ("succeed", "token-1", "{}"),
        ("fail", "token-1", "E", "c"),
    ]


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda tasks: run_task(tasks, taskDefinition="other:3"), "ClientException"),
        (lambda tasks: tasks.answer_ecs("StopTask", {"task": "t"}), "InvalidParameterException"),
        (lambda tasks: tasks.answer_ecs("DeleteCluster", {}), "InvalidActionException"),
        (lambda tasks: tasks.pass_on("Guess", {"taskToken": "t"}), "InvalidActionException"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_code(
    tasks: LocalTasks, ask: Callable[[LocalTasks], object], code: str
) -> None:
    with pytest.raises(ServiceFault) as refused:
        ask(tasks)
    assert refused.value.code == code


def test_no_task_is_started_once_closed(tasks: LocalTasks, entry: ReplaceEntry) -> None:
    entry("time.sleep(60)")
    tasks.close()
    with pytest.raises(ServiceFault, match="The run was stopped"):
        run_task(tasks)
