"""A burst: many datasets dropped at once, their events late, repeated and out of order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from ionbox_cloud.environment import INBOX_VARIABLE, RESULTS_VARIABLE, WORK_VARIABLE

from tests.handlers.aws_account import Account

N_DATASETS = 50
MAX_RUNS = 8
AT_ONCE = 6  # Lambdas

Event = dict[str, Any]


@pytest.fixture
def account(new_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch) -> Account:
    """A stack whose queues and executions are moto's, and whose buckets are in memory.

    What is asked of buckets is asked of S3 in `test_intake`; here it would be most of the time.
    """
    account = new_account(max_runs=MAX_RUNS)
    for variable in (INBOX_VARIABLE, WORK_VARIABLE, RESULTS_VARIABLE):
        account.environment[variable] = f"memory://{uuid.uuid4()}"
        monkeypatch.setenv(variable, account.environment[variable])
    return account


def drop_all(account: Account, keys: list[str], random: Random) -> Iterator[list[Event]]:
    """Drop files one by one; yield events that come next, each one to three times, some late."""
    under_way: list[Event] = []
    for key in keys:
        event = account.drop(key, f"bytes of {key}".encode())
        under_way += [event] * random.choice([1, 1, 2, 3])
        random.shuffle(under_way)
        n_due = min(len(under_way), random.choice([0, 1, 2, AT_ONCE]))
        yield [under_way.pop() for _ in range(n_due)]
    while under_way:
        yield [under_way.pop() for _ in range(min(len(under_way), AT_ONCE))]


def test_each_dataset_of_a_burst_is_started_exactly_once(account: Account) -> None:
    random = Random(1)
    imzml_keys = [f"burst-{i % 3}/mouse {i}.imzML" for i in range(N_DATASETS)]
    keys = imzml_keys + [key.replace(".imzML", ".ibd") for key in imzml_keys]
    random.shuffle(keys)
    with ThreadPoolExecutor(AT_ONCE) as lambdas:
        for events in drop_all(account, keys, random):
            list(lambdas.map(account.intake, events))
            if random.random() < 0.3:
                account.start_runs()
                assert len(account.executions("RUNNING")) <= MAX_RUNS
                end_some(account, random)
    while len(account.executions()) < N_DATASETS or account.executions("RUNNING"):
        account.settle()
        assert 0 < len(account.executions("RUNNING")) <= MAX_RUNS, "the rest is lost"
        end_some(account, random)
    account.settle()
    started = [request["dataset"]["imzml_key"] for request in account.requests()]
    assert sorted(started) == sorted(imzml_keys)
    assert len(set(account.executions())) == N_DATASETS
    assert account.count(account.run_queue_url) == account.count(account.dead_url) == 0
    assert account.mail() == []


def end_some(account: Account, random: Random) -> None:
    """End some of what runs, one way or another."""
    running = account.executions("RUNNING")
    for name in random.sample(running, (len(running) + 1) // 2):
        account.end(name, random.choice(["SUCCEEDED", "SUCCEEDED", "FAILED"]))
