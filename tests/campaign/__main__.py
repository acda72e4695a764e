"""Run the campaign: ``python -m tests.campaign [--trials N] [--seed N] [--first INDEX]``.

Each trial disturbs one run of ``ionbox annotate`` with a fault and gives the same command again:
what comes out must be identical to what an undisturbed run gives, or refused by name.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.campaign.faults import FAULTS
from tests.campaign.subject import Subject
from tests.campaign.trials import BAD, GOOD, Trial, run_trial

WIDTH = 100  # of the table, wherever it is printed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--trials", type=int, default=300, help="how many; 300 if not given")
    parser.add_argument("--seed", type=int, default=1, help="of all of them; 1 if not given")
    parser.add_argument(
        "--first", type=int, default=0, help="index of the first, to make one again"
    )
    options = parser.parse_args()
    console = Console(width=WIDTH)
    root = Path(tempfile.mkdtemp(prefix="ionbox-campaign-"))
    subject = Subject.make(root)
    trials: list[Trial] = []
    try:
        for index in range(options.first, options.first + options.trials):
            trials.append(run_trial(subject, root / "trials", options.seed, index))
            show(console, trials[-1])
    except KeyboardInterrupt:
        console.print(f"stopped after {len(trials)} trials")
    console.print(table_of(trials))
    failed = [trial for trial in trials if trial.outcome in BAD]
    console.print(f"{len(trials)} trials, seed {options.seed}: {len(failed)} failed")
    if failed:
        console.print(f"their folders are in {root}")
    else:
        shutil.rmtree(root)
    sys.exit(bool(failed))


def show(console: Console, trial: Trial) -> None:
    """Print a line for a trial, and how to make it again if it failed."""
    line = f"{trial.index:5} {trial.outcome}: {trial.fault}: {trial.detail}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    if trial.outcome in BAD:
        console.print(f"      again: --seed {trial.seed} --first {trial.index} --trials 1")


def table_of(trials: Sequence[Trial]) -> Table:
    """Count the outcomes of each fault."""
    counts = Counter((trial.fault, trial.outcome) for trial in trials)
    table = Table("fault", *GOOD, *BAD, box=box.SIMPLE)
    for fault in FAULTS:
        table.add_row(fault, *(str(counts[fault, outcome]) for outcome in (*GOOD, *BAD)))
    totals = Counter(trial.outcome for trial in trials)
    table.add_row("all", *(str(totals[outcome]) for outcome in (*GOOD, *BAD)))
    return table


if __name__ == "__main__":
    main()
