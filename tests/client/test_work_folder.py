"""Where local runs keep what they compute, if nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ionbox.work_folder import default_work_folder


@pytest.mark.parametrize("value", ["", "relative/cache", None])
def test_only_an_absolute_cache_folder_counts(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert default_work_folder() == Path("/home/somebody/.cache/ionbox")


def test_the_cache_folder_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/cache")
    assert default_work_folder() == Path("/scratch/cache/ionbox")
