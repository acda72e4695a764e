from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ionbox.local.functions import IONBOX
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.environment import (
    INBOX_VARIABLE,
    RESULTS_VARIABLE,
    RUNGS_VARIABLE,
    SORT_TASK_VARIABLE,
    WORK_VARIABLE,
    StoresEnvironment,
)
from ionbox_cloud.events import run_queue
from ionbox_cloud.events.executions import open_executions
from ionbox_cloud.planning import comparison
from ionbox_cloud.store import Stores, open_stores

from tests.cloud_builders import simulate
from tests.handlers.aws_account import Account
from tests.handlers.in_memory import DATABASES, FORMULAS, InMemoryRun
from tests.imzml_builder import Pair


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let handlers know the sizes of functions and of the task."""
    table = json.loads(IONBOX.table.read_text("utf-8"))
    rungs = {state: entry["rungs_mb"] for state, entry in table["functions"].items()}
    monkeypatch.setenv(RUNGS_VARIABLE, json.dumps(rungs))
    monkeypatch.setenv(SORT_TASK_VARIABLE, json.dumps({"vcpu": 4, "memory_mb": 16384}))


@pytest.fixture
def new_stores(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Stores]:
    """Make empty stores in memory, the ones handlers find from then on."""

    def make() -> Stores:
        for variable in (INBOX_VARIABLE, WORK_VARIABLE, RESULTS_VARIABLE):
            monkeypatch.setenv(variable, f"memory://{uuid.uuid4()}")
        return open_stores(StoresEnvironment.from_environment())

    return make


@pytest.fixture
def stores(new_stores: Callable[[], Stores]) -> Stores:
    """Empty stores in memory, the ones handlers find through their environment."""
    return new_stores()


@pytest.fixture(scope="session")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A simulated dataset of 8 x 6 pixels."""
    path: Path = simulate(tmp_path_factory.mktemp("tissue") / "tissue.imzML", FORMULAS, n_ions=20)
    return Pair(path.read_text("utf-8"), path.with_suffix(".ibd").read_bytes())


@pytest.fixture
def new_run(stores: Stores, tissue: Pair) -> Callable[..., InMemoryRun]:
    """Drop a dataset and databases; the defaults are sound ones."""

    def drop(
        *layers: Mapping[str, Any],
        pair: Pair = tissue,
        databases: Mapping[str, bytes] = DATABASES,
        **options: Any,
    ) -> InMemoryRun:
        return InMemoryRun.of(stores, pair, databases, *layers, **options)

    return drop


@pytest.fixture
def many_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the images of any run be too many for PublishResults: CompareImages has several items."""
    monkeypatch.setattr(comparison, "PRODUCTS_OF_ONE_CALL", 0)
    monkeypatch.setattr(comparison, "PRODUCTS_PER_ITEM", 1_000)


@pytest.fixture
def run(new_run: Callable[..., InMemoryRun]) -> InMemoryRun:
    """A sound request on which nothing was done yet."""
    return new_run()


@pytest.fixture(scope="module")
def clients() -> Iterator[None]:
    """Let the tests of a module share clients: each takes longer to make than most tests."""
    yield
    for service in ("s3", "sqs", "sns", "events", "stepfunctions"):
        open_client(service).close()
    open_client.cache_clear()


@pytest.fixture
def new_account(
    clients: None, aws_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Account]]:
    """Make a stack that handlers find through their environment."""
    for name, value in {**aws_variables, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(run_queue, "WAIT_S", 0)

    def make(**options: Any) -> Account:
        account = Account.create(**options)
        for name, value in account.environment.items():
            monkeypatch.setenv(name, value)
        return account

    yield make
    open_executions.cache_clear()


@pytest.fixture
def account(new_account: Callable[..., Account]) -> Account:
    """A stack with a versioned inbox, and room for two runs at once."""
    return new_account()
