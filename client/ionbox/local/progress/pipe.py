"""How far a call is, from the process that works on it to the one that shows it.

A pipe beside those of calls and answers. The working process has its writing end (`ProgressWriter`,
the listener of `ionbox_science.progress`), the runner its reading end (`Gauge`). Neither waits for
the other: what does not fit the pipe is dropped, and only the last word counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ionbox_science.progress import listening

_DESCRIPTOR = "IONBOX_PROGRESS_FD"
_EVERY_S = 0.2  # between two reports of a call
_PIPE_BYTES = 1 << 16  # more than a pipe of Linux or macOS holds, unless told otherwise


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a call is.

    Attributes
    ----------
    fraction : float
        How much of all its work is done, 0 to 1.
    done, total : int
        How much of what it is doing now.
    unit : str
        What that is counted in.
    """

    fraction: float
    done: int
    total: int
    unit: str


class Gauge:
    """Reads how far the calls of one process are; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: int | None = None
        self._last: Reading | None = None

    @contextlib.contextmanager
    def passed_on(self) -> Iterator[tuple[Mapping[str, str], tuple[int, ...]]]:
        """Open the pipe for a process that is started in the block.

        Yields
        ------
        environment : mapping
            Variables that tell the process of it.
        descriptors : tuple of int
            What the process has to inherit. Nothing, if there are no more pipes to have: then it
            works, and says nothing.
        """
        try:
            self._pipe, writing = os.pipe()
        except OSError:
            yield {}, ()
            return
        os.set_blocking(self._pipe, False)
        try:
            yield {_DESCRIPTOR: str(writing)}, (writing,)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(writing)

    def reset(self) -> None:
        """Forget what was said so far: another call begins."""
        self.read()
        with self._lock:
            self._last = None

    def read(self) -> Reading | None:
        """Return what was said last, since another call began."""
        with self._lock:
            said = b""
            # a writer fills the pipe to the brim when nobody has read for long
            with contextlib.suppress(OSError):  # there is nothing more to read at the moment
                while self._pipe is not None and (more := os.read(self._pipe, _PIPE_BYTES)):
                    said = more
            with contextlib.suppress(IndexError, TypeError, ValueError):  # nothing new
                self._last = Reading(*json.loads(said.splitlines()[-1]))
            return self._last

    def close(self) -> None:
        """Close the pipe; the process may still write to it, in vain."""
        with self._lock:
            if self._pipe is not None:
                os.close(self._pipe)
            self._pipe = None


class ProgressWriter:
    """Passes on what the calls of this process report.

    Where the runner has opened no pipe, it passes on nothing.
    """

    def __init__(self) -> None:
        # taken out: what a handler starts has not inherited the pipe
        descriptor = os.environ.pop(_DESCRIPTOR, None)
        self._pipe = None if descriptor is None else int(descriptor)
        if self._pipe is not None:
            os.set_blocking(self._pipe, False)
            os.set_inheritable(self._pipe, False)
        self._due = 0.0
        self._unsent: tuple[float, int, int, str] | None = None

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Pass on what is reported in a block: a few times a second, and the last of it."""
        if self._pipe is None:
            yield
            return
        self._due, self._unsent = 0.0, None
        with listening(self._hear):
            yield
        self._send_last()

    def _hear(self, fraction: float, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now < self._due:
            self._unsent = fraction, done, total, unit
            return
        self._due, self._unsent = now + _EVERY_S, None
        self._send(fraction, done, total, unit)

    def _send_last(self) -> None:
        if self._unsent is not None:
            self._send(*self._unsent)

    def _send(self, fraction: float, done: int, total: int, unit: str) -> None:
        # far shorter than what a pipe takes whole or not at all, so lines are never torn
        # int, as it may be numpy's, which is no JSON
        words = round(float(fraction), 4), int(done), int(total), unit
        line = json.dumps(words).encode() + b"\n"
        with contextlib.suppress(OSError):  # the pipe is full, or the runner gone
            if self._pipe is not None:
                os.write(self._pipe, line)
