"""``ionbox export`` and ``ionbox compare``: from parsed arguments to what is printed.

The work is done in `ionbox.exports` and `ionbox.compare`.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from ionbox_science.errors import InvalidConfig, IonboxError

from ionbox import terminal
from ionbox.errors import OperateError

if TYPE_CHECKING:
    from ionbox.compare.comparison import Comparison, Difference

SAME, DIFFERENT, TROUBLE = 0, 1, 2
"""Exit codes of ``ionbox compare``, those of diff."""

_LISTED = 10  # ions of each kind of change that are printed by name


def export_results(options: argparse.Namespace) -> int:
    """Write results in another software's format, and say how many ions there are."""
    from ionbox.exports import export
    from ionbox.reading.nearby import find_results
    from ionbox.run import Run

    run = Run(find_results(options.results, options.profile, options.region))
    n_ions = export(
        run,
        options.to,
        options.out,
        fdr=options.fdr,
        database=options.database,
        use_tic=options.tic,
    )
    terminal.say(f"{n_ions:,} ion{'' if n_ions == 1 else 's'}: {options.out}")
    return 0


def compare_results(options: argparse.Namespace) -> int:
    """Show what differs between two tables; exit codes are those of diff.

    So errors end here, and not in `ionbox.cli.main`, whose code for invalid input means "different"
    to scripts that expect diff.
    """
    try:
        return _compare(options)
    except terminal.OutputClosed:
        raise
    except Exception as error:  # noqa: BLE001 (the exit code of a traceback means "different")
        if options.debug or not isinstance(error, IonboxError | OperateError | OSError):
            terminal.show_exception(type(error), error, error.__traceback__)
        else:
            terminal.complain(str(error))
        return TROUBLE


def _compare(options: argparse.Namespace) -> int:
    from ionbox.compare.comparison import compare
    from ionbox.compare.settings import describe_differences
    from ionbox.compare.tables import read_side

    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise InvalidConfig(f"--out: {options.out} is a file; give a folder")
    a, b = (
        read_side(place, options.database, profile=options.profile, region=options.region)
        for place in (options.a, options.b)
    )
    if a.dataset.differs_from(b.dataset):
        terminal.warn([f"A and B are of different datasets: {a.dataset}, and {b.dataset}"])
    found = compare(a, b, options.tolerance)
    _show(found, options.tolerance)
    if a.record and b.record:
        for line in describe_differences(a.record, b.record):
            terminal.say(line)
    if options.out is not None:
        write_comparison(found, options.out)
        terminal.say(
            f"all ions: {options.out / 'compare.csv'}, plot: {options.out / 'compare.svg'}"
        )
    return SAME if found.same else DIFFERENT


def write_comparison(found: Comparison, out: Path) -> None:
    """Write ``compare.csv`` and ``compare.svg`` into a folder; older ones are replaced.

    Names of molecules' parts come from tables that strangers may have made, so cells are guarded
    from spreadsheets.
    """
    from ionbox_science.csv_cells import guard_but_modifiers

    from ionbox.compare.scatter_plot import draw_comparison

    out.mkdir(parents=True, exist_ok=True)
    rows = found.rows.copy()
    for name in rows:
        if rows[name].dtype.kind not in "fiub":
            rows[name] = rows[name].map(guard_but_modifiers)
    rows.to_csv(out / "compare.csv", index=False, float_format="%.6g", lineterminator="\n")
    (out / "compare.svg").write_text(draw_comparison(found), "utf-8")


def _show(found: Comparison, tolerance: float) -> None:
    terminal.show_facts(
        {
            "A": found.a,
            "B": found.b,
            "ions in both": f"{found.n_common:,}",
            "gained": f"{found.count('gained'):,}",
            "lost": f"{found.count('lost'):,}",
            "at another FDR level": f"{found.count('moved'):,}",
            f"same level, scores differ by more than {tolerance:g}": f"{found.count('scores'):,}",
        }
    )
    for difference in found.differences:
        terminal.say(f"{difference.metric:<12} {_describe(difference)}")
    for change in ("gained", "lost", "moved"):
        names = [_name(row) for row in found.rows[found.rows["change"] == change].itertuples()]
        if names:
            more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
            terminal.say(f"{change}: {', '.join(names[:_LISTED])}{more}")


def _describe(difference: Difference) -> str:
    said = f"largest difference {difference.largest:.2g}, median {difference.median:.2g}"
    if math.isnan(difference.largest):
        said = "no ion has it in both"
    n_ions = difference.n_one_sided
    if n_ions:
        said += f"; {n_ions:,} ion{'' if n_ions == 1 else 's'} with it in only one of A and B"
    return said


def _name(row: object) -> str:
    parts = ("formula", "chemMod", "neutralLoss", "adduct")
    return "".join(str(getattr(row, part)) for part in parts)
