"""Fixtures of several of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from ionbox.cli.main import main
from ionbox.local import worker_process

from tests.client.operating import Command, Ended
from tests.shared_workers import LentWorkers


@pytest.fixture
def ionbox(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run the command in an empty folder, with workers that commands share."""
    monkeypatch.setattr(worker_process, "Reserve", LentWorkers)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(int(end.value.code or 0), captured.out, captured.err)

    return run
