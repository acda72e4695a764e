"""Builds of the kernels for tests, and what they compute."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests import patience

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "layers" / "science"))

import build_kernels  # noqa: E402

__all__ = ["PROJECT", "build_kernels", "environment", "run_examples"]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process that imports this checkout and its tests' helpers."""
    layers = PROJECT / "layers"
    ours = [layers / "science" / "python", layers / "cloud" / "python", PROJECT / "client", PROJECT]
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([*map(str, ours), *filter(None, [inherited])])
    return {**os.environ, "PYTHONPATH": path, **variables}


def run_examples(library: Path) -> dict[str, str]:
    """Compute ``examples.py`` with a library, in a process of its own: digests of what it gives."""
    command = [sys.executable, str(Path(__file__).with_name("examples.py")), str(library)]
    done = patience.run(command, env=environment())
    assert done.returncode == 0, done.stderr
    digests: dict[str, str] = json.loads(done.stdout)
    return digests
