"""What handlers logged during one execution, in the order of time."""

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
from ionbox.operate.executions import Execution

_POLL_S = 3.0
_LATE = timedelta(minutes=5)
"""Log lines may arrive so long after the end, and clocks differ a little."""


@dataclass(frozen=True, order=True)
class LogLine:
    """One line: when, in which state, how serious, what; ``details`` is a traceback or empty."""

    when: datetime
    state: str
    level: str
    text: str
    details: str = ""


class Logs(Protocol):
    """Where lines are kept."""

    def read(self, execution: Execution, state: str | None, since: datetime) -> list[LogLine]:
        """Return the lines of an execution from a time on, oldest first."""


class AwsLogs:
    """Lines in CloudWatch Logs: a log group for each state.

    `FilterLogEvents` is used, not a Logs Insights query: it is free of charge and shows lines
    within seconds.

    Parameters
    ----------
    logs
        A boto3 client.
    installation : Installation
        Whose log groups.
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
            filterPattern=f'"{execution.name}"',
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
    """Read a line: JSON as the handlers write it, or whatever else a runtime prints."""
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return LogLine(when, state, "", text.rstrip())
    stamp = str(entry.get("timestamp", ""))
    with contextlib.suppress(ValueError):
        when = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f%z")
    item = entry.get("item")
    message = entry.get("message", entry.get("type", ""))
    text = message if isinstance(message, str) else json.dumps(message)
    record = entry.get("record")
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
    """Yield lines as they come, each once, until the execution has ended."""
    start = since_start(execution)
    seen: set[LogLine] = set()
    last = False
    while True:
        newest = max((line.when for line in seen), default=start)
        for line in logs.read(execution, state, max(start, newest - timedelta(minutes=1))):
            if line not in seen:
                seen.add(line)
                yield line
        if last:
            return
        execution = refresh()
        last = execution.state != "running"
        if not last:
            pause(_POLL_S)


def since_start(execution: Execution) -> datetime:
    """Return the time from which an execution's lines may be."""
    if execution.started is None:
        return datetime.fromtimestamp(0, UTC)
    return execution.started - timedelta(seconds=5)
