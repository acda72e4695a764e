"""The checkout as ``make`` installs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import patience


def run_in(folder: Path, code: str) -> str:
    """Run Python as a user does, who knows nothing of PYTHONPATH."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", code]
    done = patience.run(command, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["ionbox", "ionbox_cloud", "ionbox_science"])
def test_a_folder_of_the_same_name_does_not_hide_it(
    name: str, project: Path, tmp_path: Path
) -> None:
    """Such as a clone called ionbox, in the folder above it."""
    (tmp_path / name / "client").mkdir(parents=True)
    file = run_in(tmp_path, f"import {name}; print({name}.__file__)")
    assert Path(file).is_relative_to(project)


def test_the_client_works_above_a_clone(tmp_path: Path) -> None:
    (tmp_path / "ionbox").mkdir()
    assert run_in(tmp_path, "import ionbox; print(callable(ionbox.open))") == "True"
