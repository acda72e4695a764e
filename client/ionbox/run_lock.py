"""Which local runs are alive: each holds locks that the system gives back however it ends.

A run has a folder of links in the inbox, and a file there that it locks. One that was killed
cannot remove them; the next run does. A process that is killed while it writes an object leaves a
file under another name, half written. Nothing tells it from one that is being written, so it is
removed only while no other run uses the work folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ionbox_cloud.storage.key_paths import is_half_written

_INBOX = "inbox"
_OBJECTS = ("work", "results")
_USE = ".use.lock"  # in the work folder; all runs that are alive share it


class RunLock:
    """What a run that is alive holds; made by `hold`."""

    def __init__(self) -> None:
        self.is_clean = False

    def none_killed(self) -> None:
        """Say that none of the run's processes was killed while it worked."""
        self.is_clean = True


@contextlib.contextmanager
def hold(work: Path, name: str) -> Iterator[RunLock]:
    """Say that a run is alive for as long as a block lasts, and clear up after those that are dead.

    Unless the block says that none of the run's processes was killed, this run is cleared up after
    as well: in the end if it is the last one, else by a later one.

    Parameters
    ----------
    work : Path
        The work folder, with ``inbox`` in it.
    name : str
        The run's folder in the inbox, which is made after this and removed before its end.
    """
    use = os.open(work / _USE, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _clear_up(work, use)
        _lock(use, fcntl.LOCK_SH)
        path = _lock_of(work / _INBOX / name)
        own = _make_lock(path)
        run = RunLock()
        try:
            yield run
        finally:
            if run.is_clean:
                path.unlink(missing_ok=True)
            os.close(own)
            if not run.is_clean:
                _clear_up(work, use)
    finally:
        os.close(use)


def is_dead(folder: Path) -> bool:
    """Say whether the run of a folder in the inbox has certainly ended, and could not remove it."""
    return _is_unlocked(_lock_of(folder))


def _clear_up(work: Path, use: int) -> None:
    """Remove what dead runs left: links at once, what is half written if nobody else is alive."""
    with contextlib.suppress(OSError):  # a read-only folder, say: nothing depends on it
        dead = [lock for lock in (work / _INBOX).glob(".*.lock") if _is_unlocked(lock)]
        for lock in dead:
            name = lock.name.removeprefix(".").removesuffix(".lock")
            shutil.rmtree(lock.with_name(name), ignore_errors=True)
        if dead and _lock(use, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for folder in _OBJECTS:
                _remove_half_written(work / folder)
            for lock in dead:  # last: until then they say that there is something to clear up
                lock.unlink(missing_ok=True)


def _remove_half_written(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in filter(is_half_written, names):
            Path(parent, name).unlink(missing_ok=True)


def _make_lock(path: Path) -> int:
    """Make a file and lock it; returns its descriptor.

    A run that clears up in between takes the file for one of a dead run and removes it; then it is
    made again.
    """
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        _lock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(lock)):
                return lock
        os.close(lock)


def _is_unlocked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return False  # of an older ionbox, or not ours to look at
    try:
        return _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)


def _lock(descriptor: int, how: int) -> bool:
    """Lock a file; returns False if others hold it, or on network drives that know no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
