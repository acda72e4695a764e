"""Which local runs are alive: each holds a lock that the system gives back however it ends.

A run has a folder of links in the inbox. One that was killed cannot remove it; the next run does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Say that a run is alive for as long as a block lasts.

    Parameters
    ----------
    folder : Path
        The run's folder in the inbox, which is made after this and removed before its end.
    """
    path = _lock_of(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        with contextlib.suppress(OSError):  # some network drives know no locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def is_dead(folder: Path) -> bool:
    """Say whether the run of a folder in the inbox has certainly ended, and could not remove it."""
    try:
        lock = os.open(_lock_of(folder), os.O_RDWR)
    except OSError:
        return False  # of an older ionbox, or not ours to look at
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def remove_dead(inbox: Path) -> None:
    """Remove what runs left in the inbox that were killed."""
    for lock in inbox.glob(".*.lock"):
        folder = inbox / lock.name.removeprefix(".").removesuffix(".lock")
        if is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
