"""What earlier commits took: ``history.tsv``, a row for each that was measured, the newest last.

In: the goals of a run of the benchmarks. Out: a row more (``--record``), and the table of
``docs/performance.md``, which is made from the file and compared with it by a test.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks.goals import Goal

Row = Mapping[str, str]

HISTORY = Path(__file__).with_name("history.tsv")
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"

COLUMNS = {
    "commit": "commit",
    "date": "date",
    "large_cold_loops": "large, cold",
    "large_warm_loops": "large, warm",
    "synth40edge_loops": "`synth40edge`, cold",
    "publish_loops": "PublishResults per 1,000",
    "colocalize_loops": "colocalization of 10,000",
    "large_memory_mb": "large, MB",
    "first_state_s": "first state, s",
    "example_cold_s": "example, cold, s",
    "example_finished_s": "finished run, s",
}
"""Columns of the file, and their heads in the document."""

_BEGIN, _END = "<!-- made from benchmarks/history.tsv -->\n", "<!-- end -->"


def read_history(path: Path = HISTORY) -> list[Row]:
    """Return the rows, the newest last; what was not measured is empty."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def figures_before(rows: Sequence[Row]) -> dict[str, str]:
    """Return of each column the newest figure there is."""
    return {name: value for row in rows for name, value in row.items() if value}


def record(
    goals: Sequence[Goal],
    path: Path = HISTORY,
    document: Path = DOCUMENT,
    *,
    busy: bool = False,
) -> None:
    """Add a row for the commit that is checked out, and renew the table in the document.

    On a ``busy`` machine wall-clock seconds say nothing of the code, and are left out.
    """
    kept = (goal for goal in goals if goal.column and not (busy and goal.column.endswith("_s")))
    figures = {goal.column: f"{goal.measured:.3g}" for goal in kept}
    row = {"commit": describe_commit(), "date": date.today().isoformat()} | figures
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n").writerow(row)
    document.write_text(renew_table(document.read_text("utf-8"), read_history(path)), "utf-8")


def renew_table(text: str, rows: Sequence[Row]) -> str:
    """Return a document with the table of these rows in place of the one it has."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no table between {_BEGIN.strip()!r} and {_END!r}")
    lines = [list(COLUMNS.values()), ["---"] * len(COLUMNS)]
    lines += [[row[name] or "" for name in COLUMNS] for row in rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return f"{before}{begin}\n{table}\n{end}{after}"


def describe_commit() -> str:
    """Return the commit that is checked out, with a + if files of it were changed since."""
    command = ["git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=+"]
    done = subprocess.run(command, cwd=HISTORY.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()
