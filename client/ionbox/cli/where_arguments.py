"""The flags that say where runs are (``--stack``, ``--local``, …): added, read, and written again.

`read_where` makes a `Where` of them; `write_flags` makes flags of a `Where`, for commands that are
suggested to users. Nothing heavy is imported here: help stays quick.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from ionbox.where import DEFAULT_STACK, Where
from ionbox.work_folder import default_work_folder


def add_where(parser: argparse.ArgumentParser, *, local: bool = False) -> None:
    """Add the flags that say where runs are.

    Parameters
    ----------
    parser : ArgumentParser
        Parser of the command.
    local : bool
        Whether the command also works on runs of this machine.
    """
    add = parser.add_argument_group("where").add_argument
    add("--stack", default=DEFAULT_STACK, metavar="NAME", help="CloudFormation stack (%(default)s)")
    add("--profile", metavar="NAME", help="AWS profile (default: as the AWS command line)")
    add("--region", metavar="NAME", help="AWS region (default: as the AWS command line)")
    if local:
        add("--local", action="store_true", help="runs of 'ionbox annotate' here, not in AWS")
        add("--work", type=Path, metavar="DIR", help="the same, of another work folder")


def read_where(options: argparse.Namespace) -> Where:
    """Return the place that the flags of `add_where` mean."""
    work: Path | None = getattr(options, "work", None)
    if work is None and getattr(options, "local", False):
        work = default_work_folder()
    return Where(options.profile, options.region, options.stack, work)


def write_flags(where: Where) -> str:
    """Return the flags that lead a further command to the same place, each after a space.

    Flags that only repeat a default are left out.
    """
    is_usual = where.work == default_work_folder()
    given = {
        "profile": where.profile,
        "region": where.region,
        "work": None if is_usual else where.work,
        "stack": None if where.stack == DEFAULT_STACK else where.stack,
    }
    flags = [
        f" --{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None
    ]
    return "".join([*flags, " --local"] if is_usual else flags)
