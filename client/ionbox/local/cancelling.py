"""Ctrl-C, SIGTERM and SIGHUP: each cancels a run, and none interrupts its clearing up.

Slurm, systemd and ``timeout`` send SIGTERM, a terminal that is closed SIGHUP. As an exception that
may come anywhere, a signal could leave half of the clearing up undone. So in the block of a
`deferred` it is only noted, and `check`, where the block can end well, raises it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# Windows has no SIGHUP; it is refused later, in a sentence
_ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class Cancelled(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes
    ----------
    number : int
        The signal.
    exit_code : int
        What shells report of a program that a signal ended.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"cancelled by {signal.Signals(number).name}")
        self.number = number
        self.exit_code = 128 + number


class _Deferral:
    """The signal that came meanwhile, if one did."""

    def __init__(self) -> None:
        self.number: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number

    def forget(self) -> None:
        """Let a signal pass that came too late to change anything."""
        self.number = None

    def check(self) -> None:
        if self.number is not None:
            raise Cancelled(self.number)


_active: _Deferral | None = None


def check() -> None:
    """Raise what was deferred, if anything was.

    Raises
    ------
    Cancelled
        In a block of `deferred`, once a signal has come.
    """
    if _active is not None:
        _active.check()


def is_pending() -> bool:
    """Say whether a signal has come in the block of a `deferred` that is running, if one is."""
    return _active is not None and _active.number is not None


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Cancelled` at once, as Ctrl-C raises KeyboardInterrupt.

    A signal that this process was told to ignore, as by ``nohup``, stays ignored.
    """
    with _handled(_raise, [number for number in _ENDING if _is_default(number)]):
        yield


def _raise(number: int, frame: FrameType | None) -> None:
    raise Cancelled(number)


def _is_default(number: int) -> bool:
    return signal.getsignal(number) is signal.SIG_DFL


@contextlib.contextmanager
def deferred() -> Iterator[_Deferral]:
    """Only note the signals that come in a block; within another `deferred` this one does nothing.

    Nor can it forget what the outer one noted. The block calls `check` now and then. What was noted
    and not raised is raised at its end, unless it was forgotten; where a signal would have ended
    the process at once it now does.

    Yields
    ------
    object
        Its ``forget()`` lets what came so far pass.
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        # what an outer block notes, an inner one must not forget
        yield _Deferral()
        return
    deferral = _active = _Deferral()
    heeded = [
        number for number in _ENDING if signal.getsignal(number) not in (signal.SIG_IGN, None)
    ]
    ends = {number for number in heeded if _is_default(number)}
    try:
        with _handled(deferral.note, heeded):
            yield deferral
            deferral.check()
    except Cancelled as cancelled:
        if cancelled.number in ends:
            signal.raise_signal(cancelled.number)
        raise
    finally:
        _active = None


@contextlib.contextmanager
def _handled(handler: signal.Handlers | object, numbers: list[signal.Signals]) -> Iterator[None]:
    """Handle signals otherwise in a block; in other threads than the main one it cannot be done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in kept:
            signal.signal(number, handler)  # type: ignore[arg-type]  # a union that it has no name for
        yield
    finally:
        for number, former in kept.items():
            signal.signal(number, former)
