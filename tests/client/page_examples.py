"""Runs the Python that a page of documentation shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest


def run_examples(
    page: str, results: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Run both blocks of Python of a page above a folder ``results``; return the names they set."""
    (folder / "results").symlink_to(results)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)  # the page's own words
    return names
