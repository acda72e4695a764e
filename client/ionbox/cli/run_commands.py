"""``ionbox list``, ``status``, ``logs``, ``cancel``, ``redrive``, ``fetch``, ``submit``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from datetime import datetime

from ionbox import terminal
from ionbox.account import Account, Installation
from ionbox.cli import show
from ionbox.cli.command import FAILED, OK
from ionbox.cli.options import (
    command,
    confirm,
    open_installation,
    open_runs,
    place_flags,
    work_folder,
)
from ionbox.operate import control
from ionbox.operate.dead_letters import handle_dead_letters
from ionbox.operate.fetch import fetch_results
from ionbox.operate.logs import AwsLogs, FolderLogs, Logs, follow, since_start
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.runs import Run, Runs

POLL_S = 5.0


@command
def list_runs(options: argparse.Namespace) -> int:
    """List recent runs, and what waits."""
    runs = open_runs(options)
    found = runs.recent(options.last)
    if found:
        show.list_runs(found, billed=runs.billed)
    else:
        terminal.say("no runs yet")
    if work_folder(options) is None:
        _say_what_waits(*open_installation(options))
    return OK


def _say_what_waits(account: Account, installation: Installation) -> None:
    def count(url: str) -> int:
        answer = account.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    n_waiting, n_dead = count(installation.run_queue), count(installation.dead_letters)
    if n_waiting:
        terminal.say(f"\nwaiting for a free place ({installation.max_runs} at once): {n_waiting}")
    if n_dead:
        terminal.warn(
            [f"{n_dead} events could not be handled; docs/operations.md, DeadLettersWaiting, helps"]
        )


@command
def status(options: argparse.Namespace) -> int:
    """Say how far a run is, or follow it to its end."""
    runs = open_runs(options)
    run = runs.find(options.wanted)
    if options.follow and run.status == "running":
        try:
            run = follow_run(runs, run)
        except KeyboardInterrupt:
            terminal.say("the run goes on")
            run = runs.refresh(run)
    show.describe_run(run, runs.progress(run), billed=runs.billed)
    show.next_step(run, place_flags(options))
    return OK


def follow_run(runs: Runs, run: Run, pause: Callable[[float], None] = time.sleep) -> Run:
    """Tell each state's progress until a run has ended; return it as it ended."""
    told: dict[str, str] = {}
    while True:
        for state in runs.progress(run):
            of_all = "" if state.n_items is None else f" of {state.n_items:,}"
            line = f"{state.state:<26}{state.n_done:,}{of_all} done"
            if told.get(state.state) != line:
                told[state.state] = line
                sys.stderr.write(f"{datetime.now():%H:%M:%S}  {line}\n")
        if run.status != "running":
            return run
        pause(POLL_S)
        run = runs.refresh(run)


@command
def logs(options: argparse.Namespace) -> int:
    """Show a run's log."""
    runs = open_runs(options)
    run = runs.find(options.wanted)
    folder = work_folder(options)
    source: Logs
    if folder is not None:
        source = FolderLogs(folder)
    else:
        account, installation = open_installation(options)
        source = AwsLogs(account.client("logs"), installation)
    n_lines = 0
    try:
        if options.follow:
            lines = follow(
                source, run.execution, options.state, lambda: runs.refresh(run).execution
            )
        else:
            lines = iter(source.read(run.execution, options.state, since_start(run.execution)))
        for line in lines:
            n_lines += 1
            show.show_log_line(line, debug=options.debug)
    except KeyboardInterrupt:
        return OK
    if not n_lines:
        terminal.say(f"run {run.name} logged nothing, or its logs have expired")
    return OK


@command
def cancel(options: argparse.Namespace) -> int:
    """Stop a run and its tasks."""
    account, installation = open_installation(options)
    run = aws_runs(account, installation).find(options.wanted)
    if run.execution.state == "running":
        confirm(f"stop run {run.name} of {run.dataset}?", yes=options.yes)
    n_tasks = control.cancel(account, installation, run)
    tasks = f", and {n_tasks} task{'' if n_tasks == 1 else 's'} of it" if n_tasks else ""
    terminal.say(f"run {run.name} is stopped{tasks}; finished work is kept")
    terminal.say(f"let it go on: ionbox redrive {run.name}{place_flags(options)}")
    return OK


@command
def redrive(options: argparse.Namespace) -> int:
    """Let a run that ended without results go on."""
    account, installation = open_installation(options)
    if options.dead_letters:
        return _redrive_dead_letters(account, installation)
    run = aws_runs(account, installation).find(options.wanted)
    terminal.say(control.redrive(account, installation, run))
    terminal.say(
        f"watch it: ionbox status {shlex.quote(run.dataset or run.name)}{place_flags(options)} "
        "--follow"
    )
    return OK


def _redrive_dead_letters(account: Account, installation: Installation) -> int:
    handled = handle_dead_letters(account, installation)
    terminal.say(f"{handled.n_done} handled, {len(handled.problems)} left in the queue")
    for problem in handled.problems:
        terminal.complain(problem)
    return FAILED if handled.problems else OK


@command
def fetch(options: argparse.Namespace) -> int:
    """Copy a run's results."""
    runs = open_runs(options)
    run = runs.find(options.wanted)
    with show.transfers() as starting:
        fetched = fetch_results(
            runs.results, run, options.out, lambda n_bytes: starting(run.name, "fetching", n_bytes)
        )
    there = f"; {fetched.n_present:,} were there already" if fetched.n_present else ""
    terminal.say(
        f"{fetched.n_files:,} files, {show.megabytes(fetched.n_bytes)}{there}: {options.out}"
    )
    return OK


@command
def submit(options: argparse.Namespace) -> int:
    """Check a dataset, send it, and follow its run if asked to."""
    from ionbox.cli.submit_command import submit_dataset

    return submit_dataset(options, *open_installation(options), flags=place_flags(options))
