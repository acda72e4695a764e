"""Fixtures every level of tests may use."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from ionbox_science import kernels

PROJECT = Path(__file__).parents[1]
REFERENCE = PROJECT.parent / "shared" / "reference"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kernels", type=Path, help="test this library instead of make's")
    parser.addoption("--fewer-examples", type=int, default=1, metavar="N", help="one in N is tried")


def pytest_configure(config: pytest.Config) -> None:
    library: Path | None = config.getoption("--kernels")
    if library is not None:
        kernels.LIBRARY = library.resolve()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Divide the numbers of examples that test modules ask hypothesis for: no profile overrides."""
    one_in: int = session.config.getoption("--fewer-examples")
    settings = hypothesis.settings

    def with_fewer(*args: Any, max_examples: int = 100, **options: Any) -> hypothesis.settings:
        return settings(*args, max_examples=max(max_examples // one_in, 1), **options)

    with pytest.MonkeyPatch.context() as patch:
        if one_in > 1:
            patch.setattr(hypothesis, "settings", with_fewer)
        return (yield)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, here and in what the test starts, even where pytest was told to ignore it.

    ``nohup make test &`` does so, and so do some machines that run tests.
    """
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout's root."""
    return PROJECT


@pytest.fixture(scope="session")
def reference() -> Path:
    """Real datasets and what METASPACE's engine answers on them; not part of this repository."""
    if not REFERENCE.is_dir():
        pytest.skip(f"reference data not found at {REFERENCE}; tests/golden proves the essentials")
    return REFERENCE
