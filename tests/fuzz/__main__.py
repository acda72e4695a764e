"""Try hostile inputs: ``python -m tests.fuzz [--inputs N] [--seed SEED]``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from tests.fuzz.inputs import CASES
from tests.fuzz.trials import FAILURES, try_all

ANSWERS = ("accepted", "as pyimzml", "not by pyimzml", "refused")
"""Accepted; accepted and read as pyimzml reads it; accepted where pyimzml fails; refused."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many; 10,000 if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the first; 0 if not given")
    options = parser.parse_args()
    console = Console()
    counts: Counter[tuple[str, str]] = Counter()
    for tried in try_all(range(options.seed, options.seed + options.inputs)):
        counts[tried.kind, tried.answer] += 1
        if tried.failed:
            said = f"SEED={tried.seed} {tried.kind}: {tried.answer}: {tried.detail}"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    console.print(table_of(counts))
    n_failed = sum(n for (_, answer), n in counts.items() if answer in FAILURES)
    console.print(f"{counts.total()} inputs from seed {options.seed} on: {n_failed} failed")
    if n_failed:
        console.print("again: make fuzz N=1 SEED=…")
    sys.exit(bool(n_failed))


def table_of(counts: Mapping[tuple[str, str], int]) -> Table:
    """Count the answers to each kind of input."""
    table = Table("answer", *CASES, box=box.SIMPLE)
    for answer in (*ANSWERS, *FAILURES):
        table.add_row(answer, *(str(counts.get((kind, answer), 0)) for kind in CASES))
    return table


if __name__ == "__main__":
    main()
