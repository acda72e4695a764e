"""What all operator commands do with their parsed arguments."""

from __future__ import annotations

import argparse
import functools
import shlex
import sys
from pathlib import Path

from ionbox.account import Account, Installation, plain_errors
from ionbox.cli.command import Body
from ionbox.errors import UserMustAct
from ionbox.operate.open_runs import aws_runs, folder_runs
from ionbox.operate.runs import Runs
from ionbox.work_folder import default_work_folder


def command(body: Body) -> Body:
    """Let a command's AWS errors be sentences; with ``--debug`` they stay what they are."""

    @functools.wraps(body)
    def run(options: argparse.Namespace) -> int:
        if options.debug:
            return body(options)
        with plain_errors():
            return body(options)

    return run


def open_account(options: argparse.Namespace) -> Account:
    return Account(options.profile, options.region)


def open_installation(options: argparse.Namespace) -> tuple[Account, Installation]:
    account = open_account(options)
    return account, account.find_installation(options.stack)


def work_folder(options: argparse.Namespace) -> Path | None:
    """Return the work folder that is asked about, None for AWS."""
    work: Path | None = options.work
    return work or (default_work_folder() if options.local else None)


def open_runs(options: argparse.Namespace) -> Runs:
    folder = work_folder(options)
    return folder_runs(folder) if folder else aws_runs(*open_installation(options))


def place_flags(options: argparse.Namespace) -> str:
    """Return the flags that lead a further command to the same place."""
    given = vars(options)
    flags = [
        f" --{name} {shlex.quote(str(given[name]))}"
        for name in ("profile", "region", "work")
        if given.get(name) is not None
    ]
    if options.stack != "ionbox":
        flags.append(f" --stack {shlex.quote(options.stack)}")
    if given.get("local") and not given.get("work"):
        flags.append(" --local")
    return "".join(flags)


def confirm(question: str, *, yes: bool) -> None:
    """Ask; anything but yes ends the command.

    Raises
    ------
    UserMustAct
        If nobody is there to ask, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserMustAct("nobody is here to confirm; add --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UserMustAct("nothing was done")
