"""On Windows itself ionbox says what to do; its modules are not even imported there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import patience

WINDOWS = """
import os, sys
import rich.console  # it works there, but not where it is only pretended
sys.platform = "win32"
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None  # as if it were not there: importing it fails
for name in ("fork", "killpg", "sched_getaffinity", "sysconf"):
    delattr(os, name)
"""


def run_on_windows(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WINDOWS + code]
    return patience.run(command)


@pytest.mark.parametrize("command", ["check", "view", "doctor"])
def test_the_command_names_the_way_that_works(command: str) -> None:
    arguments = [command] if command == "doctor" else [command, "brain"]
    done = run_on_windows(f"from ionbox.cli.main import main; main({arguments})")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ionbox does not run on Windows itself; it does in")
    assert "wsl --install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_is_shown_all_the_same() -> None:
    done = run_on_windows("from ionbox.cli.main import main; main(['--version'])")
    assert (done.returncode, done.stderr) == (0, "")


def test_python_gets_an_import_error_with_the_same_sentence() -> None:
    done = run_on_windows("import ionbox; ionbox.open('results')")
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith("ionbox.platforms.UnsupportedSystem: ionbox does not run on Windows")
    caught = "import ionbox\ntry: ionbox.Inbox\nexcept ImportError: print('caught')"
    assert run_on_windows(caught).stdout == "caught\n"


def test_building_a_wheel_there_is_refused_before_a_compiler_is_fetched(project: Path) -> None:
    code = "from hatchling.build import get_requires_for_build_wheel as get; get()"
    command = [sys.executable, "-c", WINDOWS + code]
    done = patience.run(command, cwd=project)
    assert done.stderr.strip().splitlines()[-1].startswith("ionbox.platforms.UnsupportedSystem: ")
