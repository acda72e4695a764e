"""``ionbox list``, ``status``, ``logs``, ``cancel``, ``redrive``, ``fetch``.

From parsed arguments to what is printed; the work is done in `ionbox.operate`. Each finds the run
that is meant, in AWS or with ``--local`` on this machine, and returns the exit code.
"""

from __future__ import annotations

import argparse
import shlex

from ionbox import terminal
from ionbox.account import Account, Installation, open_installation
from ionbox.cli import show
from ionbox.cli.command import FAILED, OK
from ionbox.cli.follow import follow_run
from ionbox.cli.operator_command import command, confirm
from ionbox.cli.where_arguments import read_where, write_flags
from ionbox.operate import control
from ionbox.operate.dead_letters import handle_dead_letters
from ionbox.operate.fetch import fetch_results
from ionbox.operate.logs import AwsLogs, FolderLogs, Logs, follow, since_start
from ionbox.operate.open_runs import aws_runs, open_runs
from ionbox.where import Where


@command
def list_runs(options: argparse.Namespace) -> int:
    """List recent runs, and on AWS how many wait or could not be started."""
    where = read_where(options)
    runs = open_runs(where)
    found = runs.recent(options.last)
    if found:
        show.list_runs(found, billed=runs.billed)
    else:
        terminal.say("no runs yet")
    if where.work is None:
        _say_what_waits(*open_installation(where))
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
    """Say how far a run is; with ``--follow``, until it has ended."""
    where = read_where(options)
    runs = open_runs(where)
    run = runs.find(options.wanted)
    if options.follow and run.status == "running":
        try:
            run = follow_run(runs, run)
        except KeyboardInterrupt:
            terminal.say("the run goes on")
            run = runs.refresh(run)
    states = runs.progress(run)
    rest = runs.describe_rest(run, states)
    show.describe_run(run, states, billed=runs.billed, rest=rest)
    show.next_step(run, write_flags(where))
    return OK


@command
def logs(options: argparse.Namespace) -> int:
    """Show what a run logged; with ``--follow``, until it has ended."""
    where = read_where(options)
    runs = open_runs(where)
    run = runs.find(options.wanted)
    source = _open_logs(where)
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


def _open_logs(where: Where) -> Logs:
    if where.work is not None:
        return FolderLogs(where.work)
    account, installation = open_installation(where)
    return AwsLogs(account.client("logs"), installation)


@command
def cancel(options: argparse.Namespace) -> int:
    """Stop a run and its tasks."""
    where = read_where(options)
    account, installation = open_installation(where)
    run = aws_runs(account, installation).find(options.wanted)
    if run.execution.state == "running":
        confirm(f"stop run {run.name} of {run.dataset}?", yes=options.yes)
    n_tasks = control.cancel(account, installation, run)
    tasks = f", and {n_tasks} task{'' if n_tasks == 1 else 's'} of it" if n_tasks else ""
    terminal.say(f"run {run.name} is stopped{tasks}; finished work is kept")
    terminal.say(f"let it go on: ionbox redrive {run.name}{write_flags(where)}")
    return OK


@command
def redrive(options: argparse.Namespace) -> int:
    """Let a run that ended without results go on."""
    where = read_where(options)
    account, installation = open_installation(where)
    if options.dead_letters:
        return _redrive_dead_letters(account, installation)
    run = aws_runs(account, installation).find(options.wanted)
    terminal.say(control.redrive(account, installation, run))
    terminal.say(
        f"watch it: ionbox status {shlex.quote(run.dataset or run.name)}{write_flags(where)} "
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
    """Copy a run's results into a folder."""
    runs = open_runs(read_where(options))
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
