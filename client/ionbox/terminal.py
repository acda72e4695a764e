"""What the command line shows: sentences, a summary table, problems with what to do about them.

All commands in `ionbox.cli` print through this module. Results go to standard output, everything
else to standard error. Colours appear on terminals only and respect NO_COLOR; the user's own text
is never read as markup, and what a terminal would obey in it is replaced (`printable`): names of
molecules, datasets and files, settings, and what AWS says may be anybody's. When nobody reads on,
as after ``| head -1``, printing raises `OutputClosed`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ionbox_cloud.records.run_record import SummaryRow
    from rich.console import Console


class OutputClosed(Exception):  # noqa: N818 (nothing is wrong: whoever read has seen enough)
    """Standard output is a pipe whose reader has gone: there is nobody to print for."""


def flush() -> None:
    """Write what is still waiting to be written to standard output.

    Raises
    ------
    OutputClosed
        If it is a pipe that nobody reads any more.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error


def drop_output() -> None:
    """Send both streams to nowhere; at exit Python would complain that it cannot flush them."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def console(*, stderr: bool = False) -> Console:
    """Return rich's console for a stream: no markup, no highlighting, no wrapping of lines."""
    from rich.console import Console
    from rich.segment import Segment

    class PipedConsole(Console):
        # rich's own console ends the process on a broken pipe; our exit code would be lost
        def on_broken_pipe(self) -> None:
            raise OutputClosed

        # all that is printed comes by here, as text without rich's own colours and cursor moves
        def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
            for segment in super().render(*arguments, **options):
                if segment.control or segment.text.isprintable():
                    yield segment
                else:
                    yield Segment(printable(segment.text, lines=True), segment.style)

    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal that has no ≤ shows ?
    return PipedConsole(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def printable(text: str, *, lines: bool = False) -> str:
    """Replace characters that a terminal obeys instead of showing, or cannot encode.

    Whoever named a dataset may have put escape sequences into the name, or turned the direction of
    what follows.

    Parameters
    ----------
    text : str
        What is to be printed.
    lines : bool
        Whether line ends and tabs stay.
    """
    kept = "\n\t" if lines else ""
    return "".join(
        sign if _is_shown(sign) or sign in kept else "\N{REPLACEMENT CHARACTER}" for sign in text
    )


def _is_shown(sign: str) -> bool:
    # Python counts spaces other than the usual one as not printable
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def say(text: str) -> None:
    """Print a line of the result, to standard output."""
    console().print(text)


def note(text: str) -> None:
    """Print a line about how far a command is, to standard error, without rich."""
    sys.stderr.write(f"{printable(text, lines=True)}\n")
    sys.stderr.flush()


def show_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback, to standard error; takes what `sys.excepthook` does."""
    note("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


def warn(messages: Sequence[str]) -> None:
    """Print warnings, a line each, to standard error."""
    out = console(stderr=True)
    for message in messages:
        out.print("warning: ", style="yellow", end="")
        out.print(message)


def complain(message: str, *, advice: str = "", title: str = "error") -> None:
    """Print what is wrong and what to do about it, to standard error.

    Parameters
    ----------
    message : str
        A line per problem; lines that begin with a space are details of the one above.
    advice : str
        What to do; a line of its own.
    title : str
        What stands before each problem.
    """
    out = console(stderr=True)
    for line in message.splitlines():
        if not line.startswith(" "):
            out.print(f"{title}: ", style="bold red", end="")
        out.print(line)
    if advice:
        out.print(advice)


def show_traces(log: Path) -> None:
    """Print the tracebacks that workers left in a log."""
    out = console(stderr=True)
    for line in log.read_text("utf-8", "replace").splitlines():
        # a worker's log also has lines of its libraries, which are not JSON objects
        with contextlib.suppress(ValueError, AttributeError):
            trace = json.loads(line).get("exception")
            if trace:
                out.print(trace)


def show_facts(facts: Mapping[str, str]) -> None:
    """Print names and values below each other, the values in one column."""
    width = max(map(len, facts), default=0) + 2
    for name, value in facts.items():
        say(f"{name:<{width}}{value}")


def show_summary(summary: Sequence[SummaryRow]) -> None:
    """Print how many annotations there are per database and kind of ion, up to each FDR level."""
    from rich.table import Table
    from rich.text import Text

    if not summary:
        return
    levels = list(summary[0].counts)
    table = Table(box=None, pad_edge=False)
    table.add_column("database")
    table.add_column("ion")
    for level in levels:
        heading = "all" if level == "all" else f"FDR ≤ {float(level):.0%}"
        table.add_column(heading, justify="right")
    for row in summary:
        counts = [f"{row.counts[level]:,}" for level in levels]
        table.add_row(Text(row.database), Text(row.ion), *counts)
    console().print(table)


_UNBOUNDED = 10_000


def show_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns between the first and the last are numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for head in heads:
        numbers = head not in (heads[0], heads[-1])
        table.add_column(head, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    out = console()
    if not out.is_terminal:
        out.width = _UNBOUNDED  # a file is as wide as its lines
    out.print(table)


@contextlib.contextmanager
def progress(description: str, after_s: float = 0.0) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while a block runs.

    Yields a function to call with how much is done and how much there is in all. Where standard
    error is not a terminal nothing is shown, nor before ``after_s`` seconds have passed.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    started, bar = time.monotonic(), contextlib.ExitStack()
    tells: list[Callable[[int, int], None]] = []

    def tell(done: int, total: int) -> None:
        if not tells and time.monotonic() - started >= after_s:
            tells.append(bar.enter_context(_bar(description)))
        for each in tells:
            each(done, total)

    with bar:
        yield tell


@contextlib.contextmanager
def _bar(description: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(description)
        yield lambda done, total: bar.update(task, completed=done, total=total)
