"""``ionbox submit``: check here, send, and if asked to, wait for the run's end."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_science.config import SETTINGS

from ionbox import terminal
from ionbox.account import Account, Installation
from ionbox.cli import show
from ionbox.cli.command import CANCELLED, FAILED, INVALID, OK
from ionbox.datasets.check import check
from ionbox.datasets.config_files import read_config_files
from ionbox.datasets.files import find_dataset
from ionbox.operate.errors import OperateError
from ionbox.operate.executions import Execution, Executions
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.submission import merge_settings, plan_submission, refuse_replacing, send
from ionbox.operate.upload import Upload, Uploader

POLL_S = 5.0
SKEW = timedelta(seconds=30)
"""By how much this machine's clock may be ahead of AWS's."""

_SEARCHED = 200
"""How many of the newest runs are looked through for one of the same files."""

_SOON_S = 90.0
"""Within that time a new upload usually starts a run, if there is a free place."""


def submit_dataset(
    options: argparse.Namespace, account: Account, installation: Installation, *, flags: str
) -> int:
    """Carry out the command; returns the exit code."""
    dataset = find_dataset(options.dataset)
    config = [*_flag_layer(options), *read_config_files(options.config)]
    if not options.no_check and not _is_fit(options, config, installation.default_config):
        return INVALID
    settings = merge_settings(config, dataset.sidecar)
    uploader = Uploader(account.client("s3"), installation.inbox)
    submission = plan_submission(dataset, options.database, settings, options.folder, uploader)
    if not options.replace:
        refuse_replacing(submission, uploader)
    started = datetime.now(UTC)
    with show.transfers() as bars:

        def starting(upload: Upload, what: str) -> Callable[[int], None]:
            return bars(PurePosixPath(upload.key).name, what, upload.n_bytes)

        n_bytes = send(submission, uploader, starting)
    terminal.say(
        f"{show.megabytes(n_bytes)} sent; a run of {dataset.imzml.stem} starts within a minute or "
        f"two, if one of {installation.max_runs} places is free"
    )
    key = submission.imzml.key
    if not options.wait:
        terminal.say(f"watch it: ionbox status {shlex.quote(dataset.imzml.stem)}{flags} --follow")
        return OK
    return _wait(account, installation, key, started, flags)


def _flag_layer(options: argparse.Namespace) -> list[ConfigLayer]:
    given = {key: value for key, value in vars(options).items() if key in SETTINGS}
    return [ConfigLayer("command line", {k: v for k, v in given.items() if v is not None})]


def _is_fit(
    options: argparse.Namespace, config: Sequence[ConfigLayer], defaults: Mapping[str, Any]
) -> bool:
    """Say what is wrong with a dataset; missing settings are wrong too."""
    report = check(
        options.dataset, config, accept_profile=bool(options.accept_profile), defaults=defaults
    )
    terminal.warn(report.warnings)
    for message in report.errors:
        terminal.complain(message)
    for name in report.missing:
        flag = f"--{name.replace('_', '-')}"
        terminal.complain(f"{name}: the imzML does not say; add {flag}")
    if report.errors or report.missing:
        terminal.say("nothing was sent")
    return not report.errors and not report.missing


# --- waiting ---


def _wait(
    account: Account, installation: Installation, key: str, started: datetime, flags: str
) -> int:
    from ionbox.cli.run_commands import follow_run

    runs = aws_runs(account, installation)
    try:
        execution = wait_for_start(runs.executions, key, started - SKEW)
        run = follow_run(runs, runs.find(execution.name))
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
    executions: Executions,
    key: str,
    since: datetime,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Execution:
    """Return the run that an upload started, or the one that has annotated the same files before.

    A dataset that is already annotated, or being annotated, starts no run of its own.

    Raises
    ------
    OperateError
        If nothing has started after a while and nothing runs that it could be waiting for.
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
            if not any(execution.state == "running" for execution in newest):
                raise OperateError(
                    "no run has started, though none is running that it could wait for; 'ionbox "
                    "list' shows whether it waits, docs/operations.md (QueueNotStarting) helps on"
                )
            if not told:
                told = True
                terminal.say("waiting for a free place …")
        pause(POLL_S)


def _find_earlier(executions: Executions, key: str) -> Execution | None:
    """Return the newest run of a dataset if it succeeded or is on."""
    for execution in executions.complete(executions.recent(_SEARCHED)):
        if execution.imzml_key == key:
            return execution if execution.state in {"running", "succeeded"} else None
    return None


def _began_after(execution: Execution, since: datetime) -> bool:
    return execution.started is not None and execution.started >= since
