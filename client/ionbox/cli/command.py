"""What a command of the command line is: a `Command` declares it, a `Body` carries it out.

Nothing heavy is imported here: help stays quick.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass

OK, INVALID, USAGE, FAILED, CANCELLED = 0, 1, 2, 3, 130
"""Exit codes; `EXIT_CODES` explains them to users. CANCELLED is Ctrl-C's: see `Cancelled`."""

EXIT_CODES = """\
exit codes:
  0 done   1 the input must be corrected   2 wrong usage   3 failed
  130 cancelled with Ctrl-C   143 by SIGTERM (Slurm, systemd, timeout)   129 by
  SIGHUP (a closed terminal)
"""

Add = Callable[[argparse.ArgumentParser], None]
"""Adds a command's arguments to its parser."""

Body = Callable[[argparse.Namespace], int]
"""Carries out a command: takes the parsed arguments, returns the exit code."""


@dataclass(frozen=True)
class Command:
    """One command, as `ionbox.cli.main` adds it to the parser.

    Attributes
    ----------
    name : str
        What is typed after ``ionbox``.
    add : callable
        Adds its arguments.
    summary : str
        A line about it for the list of commands; without a capital and a full stop.
    examples : str
        Examples and notes below its help.
    exit_codes : str
        What its exit codes mean, below that.
    """

    name: str
    add: Add
    summary: str
    examples: str
    exit_codes: str = EXIT_CODES


def import_body(module: str, name: str) -> Body:
    """Return what carries out a command; its module is imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        code: int = getattr(importlib.import_module(module), name)(options)
        return code

    return run
