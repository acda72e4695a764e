"""Shows on standard error which states a run is in and how far they are.

On a terminal each state is a line that moves: what is done of it, and how long the rest may take;
elsewhere (a log file, CI) a state is one plain line when it has finished. Counts of calls come from
`ionbox.local.call_events`, not from what the run has stored; what is done of a call, from the
process that works on it (`ionbox.local.progress_pipe`).
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO

from ionbox import terminal
from ionbox.local.call_events import CallFinished, CallStarted, Event, ItemsRead
from ionbox.local.progress_pipe import Gauge, Reading

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NAME_WIDTH = 28
_WORK_WIDTH, _TIME_WIDTH = 27, 15  # wide enough from the start, or columns would jump
_MOST_COLUMNS = 100  # of a terminal: longer bars say no more
_REDRAW_S = 0.25  # between two looks at what is done
_FORESEEN_S = 2.0  # before that nothing is said of how long it will take
_FORESEEN_FRACTION = 0.02
_NOT_YET = 0.999  # of a call in progress, at most

STEPS: tuple[tuple[str, ...], ...] = (
    ("PlanRun",),
    (
        *("SegmentSpectra", "SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd"),
        *("FinishSegments", "SortSpectra"),
    ),
    ("BuildIons",),
    ("GenerateIsotopePatterns",),
    ("PlanAnnotation",),
    ("AnnotateSegments",),
    ("EstimateFdr",),
    ("RenderImages",),
    ("PublishResults",),
)
"""What a run consists of, and the states that each step may take."""

_STEP_OF = {state: number for number, states in enumerate(STEPS, 1) for state in states}
_FIRST_AFTER_BRANCHES = _STEP_OF["PlanAnnotation"]
"""Steps before it run side by side: one that has not begun may still begin."""


def _label(state: str) -> str:
    """Return a state's name after the number of its step."""
    step = _STEP_OF.get(state)
    return state if step is None else f"{step}/{len(STEPS)} {state}"


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
            return f"{_count(done, total, unit)} of {_count(total, total, unit, named=True)}"
        done += self.n_units.get(unit, 0)
        return f"{self.items()}, {_count(done, done, unit, named=True)}"


def _count(n: int, largest: int, unit: str, *, named: bool = False) -> str:
    """Return a number in words that are short for the largest of its kind, as 12.4 (M peaks)."""
    scales = [(10**9, "GB"), (10**6, "MB"), (10**3, "kB")] if unit == "bytes" else [(10**6, "M")]
    scale, prefix = next((each for each in scales if largest >= each[0]), (1, ""))
    number = f"{n:,}" if scale == 1 else f"{n / scale:,.1f}"
    words = [prefix] if unit == "bytes" and prefix else [prefix, unit]
    return " ".join([number, *filter(None, words)]) if named else number


def _foresee(left_s: float) -> str:
    """Return how long something may take, as exactly as can be known."""
    if left_s < 10:
        return f"about {math.ceil(left_s)} s left"
    if left_s < 100:
        return f"about {round(left_s / 5) * 5} s left"
    if left_s < 100 * 60:
        return f"about {round(left_s / 60)} min left"
    return f"about {round(left_s / 3600)} h left"


def _count_items(n_items: int) -> str:
    return "1 item" if n_items == 1 else f"{n_items:,} items"


class Display(Protocol):
    """Where progress is shown; called under a lock, so one call at a time.

    ``update`` is called after each event with the state's tally, ``skip`` with the number of a step
    that will not be taken and why, ``close`` once, with all tallies. If it ``moves``, ``update`` is
    called now and then for whatever is in progress, and ``redraw`` after it.
    """

    moves: bool

    def update(self, tally: Tally) -> None: ...

    def skip(self, step: int, why: str) -> None: ...

    def redraw(self) -> None: ...

    def close(self, tallies: list[Tally]) -> None: ...


class RunProgress:
    """A listener that keeps count of every state and shows it; use as a context manager.

    Parameters
    ----------
    stream
        Where to show it; None for standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        # a dumb terminal cannot move its cursor: an editor's window, say
        moves = stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self._display: Display = TerminalDisplay(stream) if moves else PlainDisplay(stream)
        self._tallies: dict[str, Tally] = {}
        self._steps: set[int] = set()  # begun, or passed over
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._drawing = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> RunProgress:
        if self._display.moves:
            self._drawing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._drawing.is_alive():
            self._drawing.join()
        with self._lock, contextlib.suppress(OSError):
            self._display.close(list(self._tallies.values()))

    def __call__(self, event: Event) -> None:
        state = event.record.state if isinstance(event, CallFinished) else event.state
        if state.endswith("Failure"):
            return  # ReportFailure, RecordFailure: bookkeeping, not work
        with self._lock:
            tally = self._tallies.setdefault(state, Tally(state))
            _tally(tally, event)
            self._pass_over(state)
            with contextlib.suppress(OSError):  # the terminal was closed, or the log's disk is full
                self._display.update(tally)

    def _draw(self) -> None:
        """Show how far everything is, again and again: a thread's life."""
        while not self._ended.wait(_REDRAW_S):
            with self._lock, contextlib.suppress(OSError):
                for tally in self._tallies.values():
                    if not tally.finished:
                        tally.look()
                        self._display.update(tally)
                self._display.redraw()

    def _pass_over(self, state: str) -> None:
        """Show which steps before that of a state are not taken: their work is there already."""
        step = _STEP_OF.get(state, 0)
        for earlier in range(1, step) if step >= _FIRST_AFTER_BRANCHES else ():
            if earlier not in self._steps:
                self._steps.add(earlier)
                # images are drawn of what FDR was estimated for in this run
                nothing = earlier == _STEP_OF["RenderImages"] and "EstimateFdr" in self._tallies
                with contextlib.suppress(OSError):
                    self._display.skip(earlier, "nothing to draw" if nothing else "done before")
        self._steps.add(step)


def _tally(tally: Tally, event: Event) -> None:
    match event:
        case ItemsRead(n_items=n_items):
            tally.n_items = n_items
        case CallStarted(gauge=gauge):
            tally.n_running += 1
            tally.begun = tally.begun or time.monotonic()
            if gauge is not None:
                tally.gauges.append(gauge)
        case CallFinished(record=record, gauge=gauge):
            tally.n_running -= 1
            tally.error = record.error
            tally.n_done += record.error is None
            if gauge in tally.gauges:
                _keep_units(tally, gauge, record.error)


def _keep_units(tally: Tally, gauge: Gauge, error: str | None) -> None:
    """Let go of a gauge, and count what its call has done."""
    tally.gauges.remove(gauge)
    reading = gauge.read() if error is None else None
    if reading is not None:
        tally.n_units[reading.unit] = tally.n_units.get(reading.unit, 0) + reading.done
    tally.look()


class PlainDisplay:
    """One line per state, when it has finished."""

    moves = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._printed: set[str] = set()

    def update(self, tally: Tally) -> None:
        if tally.finished and tally.state not in self._printed:
            self._print(tally)

    def skip(self, step: int, why: str) -> None:
        self._write(f"{_label(STEPS[step - 1][0]):<{_NAME_WIDTH}}{why:>16}")

    def redraw(self) -> None:
        pass

    def close(self, tallies: list[Tally]) -> None:
        for tally in tallies:
            if tally.state not in self._printed:
                self._print(tally)

    def _print(self, tally: Tally) -> None:
        self._printed.add(tally.state)
        end = "" if tally.finished else f"   {terminal.printable(tally.error or 'not finished')}"
        name = f"{_label(tally.state):<{_NAME_WIDTH}}"
        self._write(f"{name}{tally.items():>16}{tally.elapsed_s:>9.1f} s{end}")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class TerminalDisplay:
    """A moving line per state in progress, below those of states that have finished.

    rich leaves colours out where NO_COLOR says so. To draw the lines that move takes it about a
    millisecond each, so what has finished is printed once and for all.
    """

    moves = True

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console, RenderableType
        from rich.constrain import Constrain
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
        from rich.table import Column

        class NarrowProgress(Progress):
            def get_renderables(self) -> Iterable[RenderableType]:
                yield Constrain(self.make_tasks_table(self.tasks), _MOST_COLUMNS)

        self._progress: Progress = NarrowProgress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),  # takes what is left
            TextColumn(f"{{task.fields[work]:>{_WORK_WIDTH}}}", markup=False),
            TextColumn(f"{{task.fields[time]:>{_TIME_WIDTH}}}", markup=False),
            console=Console(file=stream),
            auto_refresh=False,  # `redraw` does it, after a look at what is done
            expand=True,
        )
        self._lines: dict[str, TaskID] = {}
        self._progress.start()

    def update(self, tally: Tally) -> None:
        if tally.state not in self._lines:
            self._lines[tally.state] = self._add(tally.state, total=None)
        fraction, left_s = tally.fraction, tally.left_s
        elapsed = str(timedelta(seconds=int(tally.elapsed_s)))
        self._progress.update(
            self._lines[tally.state],
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            work=terminal.printable(tally.error or tally.work()),
            time=elapsed if left_s is None else _foresee(left_s),
        )
        if tally.finished:
            self._settle(self._lines.pop(tally.state))

    def skip(self, step: int, why: str) -> None:
        line = self._add(STEPS[step - 1][0], total=1, work=why)
        self._progress.update(line, completed=1)  # what is added complete never counts as finished
        self._settle(line)

    def _add(self, state: str, total: float | None, work: str = "") -> TaskID:
        return self._progress.add_task(_label(state), total=total, work=work, time="")

    def _settle(self, line: TaskID) -> None:
        """Print a line above those that move, and move it no more."""
        (task,) = (task for task in self._progress.tasks if task.id == line)
        settled = self._progress.make_tasks_table([task])
        self._progress.remove_task(line)
        self._progress.refresh()  # or rich would draw it below once more
        self._progress.console.print(settled, width=_MOST_COLUMNS)

    def redraw(self) -> None:
        self._progress.refresh()

    def close(self, tallies: list[Tally]) -> None:
        self._progress.stop()
