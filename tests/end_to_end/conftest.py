from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud_builders import simulate
from tests.end_to_end.laptop import ACIDS, WAXES, Laptop


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep parsed state machines for all runs of this process, and none in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    """A laptop on which nothing was computed yet."""
    return Laptop(tmp_path)


@pytest.fixture(scope="session")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated dataset with ions of both databases."""
    path = tmp_path_factory.mktemp("tissue") / "tissue.imzML"
    formulas = sorted({*ACIDS, *WAXES})
    return simulate(path, formulas, width=16, height=12, n_ions=60, n_noise_peaks=60)
