"""What runs leave in a work folder when they are killed, and who removes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from ionbox.run_lock import hold, is_dead

STAGED = ("work/segments/abc/segment-00001.bin#1", "results/a/report.html#12")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for folder in ("inbox", "work/segments/abc", "results/a"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def leave(work: Path) -> None:
    for name in STAGED:
        (work / name).touch()


def left(work: Path) -> list[str]:
    return [name for name in sorted(STAGED) if (work / name).exists()]


def die(work: Path, name: str) -> None:
    """Leave what a run leaves that is killed: no lock is held, but its file is there."""
    (work / "inbox" / name).mkdir()
    (work / "inbox" / f".{name}.lock").touch()
    leave(work)


@contextlib.contextmanager
def clean_run(work: Path, name: str) -> Iterator[None]:
    with hold(work, name) as run:
        yield
        run.none_killed()


def test_the_next_run_clears_up_after_one_that_was_killed(work: Path) -> None:
    die(work, "killed")
    kept = [work / "work" / "segments" / "abc" / name for name in ("x.bin", "a#b", "#1.json")]
    for path in kept:
        path.touch()
    with clean_run(work, "next"):
        assert not left(work)
        assert [path.name for path in (work / "inbox").iterdir()] == [".next.lock"]
    assert all(path.exists() for path in kept)
    assert not list((work / "inbox").iterdir())


def test_nothing_is_removed_that_another_run_may_be_writing(work: Path) -> None:
    with clean_run(work, "alive"):
        die(work, "killed")
        with clean_run(work, "second"):
            assert left(work) == sorted(STAGED)
            assert not (work / "inbox" / "killed").exists()
        assert left(work) == sorted(STAGED)
        assert not is_dead(work / "inbox" / "alive")
    with clean_run(work, "third"):
        assert not left(work)


def test_a_run_whose_worker_was_killed_clears_up_itself(work: Path) -> None:
    with hold(work, "unlucky"):
        leave(work)
    assert not left(work)
    assert not list((work / "inbox").iterdir())


def test_so_does_one_that_is_interrupted(work: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold(work, "cancelled"):
        leave(work)
        raise KeyboardInterrupt
    assert not left(work)
    assert not list((work / "inbox").iterdir())


def test_the_last_one_clears_up_after_all(work: Path) -> None:
    with hold(work, "first"):
        with hold(work, "second"):
            leave(work)
        assert left(work) == sorted(STAGED)
    assert not left(work)
    assert not list((work / "inbox").iterdir())


def test_a_run_is_dead_once_nobody_holds_its_lock(work: Path) -> None:
    with clean_run(work, "alive"):
        assert not is_dead(work / "inbox" / "alive")
    (work / "inbox" / ".killed.lock").touch()
    assert is_dead(work / "inbox" / "killed")
    assert not is_dead(work / "inbox" / "of-an-older-ionbox")


def test_users_files_keep_their_names(work: Path) -> None:
    (work / "inbox" / "run").mkdir()
    users = work / "inbox" / "run" / "slide.imzML#1"
    users.touch()
    die(work, "killed")
    with clean_run(work, "next"):
        assert users.exists()
