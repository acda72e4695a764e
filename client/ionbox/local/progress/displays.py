"""The two ways to show how far a run is: lines that move, and lines of what has finished."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO

from ionbox import terminal
from ionbox.local.progress.steps import STEPS, foresee, label
from ionbox.local.progress.tally import Tally

if TYPE_CHECKING:
    from rich.progress import TaskID

_NAME_WIDTH = 28
_WORK_WIDTH, _TIME_WIDTH = 27, 15  # wide enough from the start, or columns would jump
_MOST_COLUMNS = 100  # of a terminal: longer bars say no more


class Display(Protocol):
    """Where progress is shown; called under a lock, so one call at a time.

    ``update`` is called after each event with the state's tally, ``skip`` with the number of a step
    that will not be taken and why, ``close`` once, with all tallies. If it ``moves``, ``update`` is
    called now and then for whatever is in progress, ``redraw`` after it, with a line about the
    whole run, or nothing.
    """

    moves: bool

    def update(self, tally: Tally) -> None: ...

    def skip(self, step: int, why: str) -> None: ...

    def redraw(self, line: str) -> None: ...

    def close(self, tallies: list[Tally]) -> None: ...


class PlainDisplay:
    """One line per state, when it has finished."""

    moves = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._printed: set[str] = set()

    def update(self, tally: Tally) -> None:
        if tally.finished and tally.state not in self._printed:
            self._print(tally)

    def skip(self, step: int, why: str) -> None:
        self._write(f"{label(STEPS[step - 1][0]):<{_NAME_WIDTH}}{why:>16}")

    def redraw(self, line: str) -> None:
        pass

    def close(self, tallies: list[Tally]) -> None:
        for tally in tallies:
            if tally.state not in self._printed:
                self._print(tally)

    def _print(self, tally: Tally) -> None:
        self._printed.add(tally.state)
        end = "" if tally.finished else f"   {terminal.printable(tally.error or 'not finished')}"
        name = f"{label(tally.state):<{_NAME_WIDTH}}"
        self._write(f"{name}{tally.items():>16}{tally.elapsed_s:>9.1f} s{end}")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class TerminalDisplay:
    """A moving line per state in progress, below those of states that have finished.

    rich leaves colours out where NO_COLOR says so. To draw the lines that move takes it about a
    millisecond each, so what has finished is printed once and for all.
    """

    moves = True

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console, RenderableType
        from rich.constrain import Constrain
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
        from rich.table import Column
        from rich.text import Text

        class NarrowProgress(Progress):
            line = ""

            def get_renderables(self) -> Iterable[RenderableType]:
                yield Constrain(self.make_tasks_table(self.tasks), _MOST_COLUMNS)
                if self.line and self.tasks:
                    yield Text(self.line, no_wrap=True, overflow="ellipsis")

        self._progress = NarrowProgress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),  # takes what is left
            TextColumn(f"{{task.fields[work]:>{_WORK_WIDTH}}}", markup=False),
            TextColumn(f"{{task.fields[time]:>{_TIME_WIDTH}}}", markup=False),
            console=Console(file=stream),
            auto_refresh=False,  # `redraw` does it, after a look at what is done
            expand=True,
        )
        self._lines: dict[str, TaskID] = {}
        self._progress.start()

    def update(self, tally: Tally) -> None:
        if tally.state not in self._lines:
            self._lines[tally.state] = self._add(tally.state, total=None)
        fraction, left_s = tally.fraction, tally.left_s
        elapsed = str(timedelta(seconds=int(tally.elapsed_s)))
        self._progress.update(
            self._lines[tally.state],
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            work=terminal.printable(tally.error or tally.work()),
            time=elapsed if left_s is None else foresee(left_s),
        )
        if tally.finished:
            self._settle(self._lines.pop(tally.state))

    def skip(self, step: int, why: str) -> None:
        line = self._add(STEPS[step - 1][0], total=1, work=why)
        self._progress.update(line, completed=1)  # what is added complete never counts as finished
        self._settle(line)

    def _add(self, state: str, total: float | None, work: str = "") -> TaskID:
        return self._progress.add_task(label(state), total=total, work=work, time="")

    def _settle(self, line: TaskID) -> None:
        """Print a line above those that move, and move it no more."""
        (task,) = (task for task in self._progress.tasks if task.id == line)
        settled = self._progress.make_tasks_table([task])
        self._progress.remove_task(line)
        self._progress.refresh()  # or rich would draw it below once more
        self._progress.console.print(settled, width=_MOST_COLUMNS)

    def redraw(self, line: str) -> None:
        self._progress.line = line
        self._progress.refresh()

    def close(self, tallies: list[Tally]) -> None:
        self._progress.line = ""  # what stays on the screen is about states alone
        self._progress.stop()
