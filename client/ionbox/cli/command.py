"""What a command of the command line is. Nothing heavy is imported here: help stays quick."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass

OK, INVALID, USAGE, FAILED, CANCELLED = 0, 1, 2, 3, 130

EXIT_CODES = """\
exit codes:
  0 done   1 the input must be corrected   2 wrong usage   3 failed
  130 cancelled
"""

Add = Callable[[argparse.ArgumentParser], None]

Body = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Command:
    """One command: its name, what adds its arguments, a line about it, examples, exit codes."""

    name: str
    add: Add
    summary: str
    examples: str
    exit_codes: str = EXIT_CODES


def import_body(module: str, name: str) -> Body:
    """Return what carries out a command, imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        code: int = getattr(importlib.import_module(module), name)(options)
        return code

    return run
