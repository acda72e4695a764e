"""What handlers logged during one execution, in the order of time; for ``ionbox logs``.

`AwsLogs` and `FolderLogs` read lines of CloudWatch Logs or of a work folder; both parse them to
`LogLine`, and `follow` asks either again and again until the run has ended.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ionbox.account import Installation
from ionbox.errors import UserMustAct
from ionbox.operate.attempts import Execution

_POLL_S = 3.0  # between two questions to CloudWatch Logs
_LATE = timedelta(minutes=5)
"""How long after the end of a run its lines may still arrive; clocks differ a little, too."""


@dataclass(frozen=True, order=True)
class LogLine:
    """One line of a log.

    Attributes
    ----------
    when : datetime
        When it was written, with time zone.
    state : str
        The state whose function wrote it, and after a space the item, if it is a Map's.
    level : str
        ``INFO``, ``WARNING``, ``ERROR``; empty for a line that is not a handler's.
    text : str
        The message.
    details : str
        A traceback; usually empty.
    """

    when: datetime
    state: str
    level: str
    text: str
    details: str = ""


class Logs(Protocol):
    """What reads an execution's lines, wherever they are kept."""

    def read(self, execution: Execution, state: str | None, since: datetime) -> list[LogLine]:
        """Return the lines of an execution from a time on, oldest first.

        Those of one state only, if it is given.

        Raises
        ------
        UserMustAct
            If there are no logs of such a state or execution.
        """


class AwsLogs:
    """Lines in CloudWatch Logs: a log group for each state.

    `FilterLogEvents` is used, not a Logs Insights query: it is free of charge and shows lines
    within seconds.

    Parameters
    ----------
    logs : boto3 client
        Client of CloudWatch Logs.
    installation : Installation
        The stack whose log groups are read.
    """

    def __init__(self, logs: Any, installation: Installation) -> None:
        self._logs = logs
        self._prefix = f"{installation.log_prefix}/"

    def read(self, execution: Execution, state: str | None, since: datetime) -> list[LogLine]:
        groups = self._groups()
        if state is not None:
            if state not in groups:
                raise UserMustAct(f"no logs of a state '{state}'; there are: {', '.join(groups)}")
            groups = [state]
        end = (execution.ended or datetime.now(UTC)) + _LATE
        return sorted(
            line for group in groups for line in self._read_group(group, execution, since, end)
        )

    def _groups(self) -> list[str]:
        pages = self._logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=self._prefix
        )
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return sorted(name.removeprefix(self._prefix) for name in names)

    def _read_group(
        self, group: str, execution: Execution, since: datetime, end: datetime
    ) -> Iterator[LogLine]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._prefix + group,
            startTime=int(since.timestamp() * 1000),
            endTime=int(end.timestamp() * 1000),
            filterPattern=f'"{execution.name}"',  # which every line of a handler has in it
        )
        for page in pages:
            for event in page["events"]:
                when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield parse_line(event["message"], group, when)


@dataclass(frozen=True)
class FolderLogs:
    """Lines in the log file that a local run leaves in its work folder.

    Attributes
    ----------
    root : Path
        The work folder.
    """

    root: Path

    def read(self, execution: Execution, state: str | None, since: datetime) -> list[LogLine]:
        path = self.root / "logs" / f"{execution.name}.log"
        if not path.is_file():
            raise UserMustAct(f"{path}: no such log; it was deleted, or no worker wrote anything")
        texts = path.read_text("utf-8", "replace").splitlines()
        found = (parse_line(text, "", since) for text in texts)
        return [
            line
            for line in found
            if line.when >= since and (state is None or line.state.partition(" ")[0] == state)
        ]


def parse_line(text: str, state: str, when: datetime) -> LogLine:
    """Read a line: JSON as the handlers write it, or whatever else a runtime prints.

    Parameters
    ----------
    text : str
        The line.
    state : str
        The state it is taken for if it does not say.
    when : datetime
        The time it is given if it does not say.
    """
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return LogLine(when, state, "", text.rstrip())
    # as our handlers' logger writes it; lines of Lambda itself have another form and keep `when`
    stamp = str(entry.get("timestamp", ""))
    with contextlib.suppress(ValueError):
        when = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f%z")
    item = entry.get("item")
    message = entry.get("message", entry.get("type", ""))
    text = message if isinstance(message, str) else json.dumps(message)
    record = entry.get("record")  # the last line of a call: what it took
    if isinstance(record, dict):
        text += (
            f" in {record.get('duration_s')} s, {record.get('peak_memory_mb')} of "
            f"{record.get('rung_mb')} MB"
        )
    return LogLine(
        when,
        str(entry.get("state") or state) + (f" {item}" if item is not None else ""),
        str(entry.get("level", "")),
        text,
        str(entry.get("exception", "")),
    )


def follow(
    logs: Logs,
    execution: Execution,
    state: str | None,
    refresh: Callable[[], Execution],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield lines as they come, each once, until the execution has ended.

    Parameters
    ----------
    logs : Logs
        Where lines are read.
    execution : Execution
        The attempt.
    state : str or None
        Only lines of this state.
    refresh : callable
        Returns the attempt as it is now.
    pause : callable
        Waits some seconds; a test puts a clock of its own here.
    """
    start = since_start(execution)
    seen: set[LogLine] = set()
    last = False
    while True:
        # lines of different functions arrive out of order, so a minute is read again
        newest = max((line.when for line in seen), default=start)
        for line in logs.read(execution, state, max(start, newest - timedelta(minutes=1))):
            if line not in seen:
                seen.add(line)
                yield line
        if last:  # read once more after the end, for lines that came late
            return
        execution = refresh()
        last = execution.state != "running"
        if not last:
            pause(_POLL_S)


def since_start(execution: Execution) -> datetime:
    """Return the time from which on an execution may have lines: its start, less some seconds."""
    if execution.started is None:
        return datetime.fromtimestamp(0, UTC)
    return execution.started - timedelta(seconds=5)
