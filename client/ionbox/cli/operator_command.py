"""What commands that talk to AWS have in common: errors in plain words, and asking first."""

from __future__ import annotations

import argparse
import functools
import sys

from ionbox import terminal
from ionbox.account import plain_errors
from ionbox.cli.command import Body
from ionbox.errors import UserMustAct


def command(body: Body) -> Body:
    """Turn what AWS raises in a command into sentences; with ``--debug`` it stays as it is."""

    @functools.wraps(body)
    def run(options: argparse.Namespace) -> int:
        if options.debug:
            return body(options)
        with plain_errors():
            return body(options)

    return run


def confirm(question: str, *, yes: bool) -> None:
    """Ask a question with yes or no; anything but yes ends the command.

    Parameters
    ----------
    question : str
        What will be done, with a question mark.
    yes : bool
        Whether ``--yes`` was given, so that nobody is asked.

    Raises
    ------
    UserMustAct
        If the answer is not yes, or standard input is no terminal where somebody could answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserMustAct("nobody is here to confirm; add --yes")
    sys.stderr.write(f"{terminal.printable(question, lines=True)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UserMustAct("nothing was done")
