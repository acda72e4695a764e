"""``ionbox calibrate``: runs scenarios and writes what came out into a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ionbox.calibration.figures import (
    summarise_difficulty,
    summarise_lines,
    write_json,
    write_table,
)
from ionbox.calibration.page import make_page
from ionbox.calibration.pooling import Row, pool
from ionbox.calibration.scenarios import Scenario
from ionbox.calibration.trials import Trial, count_trials, run_trials
from ionbox.local.worker_process import Reserve

PAGE, TABLE, COUNTS = "calibration.html", "calibration.tsv", "calibration.json"
"""What is in the folder afterwards."""

_TITLE = "Calibration of the false discovery rate"

Tell = Callable[[str, int, int], None]
"""Takes a few words on what is being done, how many trials are done, and how many there are."""


def calibrate(
    scenarios: Sequence[Scenario],
    seeds: Sequence[int],
    out: Path,
    *,
    n_workers: int | None = None,
    reserve: Reserve | None = None,
    tell: Tell = lambda words, done, total: None,
) -> list[Row]:
    """Run scenarios, and write page, table and counts; after each, those so far.

    Parameters
    ----------
    scenarios : sequence of Scenario
        What to try.
    seeds : sequence of int
        Of the simulations: a dataset of each scenario for each.
    out : Path
        Folder to write into; it is made if it is not there, and what these files replace is gone.
    n_workers : int or None
        Worker processes; one per core if None.
    reserve : Reserve, optional
        Worker processes that were started before, and may be used after.
    tell : callable, optional
        Called before each simulation and each run.

    Returns
    -------
    list of Row
        The table.

    Raises
    ------
    InvalidConfig
        If settings, or arguments of a simulation, are out of range.
    InvalidDatabase
        If a database cannot be read.
    TrialFailed
        If a run failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    trials: list[Trial] = []
    total = count_trials(scenarios, seeds)
    with tempfile.TemporaryDirectory(prefix=".calibrating-", dir=out) as folder:
        for scenario in scenarios:
            for trial in run_trials(
                scenario,
                seeds,
                Path(folder),
                n_workers=n_workers,
                reserve=reserve,
                tell=lambda words: tell(words, len(trials), total),
            ):
                trials.append(trial)
            _write(out, scenarios, trials)
    return list(pool(trials))


def _write(out: Path, scenarios: Sequence[Scenario], trials: Sequence[Trial]) -> None:
    rows = list(pool(trials))
    page = make_page(_TITLE, rows, summarise_difficulty(trials), summarise_lines(trials))
    for name, text in (
        (COUNTS, write_json(scenarios, trials)),
        (TABLE, write_table(rows)),
        (PAGE, page),
    ):
        (out / name).write_text(text, encoding="utf-8")
