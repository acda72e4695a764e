"""Shows on standard error which states a run is in and how far they are.

On a terminal each state is a line that moves; elsewhere (a log file, CI) a state is one plain line
when it has finished. Counts come from `ionbox.local.call_events`, not from what the run has stored.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from ionbox import terminal
from ionbox.local.call_events import CallFinished, CallStarted, Event, ItemsRead

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NAME_WIDTH = 28

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
    """

    state: str
    n_items: int | None = None
    n_done: int = 0
    n_running: int = 0
    error: str | None = None
    started: float = field(default_factory=time.monotonic)

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


def _count_items(n_items: int) -> str:
    return "1 item" if n_items == 1 else f"{n_items:,} items"


class Display(Protocol):
    """Where progress is shown; called under a lock, so one call at a time.

    ``update`` is called after each event with the state's tally, ``skip`` with the number of a step
    that will not be taken and why, ``close`` once, with all tallies.
    """

    def update(self, tally: Tally) -> None: ...

    def skip(self, step: int, why: str) -> None: ...

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
        display = TerminalDisplay if stream.isatty() else PlainDisplay
        self._display: Display = display(stream)
        self._tallies: dict[str, Tally] = {}
        self._steps: set[int] = set()  # begun, or passed over
        self._lock = threading.Lock()

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._display.close(list(self._tallies.values()))

    def __call__(self, event: Event) -> None:
        state = event.record.state if isinstance(event, CallFinished) else event.state
        if state.endswith("Failure"):
            return  # ReportFailure, RecordFailure: bookkeeping, not work
        with self._lock:
            tally = self._tallies.setdefault(state, Tally(state))
            _count(tally, event)
            self._pass_over(state)
            with contextlib.suppress(OSError):  # the terminal was closed, or the log's disk is full
                self._display.update(tally)

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


def _count(tally: Tally, event: Event) -> None:
    match event:
        case ItemsRead(n_items=n_items):
            tally.n_items = n_items
        case CallStarted():
            tally.n_running += 1
        case CallFinished(record=record):
            tally.n_running -= 1
            tally.error = record.error
            tally.n_done += record.error is None


class PlainDisplay:
    """One line per state, when it has finished."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._printed: set[str] = set()

    def update(self, tally: Tally) -> None:
        if tally.finished and tally.state not in self._printed:
            self._print(tally)

    def skip(self, step: int, why: str) -> None:
        self._write(f"{_label(STEPS[step - 1][0]):<{_NAME_WIDTH}}{why:>16}")

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
    """One moving line per state; rich leaves colours out where NO_COLOR says so."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[items]:>16}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=stream),
        )
        self._lines: dict[str, TaskID] = {}
        self._progress.start()

    def update(self, tally: Tally) -> None:
        if tally.state not in self._lines:
            self._lines[tally.state] = self._progress.add_task(
                _label(tally.state), total=None, items=""
            )
        total = (
            tally.n_items
            if tally.n_items is not None
            else (tally.n_done if tally.finished else None)
        )
        self._progress.update(
            self._lines[tally.state],
            total=total,
            completed=tally.n_done,
            items=terminal.printable(tally.error or tally.items()),
        )

    def skip(self, step: int, why: str) -> None:
        name = _label(STEPS[step - 1][0])
        line = self._progress.add_task(name, total=1, items=why)
        self._progress.update(line, completed=1)  # what is added complete never counts as finished

    def close(self, tallies: list[Tally]) -> None:
        self._progress.stop()
