"""What is known of how far a state is, added up from its calls, and in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ionbox.local.call_events import CallFinished, CallStarted, Event, ItemsRead
from ionbox.local.progress.pipe import Gauge, Reading

_FORESEEN_S = 2.0  # before that nothing is said of how long it will take
_FORESEEN_FRACTION = 0.02
_NOT_YET = 0.999  # of a call in progress, at most


@dataclass(slots=True)
class Tally:
    """How far one state is.

    Attributes
    ----------
    state : str
        Name of the state, or of the task.
    n_items : int or None
        Number of items of a Map; None for a state that is one call.
    n_done, n_running : int
        Calls that succeeded, calls in progress.
    error : str or None
        Why the latest call failed; None once a later one succeeded.
    started : float
        Time of the first event, seconds of a monotonic clock.
    begun : float or None
        Time of the first call's start.
    gauges : list of Gauge
        Of the calls in progress.
    readings : list of Reading
        What they said when they were last looked at.
    n_units : dict of str to int
        What the calls that succeeded have done, by unit.
    spent_s : float
        Seconds that they took, summed.
    """

    state: str
    n_items: int | None = None
    n_done: int = 0
    n_running: int = 0
    error: str | None = None
    started: float = field(default_factory=time.monotonic)
    begun: float | None = None
    gauges: list[Gauge] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    n_units: dict[str, int] = field(default_factory=dict)
    spent_s: float = 0.0

    def count(self, event: Event) -> None:
        """Take note of an event of this state."""
        match event:
            case ItemsRead(n_items=n_items):
                self.n_items = n_items
            case CallStarted(gauge=gauge):
                self.n_running += 1
                self.begun = self.begun or time.monotonic()
                if gauge is not None:
                    self.gauges.append(gauge)
            case CallFinished(record=record, gauge=gauge):
                self.n_running -= 1
                self.error = record.error
                if record.error is None:
                    self.n_done += 1
                    self.spent_s += record.duration_s
                if gauge in self.gauges:
                    self._let_go(gauge, record.error)

    def _let_go(self, gauge: Gauge, error: str | None) -> None:
        """Look at a gauge no more, and count what its call has done."""
        self.gauges.remove(gauge)
        reading = gauge.read() if error is None else None
        if reading is not None:
            self.n_units[reading.unit] = self.n_units.get(reading.unit, 0) + reading.done
        self.look()

    @property
    def finished(self) -> bool:
        """Whether all its items, or its one call, have succeeded."""
        if self.n_items is None:
            return self.n_done > 0 and self.n_running == 0
        return self.n_done >= self.n_items

    @property
    def elapsed_s(self) -> float:
        """Seconds since its first event."""
        return time.monotonic() - self.started

    def items(self) -> str:
        """Return what is done, in words; nothing for a single call in progress."""
        if self.n_items is None and not self.n_done:
            return ""
        if self.finished or self.n_items is None:
            return _count_items(self.n_done)
        return f"{self.n_done:,} of {_count_items(self.n_items)}"

    def look(self) -> None:
        """Read how far the calls in progress are."""
        readings = [gauge.read() for gauge in self.gauges]
        self.readings = [reading for reading in readings if reading is not None]

    @property
    def fraction(self) -> float | None:
        """How much of it is done, 0 to 1; None if nothing is known of its one call."""
        if self.finished:
            return 1.0
        running = sum(min(reading.fraction, _NOT_YET) for reading in self.readings)
        if self.n_items is None:
            return min(running, _NOT_YET) if self.readings else None
        return (self.n_done + running) / self.n_items

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done, if the rest goes as what is done did; None if it is early."""
        fraction, spent = self.fraction, time.monotonic() - (self.begun or self.started)
        if self.finished or spent < _FORESEEN_S or (fraction or 0) < _FORESEEN_FRACTION:
            return None
        assert fraction is not None
        return spent * (1 - fraction) / fraction

    def work(self) -> str:
        """Return what is done, in words, with what the calls in progress have done."""
        if not self.readings:
            return self.items()
        unit = self.readings[0].unit
        alike = [reading for reading in self.readings if reading.unit == unit]
        done, total = (sum(getattr(each, name) for each in alike) for name in ("done", "total"))
        if self.n_items is None:
            return f"{_count(done, total, unit)} of {_count_named(total, unit)}"
        return f"{self.items()}, {_count_named(done + self.n_units.get(unit, 0), unit)}"


def _scale(largest: int, unit: str) -> tuple[int, str]:
    """Return what divides numbers up to the largest to keep them short, and their unit then."""
    scales = [(10**9, "GB"), (10**6, "MB"), (10**3, "kB")]
    if unit != "bytes":
        scales = [(10**6, f"M {unit}")]
    return next((each for each in scales if largest >= each[0]), (1, unit))


def _count(n: int, largest: int, unit: str) -> str:
    scale, _ = _scale(largest, unit)
    return f"{n:,}" if scale == 1 else f"{n / scale:,.1f}"


def _count_named(n: int, unit: str) -> str:
    return f"{_count(n, n, unit)} {_scale(n, unit)[1]}"


def _count_items(n_items: int) -> str:
    return "1 item" if n_items == 1 else f"{n_items:,} items"
