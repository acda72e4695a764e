import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ionbox.local import memory
from ionbox.local.call_events import CallEnd, CallFinished, CallStarted, Event
from ionbox.local.errors import UnknownFunction
from ionbox.local.pool import WorkerPool
from ionbox.local.runtime import MEMORY_TUNING

from tests import patience
from tests.local.toys import NewThreads, Toy, process_runs
from tests.patience import PATIENCE_S, wait_until

ECHO_ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


def invoke(pool: WorkerPool, function: str = "echo", **event: Any) -> tuple[str | None, Any]:
    answer = pool.invoke(function, json.dumps(event))
    return answer.error, json.loads(answer.payload)


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


def read_pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_handler_sees_what_lambda_would_show_it(toy: Toy) -> None:
    names = ["IONBOX_WORK", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    attributes = ["memory_limit_in_mb", "invoked_function_arn"]
    with toy.pool() as pool:
        error, answer = invoke(pool, environment=names, context=attributes, read_stdin=True)
    assert error is None
    assert answer["environment"] == {
        "IONBOX_WORK": toy.stores.work,
        "AWS_LAMBDA_FUNCTION_NAME": "echo",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "100",
    }
    assert answer["context"] == {"memory_limit_in_mb": "100", "invoked_function_arn": ECHO_ARN}
    assert 0 < answer["remaining_ms"] <= 30_000
    assert answer["stdin"] == ""


def test_workers_leave_the_cores_to_each_other(toy: Toy) -> None:
    with toy.pool() as pool:
        _, answer = invoke(pool, environment=["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
    assert set(answer["environment"].values()) == {"1"}


@pytest.mark.parametrize(
    ("of_the_user", "expected"),
    [
        (None, MEMORY_TUNING["GLIBC_TUNABLES"]),
        ("glibc.malloc.arena_max=1", "glibc.malloc.arena_max=1"),
    ],
)
def test_workers_take_memory_as_measured_best_unless_a_user_tunes_it_otherwise(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, of_the_user: str | None, expected: str
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if of_the_user:
        monkeypatch.setenv("GLIBC_TUNABLES", of_the_user)
    with toy.pool() as pool:
        _, answer = invoke(pool, environment=["GLIBC_TUNABLES"])
    assert answer["environment"] == {"GLIBC_TUNABLES": expected}


def test_what_handlers_print_goes_to_the_log(toy: Toy, capfd: pytest.CaptureFixture[str]) -> None:
    with toy.pool() as pool:
        invoke(pool, print="hello from a worker")
    assert toy.log.read_text() == "hello from a worker\n"
    assert capfd.readouterr() == ("", "")


def test_an_error_is_answered_as_lambda_does(toy: Toy) -> None:
    with toy.pool() as pool:
        error, answer = invoke(pool, end="raise")
    assert error == answer["errorType"] == "InvalidDataset"
    assert answer["errorMessage"] == "no spectra"
    assert "in lambda_handler" in answer["stackTrace"][0]


@pytest.mark.parametrize(
    ("end", "error", "message"),
    [
        ("memory", "MemoryError", "wanted 9 GB"),
        ("exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("kill", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        ("segfault", "Runtime.ExitError", "with error: signal: segmentation fault"),
    ],
)
def test_the_end_of_a_worker_is_an_error_with_lambdas_name(
    toy: Toy, end: str, error: str, message: str
) -> None:
    with toy.pool() as pool:
        name, answer = invoke(pool, end=end)
        assert name == answer["errorType"] == error
        assert answer["errorMessage"].endswith(message)
        assert invoke(pool, value=1)[0] is None  # the worker was replaced


def test_an_answer_that_is_no_json_is_a_marshal_error(toy: Toy) -> None:
    with toy.pool() as pool:
        error, answer = invoke(pool, no_json=True)
    assert error == "Runtime.MarshalError"
    assert "set is not JSON serializable" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module", "Runtime.ImportModuleError"),
        ("def lambda_handler(:", "Runtime.UserCodeSyntaxError"),
        ("handler = 1", "Runtime.HandlerNotFound"),
        ("1 / 0", "ZeroDivisionError"),
        (None, "Runtime.ImportModuleError"),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_its_calls(
    toy: Toy, source: str | None, error: str
) -> None:
    with toy.pool() as pool:
        path = toy.project.handlers / "echo" / "handler.py"
        path.unlink() if source is None else path.write_text(source)
        name, answer = invoke(pool)
    assert name == answer["errorType"] == error


def test_a_call_that_takes_too_long_is_killed_with_all_it_started(toy: Toy, tmp_path: Path) -> None:
    with toy.pool(Echo={"timeout_s": 1}) as pool:
        error, answer = invoke(pool, start_child=str(tmp_path / "child"), sleep_s=60)
        assert error == answer["errorType"] == "Sandbox.Timedout"
        assert answer["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
        child = int((tmp_path / "child").read_text())
        wait_until(lambda: not process_runs(child))
        assert invoke(pool)[0] is None


def test_the_call_of_a_killed_worker_is_run_once_more(
    toy: Toy, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    with toy.pool(n_workers=2) as pool:
        event = {"append_line": str(started), "await_file": str(go)}
        calls = [callers.submit(invoke, pool, **event) for _ in range(2)]
        wait_until(lambda: len(read_pids(started)) == 2)
        victim, survivor = read_pids(started)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(read_pids(started)) == 3)
        go.touch()
        answers = [call.result(PATIENCE_S) for call in calls]
    assert [error for error, _ in answers] == [None, None]
    assert survivor in [answer["pid"] for _, answer in answers]
    assert victim not in [answer["pid"] for _, answer in answers]
    assert sorted(str(call.error) for call in pool.calls) == ["None", "None", "Runtime.ExitError"]


def test_a_worker_that_dies_twice_is_named(toy: Toy) -> None:
    with toy.pool() as pool:
        _, answer = invoke(pool, end="kill")
    assert len(pool.calls) == 2
    said = answer["errorMessage"]
    assert said.startswith("the worker of Echo (echo) died twice, first with error: signal: killed")
    assert "of the 100 MB it may have; the system may have run out of memory: fewer --w" in said


def test_a_crash_is_no_lack_of_memory(toy: Toy) -> None:
    with toy.pool() as pool:
        _, answer = invoke(pool, end="segfault")
    assert "died twice, first with error: signal: segmentation fault" in answer["errorMessage"]
    assert "out of memory" not in answer["errorMessage"]


def test_what_exceeds_its_memory_or_its_time_is_not_run_again(toy: Toy) -> None:
    with toy.pool(n_workers=1, Echo={"timeout_s": 1}) as pool:
        assert invoke(pool, sleep_s=600)[0] == "Sandbox.Timedout"
        assert len(pool.calls) == 1
    with toy.pool(n_workers=1) as pool:
        assert invoke(pool, keep_mb=150, sleep_s=60)[0] == "Runtime.ExitError"
        assert len(pool.calls) == 1


def test_a_worker_is_not_ended_by_what_ends_its_runner(toy: Toy) -> None:
    with toy.pool(n_workers=1) as pool:
        pid = invoke(pool)[1]["pid"]
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(pid, number)
        assert invoke(pool)[1]["pid"] == pid


def test_a_worker_that_cannot_be_started_is_an_error_with_the_path(toy: Toy) -> None:
    with toy.pool() as pool:
        toy.log.unlink(missing_ok=True)
        toy.log.mkdir()
        error, answer = invoke(pool)
        toy.log.rmdir()
        assert invoke(pool)[0] is None
    assert error == answer["errorType"] == "CannotStart"
    assert str(toy.log) in answer["errorMessage"]


def test_a_worker_killed_while_idle_fails_no_call(toy: Toy) -> None:
    with toy.pool(n_workers=1) as pool:
        _, first = invoke(pool)
        os.kill(first["pid"], signal.SIGKILL)
        wait_until(lambda: not process_runs(first["pid"]))
        error, second = invoke(pool)
    assert error is None
    assert second["pid"] != first["pid"]


def test_workers_are_reused(toy: Toy) -> None:
    with toy.pool(Echo={}, Other={}) as pool:
        pids = {invoke(pool, name)[1]["pid"] for name in ("echo", "other", "echo")}
    assert len(pids) == 1


def test_two_workers_run_at_the_same_time(
    toy: Toy, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    # Each call ends only when the other has started.
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    with toy.pool(n_workers=2) as pool:
        first = callers.submit(invoke, pool, append_line=one, await_file=two)
        second = callers.submit(invoke, pool, append_line=two, await_file=one)
        assert (first.result(PATIENCE_S)[0], second.result(PATIENCE_S)[0]) == (None, None)


def overlaps(calls: Iterable[CallEnd]) -> bool:
    ordered = sorted(calls, key=lambda call: call.started)
    # Unix time may be set back a little between two calls.
    return any(a.started + a.duration_s > b.started + 0.01 for a, b in pairwise(ordered))


def test_calls_that_want_more_memory_than_there_is_wait_for_each_other(
    toy: Toy, callers: ThreadPoolExecutor
) -> None:
    with toy.pool(n_workers=4, memory_mb=1000, Echo={"rungs_mb": [600]}) as pool:
        calls = [callers.submit(invoke, pool, sleep_s=0.05) for _ in range(4)]
        assert [call.result(PATIENCE_S)[0] for call in calls] == [None] * 4
    assert not overlaps(pool.calls)


def test_a_call_that_wants_more_than_the_budget_runs_alone(
    toy: Toy, callers: ThreadPoolExecutor
) -> None:
    with toy.pool(n_workers=3, memory_mb=300, Echo={}, Huge={"rungs_mb": [5000]}) as pool:
        names = ["echo", "huge", "echo", "huge"]
        calls = [callers.submit(invoke, pool, name, sleep_s=0.05) for name in names]
        assert [call.result(PATIENCE_S)[0] for call in calls] == [None] * 4
    for huge in [call for call in pool.calls if call.state == "Huge"]:
        others = [call for call in pool.calls if call is not huge]
        assert not any(overlaps([huge, other]) for other in others)


def wait_for_waiting(pool: WorkerPool, n: int) -> None:
    """Look until this many calls wait."""
    wait_until(lambda: pool.n_waiting == n)


def test_first_come_first_served(toy: Toy, tmp_path: Path, callers: ThreadPoolExecutor) -> None:
    order, go = tmp_path / "order", tmp_path / "go"
    with toy.pool(n_workers=1, Echo={}, Huge={"rungs_mb": [50_000]}) as pool:
        callers.submit(invoke, pool, append_line=str(order), await_file=str(go))
        wait_until(order.exists)
        # The huge call is not overtaken, although the others would fit before it does.
        for n_waiting, name in enumerate(["huge", "echo", "huge", "echo"], start=1):
            callers.submit(invoke, pool, name)
            wait_for_waiting(pool, n_waiting)
        go.touch()
        wait_until(lambda: len(pool.calls) == 5)
    assert [call.state for call in pool.calls] == ["Echo", "Huge", "Echo", "Huge", "Echo"]


def test_calls_are_recorded_and_listeners_told(toy: Toy) -> None:
    events: list[Event] = []
    before = time.time()
    with toy.pool(listener=events.append) as pool:
        _, answer = invoke(pool, sleep_s=0.1)
        invoke(pool, end="raise")
    good, bad = pool.calls
    assert (good.state, good.function, good.error) == ("Echo", "echo", None)
    assert good.worker_pid == answer["pid"]
    assert good.duration_s >= 0.1
    assert abs(good.started - before) < 10
    assert bad.error == "InvalidDataset"
    started = CallStarted("Echo")
    assert events == [started, CallFinished(good), started, CallFinished(bad)]


def test_every_rung_is_a_function_of_its_own(toy: Toy) -> None:
    with toy.pool(Echo={"rungs_mb": [100, 200]}) as pool:
        sizes = [
            invoke(pool, name, context=["memory_limit_in_mb"])[1]["context"]["memory_limit_in_mb"]
            for name in ("echo-100", "echo-200")
        ]
    assert sizes == ["100", "200"]


KILLED = "Error: Runtime exited with error: signal: killed"


def test_a_call_that_outgrows_its_function_is_killed_as_on_lambda(toy: Toy) -> None:
    with toy.pool(n_workers=1) as pool:
        error, answer = invoke(pool, keep_mb=150, sleep_s=60)
        assert invoke(pool)[0] is None
    assert error == answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith(KILLED)
    assert pool.calls[0].peak_memory_mb > 100
    assert pool.calls[1].worker_pid != pool.calls[0].worker_pid


def test_a_peak_that_nobody_saw_ends_a_call_too(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SAMPLE_S", 3600)
    with toy.pool(n_workers=1) as pool:
        for _ in range(3):
            error, answer = invoke(pool, hold_mb=100)
            assert error == answer["errorType"] == "Runtime.ExitError"
            assert answer["errorMessage"].endswith(KILLED)
            assert invoke(pool, hold_mb=50)[0] is None
    peaks = [call.peak_memory_mb for call in pool.calls]
    assert all(100 < peak < 150 for peak in peaks[::2])
    assert all(50 < peak < 100 for peak in peaks[1::2])


def test_a_call_is_not_charged_for_what_others_gave_back(toy: Toy) -> None:
    with toy.pool(n_workers=1, Large={"rungs_mb": [500]}, Small={}) as pool:
        assert invoke(pool, "large", hold_mb=300)[0] is None
        assert invoke(pool, "small", hold_mb=50)[0] is None
    assert pool.calls[0].worker_pid == pool.calls[1].worker_pid


def test_a_worker_that_keeps_much_is_replaced(toy: Toy) -> None:
    with toy.pool(n_workers=1, Large={"rungs_mb": [500]}, Small={}) as pool:
        assert invoke(pool, "large", keep_mb=300)[0] is None
        assert invoke(pool, "small", hold_mb=50)[0] is None
    assert pool.calls[0].worker_pid != pool.calls[1].worker_pid


def test_every_handler_hears_of_every_rung(toy: Toy) -> None:
    with toy.pool(Echo={"rungs_mb": [100, 200]}, Other={}) as pool:
        _, answer = invoke(pool, "other", environment=["IONBOX_RUNGS_MB", "IONBOX_SORT_TASK"])
    assert json.loads(answer["environment"]["IONBOX_RUNGS_MB"]) == {
        "Echo": [100, 200],
        "Other": [100],
    }
    task = json.loads(answer["environment"]["IONBOX_SORT_TASK"])
    assert task.keys() == {"vcpu", "memory_mb"}


@pytest.mark.parametrize(
    "name",
    ["echo", "echo:$LATEST", ECHO_ARN, ECHO_ARN.replace(":", "%3A"), "123456789012:function:echo"],
)
def test_a_function_is_found_by_every_name_lambda_takes(toy: Toy, name: str) -> None:
    with toy.pool() as pool:
        assert invoke(pool, name)[1]["function"] == "echo"


def test_an_unknown_function_is_refused_with_the_known_ones(toy: Toy) -> None:
    with toy.pool() as pool, pytest.raises(UnknownFunction, match=r"'ecco'.* has: echo\."):
        invoke(pool, "ecco")


def test_closing_answers_every_call_and_leaves_no_process(
    toy: Toy, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    started = tmp_path / "started"
    pool = toy.pool(n_workers=2)
    calls = [callers.submit(invoke, pool, append_line=str(started), sleep_s=60) for _ in range(4)]
    wait_until(lambda: len(read_pids(started)) == 2)
    pool.close()
    assert [call.result(PATIENCE_S)[0] for call in calls] == ["Runtime.ExitError"] * 4
    assert not any(process_runs(pid) for pid in read_pids(started))
    assert pool.calls == ()  # they did not fail by themselves
    assert invoke(pool)[0] == "Runtime.ExitError"


def test_workers_end_with_a_killed_runner_even_in_the_middle_of_a_call(
    toy: Toy, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    toy.functions(Echo={})
    code = (
        "from pathlib import Path; from ionbox.local import functions, pool; "
        f"root = Path({str(tmp_path)!r}); "
        "table = functions.read_functions(functions.Project.at(root)); "
        "workers = pool.WorkerPool(table, environment={}, log=root / 'log'); "
        f'workers.invoke("echo", \'{{"append_line": "{started}", "sleep_s": 60}}\')'
    )
    with patience.started([sys.executable, "-c", code]) as runner:
        wait_until(lambda: read_pids(started))
        runner.kill()
    (worker,) = read_pids(started)
    wait_until(lambda: not process_runs(worker))


def test_a_worker_imports_neither_moto_nor_boto3_nor_numpy() -> None:
    code = (
        "import sys, ionbox.local.worker; "
        "sys.exit(any(name in sys.modules for name in ('moto', 'boto3', 'numpy', 'rich')))"
    )
    assert patience.run([sys.executable, "-c", code]).returncode == 0


def test_calls_leave_no_thread(toy: Toy, new_threads: NewThreads) -> None:
    with toy.pool() as pool:
        invoke(pool)
    assert new_threads() == []
