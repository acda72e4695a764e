"""Fixtures of several of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ionbox.reading.place import folder_place

from tests.viewing import (
    Client,
    LocalRun,
    make_run,
    serving,
)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return make_run(tmp_path_factory.mktemp("viewed"))


@pytest.fixture
def client(run: LocalRun) -> Iterator[Client]:
    with serving(folder_place(run.out)) as client:
        yield client
