from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from ionbox.local.clients import ServiceFault
from ionbox.local.endpoint import Endpoint
from ionbox.local.tasks import STEP_FUNCTIONS, local_aws
from ionbox_cloud.environment import TaskEnvironment
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.task_token import MAX_CAUSE, MAX_ERROR

from tests.patience import PATIENCE_S, wait_until

RUN = {"execution_id": "attempt-1", "run_id": "run-1"}

TASK = """
import hashlib, pathlib, sys, threading, time
from ionbox_cloud.messages import ItemList, RunRef
from ionbox_cloud.fargate_task import state_task
from ionbox_science.errors import InvalidDataset

STARTED = pathlib.Path(sys.argv[1])

@state_task("SortSpectra", RunRef)
def main(message, stores, memory_mb):
    {step}
    return ItemList(n_items=memory_mb, items_key=message.run_id)

main()
"""


class StepFunctions:
    """Keeps what it is told; refuses what it is told to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.refused: dict[str, str] = {}
        self.changed = threading.Condition()

    def __call__(self, action: str, request: Mapping[str, Any]) -> dict[str, Any]:
        with self.changed:
            self.told.append((action, request))
            self.changed.notify()
            code = self.refused.get(action)
        if code:
            raise ServiceFault(code, "no")
        return {}

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.told]

    @property
    def result(self) -> tuple[str, Mapping[str, Any]]:
        """The one thing it was told beside heartbeats."""
        (told,) = [each for each in self.told if each[0] != "SendTaskHeartbeat"]
        return told

    def wait_for(self, condition: Callable[[StepFunctions], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout=PATIENCE_S)


Task = subprocess.Popen[bytes]


class Start(Protocol):
    """Starts a task that takes a step in Python upon a message."""

    def __call__(
        self, step: str = ..., message: Mapping[str, str] = ..., **environment: str
    ) -> Task: ...


@pytest.fixture
def step_functions() -> StepFunctions:
    return StepFunctions()


@pytest.fixture
def start(tmp_path: Path, step_functions: StepFunctions) -> Iterator[Start]:
    def start(step: str = "pass", message: Mapping[str, str] = RUN, **environment: str) -> Task:
        task = tmp_path / "task.py"
        task.write_text(TASK.replace("{step}", step))
        process = subprocess.Popen(
            [sys.executable, task, tmp_path / "started"],
            env={name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
            | local_aws(endpoint.url, "SFN")
            | {
                "IONBOX_INBOX": "memory:///",
                "IONBOX_WORK": (tmp_path / "work").as_uri(),
                "IONBOX_RESULTS": "memory:///",
                "IONBOX_TASK_TOKEN": "token-1",
                "IONBOX_MESSAGE": json.dumps(message),
                "IONBOX_MEMORY_MB": "8192",
            }
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    (tmp_path / "work").mkdir()
    started: list[Task] = []
    with Endpoint({STEP_FUNCTIONS: step_functions}) as endpoint:
        yield start
        for process in started:
            process.kill()
            process.communicate(timeout=PATIENCE_S)


def end(process: Task) -> tuple[int, str]:
    output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output.decode()


def test_an_answer_is_sent_to_the_state_that_waits(
    start: Start, step_functions: StepFunctions
) -> None:
    code, _ = end(start())
    assert code == 0
    assert step_functions.actions == ["SendTaskHeartbeat", "SendTaskSuccess"]
    _, request = step_functions.result
    assert request["taskToken"] == "token-1"
    assert json.loads(request["output"]) == {"n_items": 8192, "items_key": "run-1"}


def test_a_task_leaves_a_record_as_a_handler_does(start: Start, tmp_path: Path) -> None:
    end(start())
    (path,) = (tmp_path / "work").rglob("*.json")
    record = json.loads(path.read_text())
    assert (record["state"], record["rung_mb"]) == ("SortSpectra", 8192)
    assert record["peak_memory_mb"] > 10


def test_an_error_keeps_its_name_and_message(start: Start, step_functions: StepFunctions) -> None:
    code, _ = end(start("raise InvalidDataset('no µ in it')"))
    assert code == 1
    action, request = step_functions.result
    assert (action, request["error"]) == ("SendTaskFailure", "InvalidDataset")
    assert json.loads(request["cause"]) == {
        "errorMessage": "no µ in it",
        "errorType": "InvalidDataset",
    }


def test_a_message_that_is_none_is_an_error_of_the_task(
    start: Start, step_functions: StepFunctions
) -> None:
    code, _ = end(start(message={"execution_id": "e"}))
    assert code == 1
    assert step_functions.result[1]["error"] == "InvalidMessage"


@pytest.mark.parametrize("text", ["x", '"', "\x01"])
def test_long_errors_are_cut_to_what_is_taken(
    start: Start, step_functions: StepFunctions, text: str
) -> None:
    end(start(f"raise type('E' * 1000, (Exception,), {{}})({text!r} * 50_000)"))
    _, request = step_functions.result
    assert request["error"] == "E" * MAX_ERROR
    assert MAX_CAUSE * 0.9 < len(request["cause"]) <= MAX_CAUSE
    message = json.loads(request["cause"])["errorMessage"]
    assert set(message) == {text}


def test_heartbeats_go_on_while_the_step_works(start: Start, step_functions: StepFunctions) -> None:
    process = start("time.sleep(60)", IONBOX_HEARTBEAT_S="0.05")
    step_functions.wait_for(lambda told: told.actions.count("SendTaskHeartbeat") > 3)
    assert process.poll() is None


def test_a_task_that_nobody_waits_for_ends_at_once(
    start: Start, step_functions: StepFunctions
) -> None:
    process = start("STARTED.touch(); time.sleep(60)", IONBOX_HEARTBEAT_S="0.05")
    step_functions.wait_for(lambda told: told.actions.count("SendTaskHeartbeat") > 1)
    step_functions.refused["SendTaskHeartbeat"] = "TaskTimedOut"
    code, output = end(process)
    assert code == 3
    assert "nobody waits for this task" in output
    assert "SendTaskFailure" not in step_functions.actions


def test_a_task_that_nobody_waits_for_from_the_start_does_nothing(
    start: Start, step_functions: StepFunctions, tmp_path: Path
) -> None:
    step_functions.refused["SendTaskHeartbeat"] = "TaskDoesNotExist"
    code, _ = end(start("STARTED.touch()"))
    assert code == 3
    assert not (tmp_path / "started").exists()


def test_an_answer_that_comes_too_late_is_no_success(
    start: Start, step_functions: StepFunctions
) -> None:
    step_functions.refused["SendTaskSuccess"] = "TaskTimedOut"
    assert end(start())[0] == 3


def test_a_heartbeat_that_gets_lost_does_not_stop_the_work(
    start: Start, step_functions: StepFunctions
) -> None:
    step_functions.refused["SendTaskHeartbeat"] = "KmsAccessDeniedException"
    code, output = end(start("time.sleep(0.3)", IONBOX_HEARTBEAT_S="0.1"))
    assert code == 0
    assert step_functions.actions.count("SendTaskHeartbeat") > 1
    assert "heartbeat not sent" in output


def test_a_task_that_is_told_to_stop_says_so_even_from_inside_a_kernel(
    start: Start, step_functions: StepFunctions, tmp_path: Path
) -> None:
    # a second is as long as the test may take; the kernel would take minutes
    process = start("STARTED.touch(); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)")
    wait_until((tmp_path / "started").exists)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 128 + signal.SIGTERM
    action, request = step_functions.result
    assert (action, request["error"]) == ("SendTaskFailure", "TaskStopped")


def test_only_the_first_result_is_told(
    start: Start, step_functions: StepFunctions, tmp_path: Path
) -> None:
    process = start("import os; os.kill(os.getpid(), 15); time.sleep(0.5)")
    end(process)
    assert step_functions.result[1]["error"] == "TaskStopped"


def test_missing_settings_are_all_named() -> None:
    with pytest.raises(InvalidMessage, match="IONBOX_MESSAGE, IONBOX_MEMORY_MB"):
        TaskEnvironment.from_environment({"IONBOX_TASK_TOKEN": "t"})


def test_settings_say_how_often_to_beat() -> None:
    environment = dict.fromkeys(("IONBOX_TASK_TOKEN", "IONBOX_MESSAGE"), "x")
    environment["IONBOX_MEMORY_MB"] = "1"
    assert TaskEnvironment.from_environment(environment).heartbeat_s <= 40  # a third of the state's
    environment["IONBOX_HEARTBEAT_S"] = "0.5"
    assert TaskEnvironment.from_environment(environment).heartbeat_s == 0.5
