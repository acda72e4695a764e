"""StartRuns: as many executions as may run at once, in the order of the queue, never more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.events.executions import REMEMBERED_S, Executions, StartOutcome
from ionbox_cloud.events.run_queue import (
    SMALL_RUN_BYTES,
    ReceivedRun,
    RunQueue,
    ended_executions,
    start_waiting_runs,
)
from ionbox_cloud.messages import DatasetFiles, RunRequest, WaitingRun

from tests.handlers.aws_account import Account, call_event_handler, ended, read_event

NewAccount = Callable[..., Account]
ENDS = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:ionbox"


def waiting(number: int, n_bytes: int = 1000) -> WaitingRun:
    files = DatasetFiles(f"mouse {number}", "mouse.imzML", "mouse.ibd", None)
    return WaitingRun(f"claim{number:03}-1", RunRequest(files, (), (), ()), n_bytes)


def queue_of(account: Account) -> RunQueue:
    return RunQueue(open_client("sqs"), account.run_queue_url, account.kick_queue_url)


def add(account: Account, *numbers: int, n_bytes: int = 1000) -> list[str]:
    for number in numbers:
        queue_of(account).add(waiting(number, n_bytes))
    return [waiting(number).execution_id for number in numbers]


# --- the gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_runs", [1, 3])
def test_many_runs_drain_in_order_and_never_too_many_at_once(
    new_account: NewAccount, max_runs: int
) -> None:
    account = new_account(max_runs=max_runs)
    names = add(account, *range(12))
    account.settle()
    for number in range(12):
        assert len(account.executions("RUNNING")) == min(max_runs, 12 - number)
        account.end(account.executions("RUNNING")[0], ENDS[number % 4])
        account.settle()
    assert account.executions() == names
    assert account.executions("RUNNING") == []
    assert account.count(account.run_queue_url) == account.count(account.dead_url) == 0


def test_kicks_that_come_together_start_no_more(account: Account) -> None:
    add(account, *range(6))
    assert account.count(account.kick_queue_url) == 6
    account.start_runs()
    assert len(account.executions()) == 2
    assert account.count(account.run_queue_url) == 4


def test_nothing_waits_nothing_starts(account: Account) -> None:
    queue_of(account).kick()
    account.start_runs()
    assert account.executions() == []


def test_a_run_that_is_queued_twice_takes_one_place(account: Account) -> None:
    names = add(account, 1, 1, 1, 2, 2, 3)
    account.settle()
    assert account.executions() == [names[0], names[3]]


@pytest.mark.parametrize("status", ENDS)
def test_a_run_that_has_ended_is_not_started_again(account: Account, status: str) -> None:
    (name,) = add(account, 1)
    account.settle()
    account.end(name, status)
    add(account, 1, 2)
    account.settle()
    assert account.executions() == [name, waiting(2).execution_id]
    assert account.executions("RUNNING") == [waiting(2).execution_id]
    assert account.count(account.run_queue_url) == 0


def test_a_crash_of_start_runs_leaks_no_place(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = add(account, *range(5))
    original = Executions.start

    def start_and_die(self: Executions, run: WaitingRun) -> StartOutcome:
        original(self, run)
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Executions, "start", start_and_die)
        with pytest.raises(SystemError):
            account.start_runs()
    account.forget_process()
    account.show_all()
    queue_of(account).kick()  # the kick's own second delivery
    account.settle()
    assert account.executions() == names[:2]
    for name in names:
        account.end(name)
        account.settle()
    assert account.executions() == names
    assert account.count(account.run_queue_url) == 0


def test_executions_of_a_longer_list_are_counted_page_by_page(account: Account) -> None:
    machine = account.environment["IONBOX_STATE_MACHINE"]
    client = open_client("stepfunctions")
    for number in range(7):
        client.start_execution(stateMachineArn=machine, name=f"e{number}", input="{}")

    class SmallPages:
        n_calls = 0

        def list_executions(self, **arguments: Any) -> Any:
            self.n_calls += 1
            return client.list_executions(**arguments | {"maxResults": 2})

    pages = SmallPages()
    executions = Executions(pages, machine)
    assert len(executions.running(100)) == 7
    pages.n_calls = 0
    assert len(executions.running(3)) >= 3
    assert pages.n_calls == 2  # it stops counting


# --- small and large runs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_bytes", "max_runs", "n_started"),
    [
        (SMALL_RUN_BYTES, 5, 5),
        (SMALL_RUN_BYTES + 1, 5, 4),
        (0, 5, 4),  # from a version that did not say
        (SMALL_RUN_BYTES + 1, 2, 1),
        (SMALL_RUN_BYTES + 1, 1, 1),
    ],
)
def test_the_last_place_is_kept_for_small_runs(n_bytes: int, max_runs: int, n_started: int) -> None:
    queue = Queue(range(7), dict.fromkeys(range(7), n_bytes))
    assert len(start_waiting_runs(queue, Executions(Machine(), ARN), max_runs)) == n_started


def test_a_small_run_passes_large_ones_that_must_wait(new_account: NewAccount) -> None:
    account = new_account(max_runs=3)
    large = add(account, *range(4), n_bytes=64_000_000_000)
    account.settle()
    assert account.executions() == large[:2]
    # passed over more often than the dead letters allow a message to be received
    for number in range(20, 24):
        (small,) = add(account, number)
        account.start_runs()
        assert account.executions("RUNNING") == [*large[:2], small]
        account.end(small)
    account.settle()
    assert account.count(account.run_queue_url) == len(large[2:])
    for _ in large:
        running = account.executions("RUNNING")
        assert len(running) <= 2
        account.end(running[0])
        account.settle()
    assert sorted(name for name in account.executions() if name in large) == large
    assert account.count(account.run_queue_url) == account.count(account.dead_url) == 0


def test_large_runs_keep_their_order_when_they_are_passed_over() -> None:
    queue = Queue(range(6), dict.fromkeys(range(5), SMALL_RUN_BYTES + 1))
    started = start_waiting_runs(queue, Executions(Machine(), ARN), 3)
    assert started == [waiting(number).execution_id for number in (0, 1, 5)]
    assert queue.left == ["receipt 2", "receipt 3", "receipt 4"]
    assert queue.put == ["receipt 2", "receipt 3", "receipt 4"]


def test_a_long_queue_is_not_searched_for_ever() -> None:
    n = 1000
    queue = Queue(range(n), dict.fromkeys(range(n), SMALL_RUN_BYTES + 1))
    assert len(start_waiting_runs(queue, Executions(Machine(), ARN), 3)) == 2
    assert len(queue.put) <= 100


def test_a_run_that_an_older_version_queued_is_understood() -> None:
    written = waiting(1).to_json()
    del written["n_bytes"]
    assert WaitingRun.from_json(written) == waiting(1, 0)


# --- Step Functions lists with a delay ------------------------------------------------------------


class Machine:
    """A client of Step Functions whose list is as late as a test says."""

    def __init__(self, *errors: str) -> None:
        self.listed: list[str] = []
        self.statuses: dict[str, str] = {}
        self.started: list[str] = []
        self.errors = list(errors)

    def list_executions(self, **arguments: Any) -> Any:
        listed = self.listed[: arguments["maxResults"]]
        return {"executions": [{"name": name} for name in listed]}

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 (AWS's name)
        prefix, _, name = executionArn.rpartition(":")
        assert prefix == "arn:aws:states:us-east-1:123456789012:execution:ionbox"
        if name not in self.statuses:
            raise client_error("ExecutionDoesNotExist")
        return {"status": self.statuses[name]}

    def start_execution(self, **arguments: str) -> None:
        if self.errors and (code := self.errors.pop(0)):
            raise client_error(code)
        self.started.append(arguments["name"])


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as AWS says it"}}, "AnyCall")


class Queue(RunQueue):
    """A run queue in memory; messages that are left come back with the next test of a kick."""

    def __init__(
        self, numbers: Sequence[int], sizes: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        self.left = [f"receipt {number}" for number in numbers]
        self.put: list[str] = []
        self._numbers = list(numbers)
        self._sizes = sizes

    def receive(self) -> ReceivedRun | None:
        if not self._numbers:
            return None
        number = self._numbers.pop(0)
        run = waiting(number, self._sizes.get(number, 1000))
        return ReceivedRun(run, f"receipt {number}")

    def put_back(self, received: ReceivedRun) -> None:
        self.put.append(received.receipt)

    def remove(self, received: ReceivedRun) -> None:
        self.left.remove(received.receipt)


def test_what_was_just_started_counts_before_it_is_listed() -> None:
    machine, clock = Machine(), [0.0]
    executions = Executions(machine, ARN, now=lambda: clock[0])
    assert len(start_waiting_runs(Queue(range(9)), executions, 2)) == 2
    clock[0] += REMEMBERED_S - 1
    assert start_waiting_runs(Queue(range(2, 9)), executions, 2) == []
    machine.statuses = {waiting(0).execution_id: "RUNNING", waiting(1).execution_id: "FAILED"}
    assert start_waiting_runs(Queue([2]), executions, 2) == [waiting(2).execution_id]


def test_what_is_not_listed_after_a_minute_has_ended() -> None:
    machine, clock = Machine(), [0.0]
    executions = Executions(machine, ARN, now=lambda: clock[0])
    start_waiting_runs(Queue([0, 1]), executions, 2)
    clock[0] += REMEMBERED_S + 1
    assert executions.running(5) == set()


def test_an_execution_whose_end_is_the_kick_does_not_count_though_still_listed() -> None:
    machine = Machine()
    machine.listed = ["a-1", "b-1"]
    executions = Executions(machine, ARN)
    assert start_waiting_runs(Queue([0]), executions, 2) == []
    assert start_waiting_runs(Queue([0, 1]), executions, 2, {"a-1"}) == [waiting(0).execution_id]
    assert start_waiting_runs(Queue([1]), executions, 2, {"other-1"}) == []


def test_those_behind_one_that_ended_are_counted_too() -> None:
    machine = Machine()
    machine.listed = ["ended-1", "a-1", "b-1"]
    assert start_waiting_runs(Queue([0]), Executions(machine, ARN), 2, {"ended-1"}) == []


def test_kicks_tell_which_executions_ended() -> None:
    bodies = [record["body"] for record in read_event("start_runs")["Records"]]
    assert ended_executions(bodies) == {"1c2b9a0f4d5e6f708192a3b4c5d6e7f8-1"}
    assert ended_executions([json.dumps(ended("x-1", "RUNNING"))]) == set()
    assert ended_executions(["", "{", "[]", "3", '{"detail": 3}', '{"detail": "{}"}']) == set()


# --- what Step Functions says ---------------------------------------------------------------------


def test_a_run_that_exists_is_done_with_and_takes_no_place() -> None:
    machine, queue = Machine("ExecutionAlreadyExists"), Queue([0, 1, 2])
    names = start_waiting_runs(queue, Executions(machine, ARN), 2)
    assert names == [waiting(1).execution_id, waiting(2).execution_id]
    assert queue.left == []


@pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded"])
def test_throttling_leaves_the_message_and_ends_the_round(code: str) -> None:
    machine, queue = Machine("", code), Queue([0, 1, 2])
    assert start_waiting_runs(queue, Executions(machine, ARN), 3) == [waiting(0).execution_id]
    assert queue.left == ["receipt 1", "receipt 2"]
    assert machine.started == [waiting(0).execution_id]


@pytest.mark.parametrize("code", ["InvalidExecutionInput", "InvalidName"])
def test_a_run_that_can_never_start_is_left_for_the_dead_letters(code: str) -> None:
    machine, queue = Machine(code), Queue([0, 1])
    assert start_waiting_runs(queue, Executions(machine, ARN), 3) == [waiting(1).execution_id]
    assert queue.left == ["receipt 0"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "StateMachineDoesNotExist"])
def test_what_is_wrong_with_the_stack_fails_loudly(code: str) -> None:
    queue = Queue([0])
    with pytest.raises(ClientError, match=code):
        start_waiting_runs(queue, Executions(Machine(code), ARN), 3)
    assert queue.left == ["receipt 0"]


def test_an_error_of_describing_is_not_taken_for_absence() -> None:
    class Locked(Machine):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 (AWS's name)
            raise client_error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        Executions(Locked(), ARN).status("a-1")


def test_a_message_that_is_no_run_goes_to_the_dead_letters_and_blocks_nobody(
    account: Account,
) -> None:
    sqs = open_client("sqs")
    bad = ["{", "{}", '{"execution_id": "x-1", "request": {}}', "[]"]
    for body in bad:
        sqs.send_message(QueueUrl=account.run_queue_url, MessageBody=body)
    (name,) = add(account, 1)
    for _ in range(5):
        account.show_all()
        queue_of(account).kick()
        account.settle()
    assert account.executions() == [name]
    assert sorted(account.take(account.dead_url)) == sorted(bad)
    assert account.count(account.run_queue_url) == 0


# --- the handler ----------------------------------------------------------------------------------


def test_the_event_file_is_understood(account: Account) -> None:
    names = add(account, 1)
    call_event_handler("StartRuns", read_event("start_runs"))
    assert account.executions() == names


def test_kicks_at_once_are_never_taken_for_repetitions(account: Account) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: queue_of(account).kick(), range(8)))
    assert account.count(account.kick_queue_url) == 8


@pytest.mark.parametrize("variable", ["IONBOX_STATE_MACHINE", "IONBOX_MAX_RUNS"])
def test_a_missing_setting_is_named(
    account: Account, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(InvalidMessage, match=f"not set in the environment: {variable}"):
        call_event_handler("StartRuns", read_event("start_runs"))


@pytest.mark.parametrize("text", ["0", "-1", "many", "2.5"])
def test_the_number_of_runs_is_a_whole_number(
    account: Account, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("IONBOX_MAX_RUNS", text)
    with pytest.raises(InvalidMessage, match="IONBOX_MAX_RUNS: no whole number above 0"):
        call_event_handler("StartRuns", read_event("start_runs"))


def test_an_event_of_another_kind_is_refused(account: Account) -> None:
    with pytest.raises(InvalidMessage, match="StartRuns: no messages of a queue"):
        call_event_handler("StartRuns", {"surprise": 1})
