"""Following a run in AWS: each state's progress, a line when it changes, until the run ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime

from ionbox.operate.runs import Runs, RunState

POLL_S = 5.0
"""How often it is asked how far a run is."""


def follow_run(runs: Runs, run: RunState, pause: Callable[[float], None] = time.sleep) -> RunState:
    """Tell each state's progress until a run has ended; return it as it ended."""
    told: dict[str, str] = {}
    while True:
        for state in runs.progress(run):
            of_all = "" if state.n_items is None else f" of {state.n_items:,}"
            line = f"{state.state:<26}{state.n_done:,}{of_all} done"
            if told.get(state.state) != line:
                told[state.state] = line
                sys.stderr.write(f"{datetime.now():%H:%M:%S}  {line}\n")
        if run.status != "running":
            return run
        pause(POLL_S)
        run = runs.refresh(run)
