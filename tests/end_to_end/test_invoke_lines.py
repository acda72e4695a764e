"""The lines of the manual that run every handler on its own, in the order they stand there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from ionbox.cli import invoke
from ionbox.cli.main import main

from tests import patience

OUTSIDE = {"intake", "start_runs", "announce_end"}
"""They need an account."""


@pytest.fixture(scope="module")
def example(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example that ``make run`` simulates."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "tests").mkdir()
    (folder / "tests" / "events").symlink_to(project / "tests" / "events")
    makefile = (project / "Makefile").read_text("utf-8")
    commands = re.findall(r"^\t@\$\(BIN\)/ionbox ((?:lipids|simulate) .*)$", makefile, re.MULTILINE)
    assert len(commands) == 2
    (folder / "example").mkdir()
    for command in commands:
        target = "example/lipids.tsv" if command.startswith("lipids") else "example/simulated.imzML"
        words = shlex.split(command.replace("$@", target).replace("$(EXAMPLE)", "example"))
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.chdir(folder)
            main(words)
        assert not ended.value.code
    return folder


def invoke_here(function: str, event: str) -> tuple[int, str]:
    """Do what the command does, without the third of a second that it takes to start."""
    kept = dict(os.environ)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = invoke.main([function, event])
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return code, said.getvalue()


def test_every_handler_runs_on_its_event_after_those_before_it(
    project: Path, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last are started as a user does."""
    for name in [name for name in os.environ if "IONBOX" in name]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(example)
    text = (project / "docs" / "operations.md").read_text("utf-8")
    lines = re.findall(r"^make invoke F=(\w+) E=(\S+)$", text, re.MULTILINE)
    assert len(lines) > 15
    lines = [line for line in lines if line[0] not in OUTSIDE]
    for function, event in lines:
        if (function, event) not in (lines[0], lines[-1]):
            code, said = invoke_here(function, event)
            assert code == 0, f"{function}: {said}"
            continue
        done = patience.run([sys.executable, "-m", "ionbox.cli.invoke", function, event])
        assert done.returncode == 0, f"{function}: {done.stderr}"
        if function == "plan_run":
            expected = json.loads((project / "tests/events/build_ions.json").read_text("utf-8"))
            assert json.loads(done.stdout)["run_id"] == expected["run_id"], "make_events.py"
