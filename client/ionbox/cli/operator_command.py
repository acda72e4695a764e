"""What operator commands have in common: errors in plain words, and asking first."""

from __future__ import annotations

import argparse
import functools
import sys

from ionbox.account import plain_errors
from ionbox.cli.command import Body
from ionbox.errors import UserMustAct


def command(body: Body) -> Body:
    """Let a command's AWS errors be sentences; with ``--debug`` they stay what they are."""

    @functools.wraps(body)
    def run(options: argparse.Namespace) -> int:
        if options.debug:
            return body(options)
        with plain_errors():
            return body(options)

    return run


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
