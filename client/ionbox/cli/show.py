"""How runs, states, findings and transfers look in a terminal; for the operator commands.

What the work returned comes in (`RunState`, `StateProgress`, `CheckLine`, `LogLine`), and is
printed with `ionbox.terminal`. At the end: how times, durations, prices and sizes are written.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from ionbox import terminal
from ionbox.operate.doctor import NOTE, OK, PROBLEM, CheckLine
from ionbox.operate.logs import LogLine
from ionbox.operate.runs import RunState, StateProgress

_STYLES = {
    "succeeded": "green",
    "running": "cyan",
    "failed": "bold red",
    "invalid input": "yellow",
    "timed out": "bold red",
    OK: "green",
    NOTE: "yellow",
    PROBLEM: "bold red",
    "ERROR": "bold red",
    "WARNING": "yellow",
}
_NOTHING = "-"  # in a table, for what is not known or not there
_DOLLARS = {True: "dollars", False: "dollars on AWS"}
"""Headings by whether calls are billed: what was paid, or what AWS would have taken."""

_WIDEST = 400  # columns that a table may have, whatever the terminal's width


def _console(*, stderr: bool = False) -> Console:
    return terminal.console(stderr=stderr)


def _print_whole(table: Table) -> None:
    """Print a table in its full width: names are there to be copied, so none may be cut short."""
    console = _console()
    console.width = max(console.width, _WIDEST)
    console.print(table)


def list_runs(runs: Sequence[RunState], *, billed: bool) -> None:
    """Print runs as a table, newest first; ``billed`` says whether their dollars were paid."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "dataset", "status", "started"):
        table.add_column(heading, no_wrap=True)
    for heading in ("duration", _DOLLARS[billed], "annotations"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            Text(run.name),
            Text(run.dataset or _NOTHING),
            Text(run.status, style=_STYLES.get(run.status, "")),
            when(run.execution.started),
            duration(run.duration_s),
            dollars(run.dollars),
            _NOTHING if run.n_annotations is None else f"{run.n_annotations:,}",
        )
    _print_whole(table)


def describe_run(
    run: RunState, states: Sequence[StateProgress], *, billed: bool, rest: str = ""
) -> None:
    """Print all that is known of a run.

    ``billed`` says whether its dollars were paid, ``rest`` how far it is and how long it may take.
    """
    cost = "" if run.dollars is None else f"about {dollars(run.dollars)} dollars"
    facts = {
        "run": run.name,
        "dataset": run.dataset or "not known yet",
        "status": run.status + (", nothing was computed: the results were there" * run.reused),
        "progress": rest,
        "started": when(run.execution.started),
        "duration": duration(run.duration_s),
        "cost": cost if billed or not cost else f"nothing; on AWS {cost}",
        "annotations": "" if run.n_annotations is None else f"{run.n_annotations:,}",
        "results": run.results,
    }
    terminal.show_facts({name: text for name, text in facts.items() if text})
    if states:
        terminal.say("")
        _print_whole(_states_table(states, billed=billed))
    if run.message:
        terminal.say("")
        terminal.say(f"why: {run.message}")
    if run.advice:
        terminal.say(run.advice)


def _states_table(states: Sequence[StateProgress], *, billed: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("state")
    headings = ("done", "running", "failed", "climbed", "seconds", "peak MB", _DOLLARS[billed])
    for heading in headings:
        table.add_column(heading, justify="right")
    for state in states:
        done = f"{state.n_done:,}" + ("" if state.n_items is None else f" of {state.n_items:,}")
        counts = (state.n_running, state.n_failed, state.n_climbed)
        row = [done, *(f"{n:,}" if n else _NOTHING for n in counts)]
        row += [f"{state.seconds:,.1f}", f"{state.peak_mb:,.0f}", dollars(state.dollars)]
        table.add_row(state.state, *row)
    return table


def next_step(run: RunState, options: str) -> None:
    """Print the command that people usually type next.

    Parameters
    ----------
    run : RunState
        The run that was shown.
    options : str
        Flags that lead to the same installation or work folder, each after a space.
    """
    name = f"{run.name}{options}"
    if run.status == "succeeded":
        out = shlex.quote(run.dataset or "results")
        terminal.say(f"\nget the results: ionbox fetch {name} --out {out}")
    elif run.status == "running":
        terminal.say(f"\nwatch it: ionbox status {name} --follow")
    elif run.status in {"failed", "timed out", "cancelled"} and run.execution.arn:
        terminal.say(f"\nread the logs: ionbox logs {name}\ntry again: ionbox redrive {name}")
    elif run.status in {"failed", "interrupted"}:
        terminal.say(f"\nread the logs: ionbox logs {name}\nthe same 'ionbox annotate' resumes it")


def show_findings(findings: Sequence[CheckLine]) -> None:
    """Print what the doctor found, a line each, with the command that helps below it."""
    width = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        line = Text(f"{finding.verdict:<9}", style=_STYLES[finding.verdict])
        _console().print(line.append(f"{finding.subject:<{width}}  {finding.text}", style="none"))
        if finding.remedy and finding.verdict != OK:
            terminal.say(f"{'':<{width + 11}}{finding.remedy}")


def show_log_line(line: LogLine, *, debug: bool) -> None:
    """Print a line of a log, and of a traceback the last line only unless ``debug`` is set."""
    head = f"{line.when.astimezone():%H:%M:%S}  {line.state:<26}"
    text = Text(head).append(f"{line.level:<8}", style=_STYLES.get(line.level, ""))
    _console().print(text.append(line.text, style="none"))
    if line.details:
        last = line.details.strip().splitlines()[-1]
        _console().print(Text(line.details if debug else f"{'':<44}{last}"))


@contextlib.contextmanager
def transfers() -> Iterator[Callable[[str, str, int], Callable[[int], None]]]:
    """Show a bar for each file that is sent or fetched.

    Yields a function to call before each file, with its name, what is done with it (``uploading``,
    say) and its size in bytes. It returns a function to call with numbers of bytes, as they are
    done. If standard error is not a terminal, a plain line per file is printed instead of a bar.
    """
    console = _console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def starting(name: str, what: str, n_bytes: int) -> Callable[[int], None]:
            if not console.is_terminal:
                terminal.note(f"{name} ({megabytes(n_bytes)}): {what}")
            task = bars.add_task(terminal.printable(f"{name} {what}"), total=n_bytes)
            return lambda n_more: bars.update(task, advance=n_more)

        yield starting


def when(moment: datetime | None) -> str:
    """Return a time in the local zone, to the minute."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else _NOTHING


def duration(seconds: float | None) -> str:
    """Return a duration as people say it: ``2 h 05 min``, ``3 min 20 s``, ``8 s``."""
    if seconds is None:
        return _NOTHING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def dollars(amount: float | None) -> str:
    """Return an amount with the digits that matter: two decimals from 1 dollar on, four below."""
    if amount is None:
        return _NOTHING
    return f"{amount:.2f}" if amount >= 1 else f"{amount:.4f}"


def megabytes(n_bytes: int) -> str:
    """Return a size in MB, or from 1 GB on in GB; powers of ten."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
