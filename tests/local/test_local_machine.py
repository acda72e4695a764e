import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from ionbox.local.call_events import CallStarted, Event, ItemsRead
from ionbox.local.errors import InterpreterDied, InvalidDefinition

from tests.local.toys import NewThreads, Toy, distributed_map, process_runs, task
from tests.patience import wait_until

VALUE = {"OutputPath": "$.Payload.value"}


def test_the_output_of_the_last_state_is_the_result(toy: Toy) -> None:
    states = {"First": task(Next="Second", **VALUE), "Second": {"Type": "Pass", "End": True}}
    result = toy.run(states, {"value": {"n": 1}})
    assert (result.status, result.output, result.error) == ("SUCCEEDED", {"n": 1}, None)
    assert [call.state for call in result.calls] == ["Echo"]


def test_an_output_may_be_a_string(toy: Toy) -> None:
    assert toy.run({"Only": task(**VALUE)}, {"value": "text"}).output == "text"


def test_a_failed_call_fails_the_execution_under_its_own_name(toy: Toy) -> None:
    result = toy.run({"Only": task()}, {"end": "raise"})
    assert (result.status, result.output, result.error) == ("FAILED", None, "InvalidDataset")
    assert result.cause is not None
    assert '"errorMessage":"no spectra"' in result.cause
    assert [call.error for call in result.calls] == ["InvalidDataset"]


def test_the_machines_time_limit_holds_and_stops_the_call(toy: Toy, tmp_path: Path) -> None:
    event = {"start_child": str(tmp_path / "child"), "sleep_s": 60}
    result = toy.run({"Only": task()}, event, machine={"TimeoutSeconds": 2})
    assert result.status == "TIMED_OUT"
    assert result.calls == ()  # it was stopped, and not waited for until its own time was over
    assert not process_runs(int((tmp_path / "child").read_text()))


def test_a_child_that_fails_in_a_map_fails_the_execution(toy: Toy) -> None:
    # moto's distributed Map would have succeeded
    states = {"Work": distributed_map(Label="Work")}
    result = toy.run(states, {"key": toy.items("Echo", [{"value": 1}, {"end": "raise"}])})
    assert (result.status, result.output) == ("FAILED", None)
    assert result.error == "States.ExceedToleratedFailureThreshold"
    assert result.cause == "1 of 2 items of Map Work failed."


def test_listeners_hear_of_items_and_calls(toy: Toy) -> None:
    events: list[Event] = []
    key = toy.items("Echo", [1, 2])
    toy.run({"Work": distributed_map()}, {"key": key}, listener=events.append)
    assert events[0] == ItemsRead("Echo", 2)
    assert events.count(CallStarted("Echo")) == 2


def test_a_thousand_items_do_not_hang(toy: Toy) -> None:
    # One after the other, where the interpreter's recursion is deepest.
    key = toy.items("Echo", list(range(1000)))
    result = toy.run({"Work": distributed_map(MaxConcurrency=1)}, {"key": key})
    assert result.output == list(range(1000))
    assert len(result.calls) == 1000


def test_a_map_starts_only_as_many_items_as_it_says(toy: Toy) -> None:
    n_running, most, lock = 0, 0, threading.Lock()

    def listen(event: Event) -> None:
        nonlocal n_running, most
        with lock:
            if not isinstance(event, ItemsRead):
                n_running += 1 if isinstance(event, CallStarted) else -1
                most = max(most, n_running)

    key = toy.items("Echo", [{"sleep_s": 0.02}] * 12)
    toy.run({"Work": distributed_map(MaxConcurrency=3)}, {"key": key}, n_workers=8, listener=listen)
    assert most == 3


def test_a_slow_call_is_made_once(toy: Toy, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    result = toy.run({"Only": task()}, {"append_line": str(calls), "sleep_s": 2})
    assert result.status == "SUCCEEDED"
    assert len(calls.read_text().split()) == 1


def test_waiting_for_a_worker_times_nothing_out(toy: Toy) -> None:
    # Five seconds of work for one worker, each call allowed one.
    states = {"Call": task(TimeoutSeconds=1, **VALUE)}
    key = toy.items("Echo", [{"sleep_s": 0.25, "value": n} for n in range(8)])
    result = toy.run({"Work": distributed_map(states)}, {"key": key}, n_workers=1)
    assert result.output == list(range(8))


def test_the_users_aws_settings_neither_matter_nor_change(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_SESSION_TOKEN": "secret",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    names = ["AWS_PROFILE", "AWS_SESSION_TOKEN"]
    result = toy.run({"Only": task(OutputPath="$.Payload.environment")}, {"environment": names})
    assert result.output == {name: settings[name] for name in names}  # handlers may need them
    assert dict(os.environ) == before


def test_nothing_is_left_behind(toy: Toy, new_threads: NewThreads) -> None:
    limit = sys.getrecursionlimit()
    result = toy.run({"Work": distributed_map()}, {"key": toy.items("Echo", [1, 2, 3])})
    assert new_threads() == []
    assert sys.getrecursionlimit() == limit
    assert not any(process_runs(call.worker_pid) for call in result.calls)


def test_runs_may_follow_each_other_under_one_name(toy: Toy) -> None:
    assert [toy.run({"Only": task(**VALUE)}, {"value": n}).output for n in (1, 2)] == [1, 2]


@pytest.mark.usefixtures("ctrl_c")
def test_interrupting_stops_everything_and_is_raised_again(
    toy: Toy, tmp_path: Path, new_threads: NewThreads
) -> None:
    started = tmp_path / "started"

    def interrupt() -> None:
        wait_until(lambda: started.exists() and len(started.read_text().split()) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    item = {"append_line": str(started), "sleep_s": 60}
    key = toy.items("Echo", [item] * 20)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        toy.run({"Work": distributed_map()}, {"key": key})
    assert time.monotonic() - before < 20
    wait_until(lambda: new_threads() == [])
    assert not any(process_runs(int(pid)) for pid in started.read_text().split())
    assert len(started.read_text().split()) == 2


def test_an_interpreter_that_dies_is_noticed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    monkeypatch.setattr(ExecutionWorker, "_execution_logic", lambda _: None)
    with pytest.raises(InterpreterDied, match="resumes"):
        toy.run({"Only": task()}, {})


def test_a_state_machine_the_interpreter_refuses_is_explained(toy: Toy) -> None:
    refused = {"Only": {"Type": "Task", "End": True}}
    with pytest.raises(InvalidDefinition, match=r"refuses the state machine: .*No Resource"):
        toy.run(refused, {})


def test_the_work_store_must_be_a_folder(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = type(toy.stores)(inbox="memory:///", work="s3://bucket/", results="memory:///")
    monkeypatch.setattr(type(toy), "stores", stores)
    with pytest.raises(InvalidDefinition, match="s3://bucket/ is none"):
        toy.run({"Only": task()}, {})
