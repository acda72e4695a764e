"""Shows on standard error which states a run is in and how far they are.

On a terminal each state is a line that moves: what is done of it, and how long the rest may take;
elsewhere (a log file, CI) a state is one plain line when it has finished. Counts of calls come from
`ionbox.local.call_events`, not from what the run has stored; what is done of a call, from the
process that works on it (`pipe`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TextIO

from ionbox_cloud.forecast.remaining import passed_over, remaining_s
from ionbox_cloud.run_plan import Forecast

from ionbox.local.call_events import CallFinished, Event
from ionbox.local.progress.displays import Display, PlainDisplay, TerminalDisplay
from ionbox.local.progress.steps import FIRST_AFTER_BRANCHES, STEP_OF, describe_step
from ionbox.local.progress.tally import Tally

REDRAW_S = 0.25
"""Seconds between two looks at what is done."""

# The terminal was closed, or the log's disk is full; or it has no letters for what is shown. The
# run goes on.
_NOT_SHOWN = (OSError, ValueError)


class RunProgress:
    """A listener that keeps count of every state and shows it; use as a context manager.

    Parameters
    ----------
    stream
        Where to show it; None for standard error.
    read_forecast
        Returns what the run should take, once it is planned; None before, or if that is not known.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        read_forecast: Callable[[], Forecast | None] = lambda: None,
    ) -> None:
        stream = stream or sys.stderr
        # a dumb terminal cannot move its cursor: an editor's window, say
        moves = stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self._display: Display = TerminalDisplay(stream) if moves else PlainDisplay(stream)
        self._tallies: dict[str, Tally] = {}
        self._steps: set[int] = set()  # begun, or passed over
        self._read_forecast = read_forecast
        self._forecast: Forecast | None = None
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
        with self._lock, contextlib.suppress(*_NOT_SHOWN):
            self._display.close(list(self._tallies.values()))

    def __call__(self, event: Event) -> None:
        state = event.record.state if isinstance(event, CallFinished) else event.state
        if state.endswith("Failure"):
            return  # ReportFailure, RecordFailure: bookkeeping, not work
        with self._lock:
            tally = self._tallies.setdefault(state, Tally(state))
            tally.count(event)
            self._pass_over(state)
            with contextlib.suppress(*_NOT_SHOWN):
                self._display.update(tally)

    def _draw(self) -> None:
        """Show how far everything is, again and again: a thread's life."""
        while not self._ended.wait(REDRAW_S):
            with self._lock, contextlib.suppress(*_NOT_SHOWN):
                for tally in self._tallies.values():
                    if not tally.finished:
                        tally.look()
                        self._display.update(tally)
                self._display.redraw(self._describe_run())

    def _describe_run(self) -> str:
        """Say which step the run is at, and how long the rest may take."""
        planned = self._tallies.get("PlanRun")
        if self._forecast is None and planned is not None and planned.finished:
            self._forecast = self._read_forecast()
        left_s = None if self._forecast is None else _left_s(self._forecast, self._tallies)
        return describe_step(self._tallies, left_s)

    def _pass_over(self, state: str) -> None:
        """Show which steps before that of a state are not taken: their work is there already."""
        step = STEP_OF.get(state, 0)
        for earlier in range(1, step) if step >= FIRST_AFTER_BRANCHES else ():
            if earlier not in self._steps:
                self._steps.add(earlier)
                # images are drawn of what FDR was estimated for in this run
                nothing = earlier == STEP_OF["RenderImages"] and "EstimateFdr" in self._tallies
                with contextlib.suppress(*_NOT_SHOWN):
                    self._display.skip(earlier, "nothing to draw" if nothing else "done before")
        self._steps.add(step)


def _left_s(forecast: Forecast, tallies: Mapping[str, Tally]) -> float:
    """Return how many seconds the rest may take, by what is known of the states so far."""
    fractions = {state: tally.fraction or 0.0 for state, tally in tallies.items()}
    fractions |= dict.fromkeys(passed_over(forecast, tallies), 1.0)
    spent_s = {state: tally.spent_s for state, tally in tallies.items() if tally.finished}
    return remaining_s(forecast, spent_s, fractions)
