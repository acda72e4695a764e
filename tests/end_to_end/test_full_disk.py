"""A work folder that cannot be written to, from the start or later: a sentence with its path."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from ionbox.datasets import copying, outcome
from ionbox.local.errors import CannotWrite

from tests.end_to_end.laptop import ACIDS, Laptop
from tests.patience import run

# No file may grow beyond a limit: a disk that fills up, as far as a program can tell, for which
# nobody needs to be root. Workers inherit it.
LIMITED = (
    "import resource, sys; from ionbox.cli.main import main; limit = int(sys.argv.pop(1));"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); main()"
)


def annotate(laptop: Laptop, tissue: Path, limit: int, work: Path) -> tuple[int, str]:
    """Annotate with a limit to the size of files; returns the exit code and what was said."""
    command = laptop.command_line(LIMITED, tissue, str(limit), work=work, n_workers=1)
    # Python 3.11 keeps what it could write of a compiled module, and reads it the next time
    ended = run(command, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
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
    if limit > 2_000:  # else not even that could be written
        status = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
        assert status["status"] == "failed"
    table = laptop.database("acids", ACIDS[:40])
    laptop.annotate(tissue, [table], out=laptop.root / "out").succeeded()


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


def test_a_folder_for_results_that_fills_up_is_no_dead_end(
    laptop: Laptop, tissue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = laptop.database("acids", ACIDS[:40])
    real, copied = copying.copy_file, []

    def fill_up(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) > 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))
        real(source, target)

    monkeypatch.setattr(outcome, "copy_file", fill_up)
    with pytest.raises(CannotWrite, match=rf"^{laptop.root}/out/.* cannot be written \(No space"):
        laptop.annotate(tissue, [table], out=laptop.root / "out")
    said = json.loads((laptop.root / "out" / "status.json").read_text("utf-8"))
    assert (said["status"], said["error"]) == ("failed", "CannotWrite")
    assert not list((laptop.root / "out").glob(".*"))
    monkeypatch.undo()
    laptop.annotate(tissue, [table], out=laptop.root / "out").succeeded()


def test_results_that_are_being_copied_say_so_before_anything_is_replaced(
    laptop: Laptop, tissue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = laptop.database("acids", ACIDS[:40])
    statuses = []
    real = copying.copy_file

    def look(source: Path, target: Path) -> None:
        statuses.append(json.loads((laptop.root / "out" / "status.json").read_text("utf-8")))
        real(source, target)

    monkeypatch.setattr(outcome, "copy_file", look)
    laptop.annotate(tissue, [table], out=laptop.root / "out").succeeded()
    assert {(said["status"], said["error"]) for said in statuses} == {("failed", "NotCopied")}
