"""Following a run: each state's progress, a line when it changes, until the run ends.

For ``ionbox status --follow`` and ``ionbox submit --wait``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from ionbox import terminal
from ionbox.operate.runs import Runs, RunState

POLL_S = 5.0
"""Seconds between two questions how far a run is."""


def follow_run(runs: Runs, run: RunState, pause: Callable[[float], None] = time.sleep) -> RunState:
    """Print each state's progress to standard error until a run has ended.

    Parameters
    ----------
    runs : Runs
        Where the run is.
    run : RunState
        The run, as it was found.
    pause : callable
        Waits some seconds; a test puts a clock of its own here.

    Returns
    -------
    RunState
        The run as it ended.
    """
    told: dict[str, str] = {}
    while True:
        states = runs.progress(run)
        rest = runs.describe_rest(run, states)
        for state in states:
            of_all = "" if state.n_items is None else f" of {state.n_items:,}"
            line = f"{state.state:<26}{state.n_done:,}{of_all} done"
            if told.get(state.state) != line:
                told[state.state] = line
                after = f"  ({rest})" if rest else ""
                terminal.note(f"{datetime.now():%H:%M:%S}  {line}{after}")
        if run.status != "running":  # asked after its progress, so the last lines are printed, too
            return run
        pause(POLL_S)
        run = runs.refresh(run)
