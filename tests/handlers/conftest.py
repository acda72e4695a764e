from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud_builders import database_table, lipid_like_formulas, simulate
from imzml_builder import Pair
from in_memory import InMemoryRun
from ionbox_cloud.settings import INBOX_VARIABLE, RESULTS_VARIABLE, WORK_VARIABLE, Settings
from ionbox_cloud.store import Stores, open_stores

FORMULAS = lipid_like_formulas(8, 9)
DATABASES = {
    "acids": database_table(FORMULAS[:18]),
    "waxes": database_table(FORMULAS[6:]),
}


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Empty stores in memory, the ones handlers find through their environment."""
    for variable in (INBOX_VARIABLE, WORK_VARIABLE, RESULTS_VARIABLE):
        monkeypatch.setenv(variable, f"memory://{uuid.uuid4()}")
    return open_stores(Settings.from_environment())


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
def run(new_run: Callable[..., InMemoryRun]) -> InMemoryRun:
    """A sound request on which nothing was done yet."""
    return new_run()
