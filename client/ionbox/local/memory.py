"""How much memory processes hold: measured, limited and given back.

A Lambda function that outgrows its memory is killed. Worker processes are held to the same sizes,
so that a run climbs the memory ladder here where it would on AWS. Standard library only: every
worker process imports this.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.025  # between two looks at a process: it may outgrow its limit for that long

_MB = 1 << 20
_PROC = Path("/proc/self")
_HAS_PROC = (_PROC / "statm").exists()
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_mb(pid: int | str = "self") -> float:
    """Return the resident memory of a process, MB; 0 if it is gone or the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:  # noqa: PTH123 (read 40 times a second)
            return int(statm.read().split()[1]) * _PAGE_BYTES / _MB
    except OSError:
        return 0.0


class PeakMeter:
    """Measures the peak of this process's resident memory from now on."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            (_PROC / "clear_refs").write_text("5")  # Linux: the peak starts again from here
        self._before = _peak_mb()

    def peak_mb(self) -> float:
        """Return the peak, MB; 0 if it was not above the one from before, which then hides it."""
        peak = _peak_mb()
        return peak if peak > self._before else 0.0


def _peak_mb() -> float:
    if _HAS_PROC:
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    # Not on Linux: there it also remembers the process this one was started from.
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB  # macOS counts in bytes


def give_back_memory() -> None:
    """Return what was freed to the system, where the C library can."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc


@dataclass(slots=True)
class Watched:
    """A process and how much memory it may hold.

    Attributes
    ----------
    pid : int
        Id of the process.
    limit_mb : float
        Resident memory it may hold, MB.
    kill : callable
        Ends the process when it holds more.
    peak_mb : float
        The most a sample has shown so far, MB.
    """

    pid: int
    limit_mb: float
    kill: Callable[[], None]
    peak_mb: float = 0.0


class MemoryWatch:
    """Kills processes that hold more memory than they may, as soon as a sample shows it.

    One thread looks at all of them; it sleeps while there are none. On systems that do not tell
    what another process holds it does nothing.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # all below is guarded by _changed
        self._watched: list[Watched] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextlib.contextmanager
    def limit(self, pid: int, limit_mb: float, kill: Callable[[], None]) -> Iterator[Watched]:
        """Hold a process to ``limit_mb`` for as long as the context lasts."""
        watched = Watched(pid, limit_mb, kill)
        with self._changed:
            self._watched.append(watched)
            self._start()
            self._changed.notify()
        try:
            yield watched
        finally:
            with self._changed:
                self._watched.remove(watched)

    def _start(self) -> None:
        if self._thread is None and _HAS_PROC and not self._closed:
            self._thread = threading.Thread(target=self._look, name="memory watch", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        with self._changed:
            while not self._closed:
                for watched in self._watched:
                    _check(watched)
                self._changed.wait(SAMPLE_S if self._watched else None)

    def close(self) -> None:
        """Stop looking and wait for the thread's end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()


def _check(watched: Watched) -> None:
    held_mb = resident_mb(watched.pid)
    watched.peak_mb = max(watched.peak_mb, held_mb)
    if held_mb > watched.limit_mb:
        watched.kill()
