"""A work folder that cannot be written to, from the start or later: a sentence with its path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.end_to_end.laptop import ACIDS, SETTINGS, Laptop
from tests.patience import run

# No file may grow beyond a limit: a disk that fills up, as far as a program can tell, for which
# nobody needs to be root. Workers inherit it.
LIMITED = (
    "import resource, sys; from ionbox.cli.main import main; limit = int(sys.argv.pop(1));"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); main()"
)


def annotate(laptop: Laptop, tissue: Path, limit: int, work: Path) -> tuple[int, str]:
    """Annotate with a limit to the size of files; returns the exit code and what was said."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    table = laptop.database("acids", ACIDS[:40])
    arguments = ["annotate", tissue, "--database", table, "--out", laptop.root / "out", *flags]
    ended = run(
        [sys.executable, "-c", LIMITED, str(limit), *arguments, "--work", work, "--workers", "1"]
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("limit", [0, 300, 3_000, 30_000])
def test_a_disk_that_fills_up_is_a_sentence_and_the_next_run_goes_on(
    laptop: Laptop, tissue: Path, limit: int
) -> None:
    code, said = annotate(laptop, tissue, limit, laptop.work)
    assert code == 3, said
    assert "Traceback" not in said
    assert "larger than this system allows" in said or "File too large" in said
    assert str(laptop.root) in said
    assert not (laptop.root / "out" / "run.json").exists()
    assert list((laptop.work / "inbox").iterdir()) == []
    if limit:  # else not even that could be written
        status = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
        assert status["status"] == "failed"
    code, said = annotate(laptop, tissue, 1 << 40, laptop.work)
    assert code == 0, said


def test_a_work_folder_that_cannot_be_made_is_a_sentence(laptop: Laptop, tissue: Path) -> None:
    (laptop.root / "file").write_text("mine")
    code, said = annotate(laptop, tissue, 1 << 40, laptop.root / "file" / "work")
    assert code == 3
    assert said.startswith(f"error: {laptop.root / 'file'}")
    assert "cannot be written (" in said
    assert "--work" in said
    assert said.count("\n") == 1
    status = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
    assert (status["status"], status["error"]) == ("failed", "CannotWrite")
