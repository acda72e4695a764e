"""What is made once for all of pytest's processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """Keep other processes out of a folder; one that dies lets the next in."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process to ask fills; the others wait, and only read."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    outer = base / f"once-{name}"
    outer.mkdir(exist_ok=True)
    inner = outer / "made"
    with alone(outer):
        if not (outer / "done").exists():
            inner.mkdir()
            make(inner)
            (outer / "done").touch()
    return inner
