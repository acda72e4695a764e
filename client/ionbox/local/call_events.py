"""What happens during a run, as seen by whoever wants to show it.

`ionbox.local.pool`, `tasks` and `endpoint` tell; `ionbox.local.progress` is the listener of the
command line. Listeners are called from the threads that do the work: they must be quick and
thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ionbox.local.progress.pipe import Gauge


@dataclass(frozen=True, slots=True)
class CallEnd:
    """One finished call of a function.

    Attributes
    ----------
    state : str
        The function's key in the functions table, which is also its state's name.
    function : str
        The name it was called by.
    queued_s : float
        Seconds it waited for a worker and for memory.
    started : float
        Unix time, in seconds, at which a worker took it.
    duration_s : float
        Seconds from there to the answer.
    error : str or None
        Error name as the state machine sees it, None when the call succeeded.
    worker_pid : int
        The process that ran it.
    peak_memory_mb : float
        Highest resident memory of that process during the call, MB; 0 if not known.
    """

    state: str
    function: str
    queued_s: float
    started: float
    duration_s: float
    error: str | None
    worker_pid: int
    peak_memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A worker took a call; its gauge says how far it is."""

    state: str
    gauge: Gauge | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call was answered, or its worker died; the gauge is that of its start."""

    record: CallEnd
    gauge: Gauge | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ItemsRead:
    """A Map read its items, so their number is known."""

    state: str
    n_items: int


Event = CallStarted | CallFinished | ItemsRead
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: the listener where nobody wants to know."""
