"""How far long work is: said where it is done, heard by whoever waits for it.

Loops that can take seconds say how many of their peaks, ions or images are done, by
`report_progress` or a `ProgressCount`. A caller of several such loops says which part of its own
work each is (`part_of_progress`). On AWS nobody listens and nothing happens; on one's own machine
the worker process passes it on to the command line.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Listener = Callable[[float, int, int, str], None]
"""Takes how much of everything is done (0 to 1); and done, total and unit of the loop it is in."""

LOOK_S = 0.2
"""Seconds between two looks at what a kernel counts."""

_listener: Listener | None = None
_part = (0.0, 1.0)


def report_progress(done: int, total: int, unit: str) -> None:
    """Say how far a loop is.

    Parameters
    ----------
    done, total : int
        What is done, and what there is.
    unit : str
        What is counted, in the plural: ``peaks``, ``bytes``.
    """
    listener = _listener
    if listener is not None and total > 0:
        start, stop = _part
        listener(start + (stop - start) * done / total, done, total, unit)


@contextlib.contextmanager
def part_of_progress(start: float, stop: float) -> Iterator[None]:
    """Let what is reported in a block be a part of the work around it.

    Parameters
    ----------
    start, stop : float
        How much of the work around is done before the block and after it, 0 to 1.
    """
    global _part  # a process makes one call at a time; its threads share the part
    outer = _part
    first, last = outer
    _part = first + (last - first) * start, first + (last - first) * stop
    try:
        yield
    finally:
        _part = outer


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear what is reported in a block, from the threads that report it.

    What it raises ends the work: it should raise nothing.
    """
    global _listener  # see `part_of_progress`
    _listener = listener
    try:
        yield
    finally:
        _listener = None


class ProgressCount:
    """What several threads have done of one thing.

    Parameters
    ----------
    total : int
        What there is to do.
    unit : str
        As in `report_progress`.
    """

    def __init__(self, total: int, unit: str) -> None:
        self._total, self._unit = total, unit
        self._done = 0
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        """Say that so many more are done."""
        if _listener is None:
            return
        with self._lock:
            self._done += n
            done = self._done
        report_progress(done, self._total, self._unit)


@contextlib.contextmanager
def watched_count(total: int, unit: str) -> Iterator[npt.NDArray[np.int64]]:
    """Yield a count for a kernel to raise, and report it while the block runs.

    For a call that takes seconds and cannot be made piece by piece. Without a listener nobody looks
    at the count.

    Yields
    ------
    (1,) int64
        0, for the kernel to raise up to ``total``.
    """
    import numpy as np  # here: the command line imports this module, and does without

    done = np.zeros(1, np.int64)
    if _listener is None:
        yield done
        return
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_S):
            report_progress(int(done[0]), total, unit)

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()
