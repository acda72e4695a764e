"""``ionbox submit``: check here, send, and if asked to, wait for the run's end.

What is sent is planned and sent by `ionbox.operate.submission`. Waiting is the hard part: an upload
has no answer, so the run that it starts is found among the newest by the key of its imzML.
"""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from ionbox_cloud.messages import ConfigLayer

from ionbox import terminal
from ionbox.account import Account, Installation, open_installation
from ionbox.cli import follow, show
from ionbox.cli.command import CANCELLED, FAILED, INVALID, OK
from ionbox.cli.dataset_arguments import config_layers
from ionbox.cli.operator_command import command
from ionbox.cli.where_arguments import read_where, write_flags
from ionbox.datasets.check import MOST_TO_READ, CheckReport, check
from ionbox.datasets.estimate import try_estimate
from ionbox.datasets.files import LocalDataset, find_dataset
from ionbox.errors import OperateError
from ionbox.operate.attempts import AttemptList, Execution
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.submission import (
    Submission,
    merge_settings,
    plan_submission,
    refuse_replacing,
    send,
)
from ionbox.operate.upload import Upload, Uploader

SKEW = timedelta(seconds=30)
"""By how much this machine's clock may be ahead of AWS's, and a run seem to begin too early."""

_SEARCHED = 200
"""How many of the newest runs are searched for one of the same files."""

_SOON_S = 90.0
"""Seconds within which a new upload usually starts a run, if there is a free place."""


@command
def submit(options: argparse.Namespace) -> int:
    """Check a dataset, send it, and follow its run if asked to."""
    where = read_where(options)
    account, installation = open_installation(where)
    dataset = find_dataset(options.dataset)
    config = config_layers(options)
    checksum = None
    if not options.no_check:
        report = _check(dataset, config, installation.default_config)
        if report.errors or report.missing:
            return INVALID
        checksum = report.checksum
    settings = merge_settings(config, dataset.sidecar)
    uploader = Uploader(account.client("s3"), installation.inbox)
    submission = plan_submission(
        dataset, options.database, settings, options.folder, uploader, checksum=checksum
    )
    if not options.replace:
        refuse_replacing(submission, uploader)
    _say_estimate(dataset, options.database, config, installation)
    started, flags = datetime.now(UTC), write_flags(where)
    n_bytes = _send(submission, uploader)
    terminal.say(
        f"{show.megabytes(n_bytes)} sent; a run of {dataset.imzml.stem} starts within a minute or "
        f"two, if one of {installation.max_runs} places is free"
    )
    if not options.wait:
        terminal.say(f"watch it: ionbox status {shlex.quote(dataset.imzml.stem)}{flags} --follow")
        return OK
    return _wait(account, installation, submission.imzml.key, started, flags)


def _say_estimate(
    dataset: LocalDataset,
    databases: Sequence[Path],
    config: Sequence[ConfigLayer],
    installation: Installation,
) -> None:
    """Say about how long the run will take and what it will cost, if all its tables are here.

    Raises
    ------
    InvalidConfig
        If it should cost more than ``max_dollars``: nothing is sent then.
    """
    found = try_estimate(dataset.imzml, databases, config, installation.default_config)
    if found is not None:
        found.require_affordable()
        terminal.say(found.lines()[1])


def _send(submission: Submission, uploader: Uploader) -> int:
    """Send a submission, with a bar for each file; return the bytes that had to be sent."""
    with show.transfers() as bars:

        def starting(upload: Upload, what: str) -> Callable[[int], None]:
            return bars(PurePosixPath(upload.key).name, what, upload.n_bytes)

        return send(submission, uploader, starting)


def _check(
    dataset: LocalDataset, config: Sequence[ConfigLayer], defaults: Mapping[str, Any]
) -> CheckReport:
    """Check a dataset that is about to be sent, and print what is wrong with it.

    Missing settings are wrong, too: no one is there to ask when the run begins.
    """
    if dataset.ibd.is_file() and dataset.ibd.stat().st_size > MOST_TO_READ:
        size = show.megabytes(dataset.ibd.stat().st_size)
        terminal.say(f"reading {dataset.ibd.name}, {size}, for its checksum …")
    report = check(dataset.imzml, config, defaults=defaults, sending=True)
    terminal.warn(report.warnings)
    for message in report.errors:
        terminal.complain(message)
    for name in report.missing:
        flag = f"--{name.replace('_', '-')}"
        terminal.complain(f"{name}: the imzML does not say; add {flag}")
    if report.errors or report.missing:
        terminal.say("nothing was sent")
    return report


# --- waiting ---


def _wait(
    account: Account, installation: Installation, key: str, started: datetime, flags: str
) -> int:
    runs = aws_runs(account, installation)
    try:
        execution = wait_for_start(runs.executions, key, started - SKEW)
        run = follow.follow_run(runs, runs.find(execution.name))
    except KeyboardInterrupt:
        name = Path(key).stem
        terminal.say(
            f"the run goes on; watch it: ionbox status {shlex.quote(name)}{flags} --follow"
        )
        return CANCELLED
    show.describe_run(run, runs.progress(run), billed=runs.billed)
    show.next_step(run, flags)
    if run.status == "succeeded":
        return OK
    return INVALID if run.status == "invalid input" else FAILED


def wait_for_start(
    executions: AttemptList,
    key: str,
    since: datetime,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Execution:
    """Wait for the run that an upload starts.

    A dataset that is already annotated, or being annotated, starts no run of its own; then the
    earlier run of the same files is returned.

    Parameters
    ----------
    executions : AttemptList
        Attempts of the installation.
    key : str
        Key of the imzML in the inbox.
    since : datetime
        Runs that began before cannot be the one.
    pause, clock : callable
        Wait some seconds, and tell seconds that passed; a test puts a clock of its own here.

    Raises
    ------
    OperateError
        If nothing has started after a while, though no run is on that it could be waiting for.
    """
    begun, told = clock(), False
    while True:
        newest = executions.recent(20)
        recent = [execution for execution in newest if _began_after(execution, since)]
        for execution in executions.complete(recent):
            if execution.imzml_key == key:
                return execution
        if clock() - begun > _SOON_S:
            earlier = None if told else _find_earlier(executions, key)
            if earlier is not None:
                terminal.say(f"the same files are run {earlier.name}; nothing new was started")
                return earlier
            # if others are on, it may be waiting for a free place; else something is wrong
            if not any(execution.state == "running" for execution in newest):
                raise OperateError(
                    "no run has started, though none is running that it could wait for; 'ionbox "
                    "list' shows whether it waits, docs/operations.md (QueueNotStarting) helps on"
                )
            if not told:
                told = True
                terminal.say("waiting for a free place …")
        pause(follow.POLL_S)


def _find_earlier(executions: AttemptList, key: str) -> Execution | None:
    """Return the newest run of an imzML if it succeeded or is on, else None."""
    for execution in executions.complete(executions.recent(_SEARCHED)):
        if execution.imzml_key == key:
            return execution if execution.state in {"running", "succeeded"} else None
    return None


def _began_after(execution: Execution, since: datetime) -> bool:
    return execution.started is not None and execution.started >= since
