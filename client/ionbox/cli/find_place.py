"""What to say to somebody who named no results: what is there, and what may have been meant."""

from __future__ import annotations

import argparse
from pathlib import Path

from ionbox.account import Account, Installation, plain_errors
from ionbox.cli.options import open_installation
from ionbox.operate.errors import NoSuchRun, OperateError, UserMustAct
from ionbox.operate.open_runs import aws_runs
from ionbox.operate.runs import RunState
from ionbox.reading.damage import RECORD
from ionbox.reading.folder import STATUS, ResultsFolder
from ionbox.reading.nearby import find_nearby

_ADVICE = (
    "give the results folder, --local for a run in this machine's work folder, or --region for an "
    "installation in AWS"
)
_LOCAL_ADVICE = "give the results folder, or a name that 'ionbox list --local' shows"


def require_results_folder(path: Path, *, local: bool = False) -> None:
    """Refuse a path that is no results folder.

    Parameters
    ----------
    path : Path
        What was named.
    local : bool
        Whether --local was given, which is no advice then.

    Raises
    ------
    NoResults
        If a run ended there without results.
    UserMustAct
        If it is something else.
    """
    if (path / RECORD).is_file():
        return
    if (path / STATUS).is_file():
        ResultsFolder.find(path, None, None)
    raise UserMustAct(f"{describe_path(path)}; {_LOCAL_ADVICE if local else _ADVICE}")


def describe_path(path: Path) -> str:
    """Say what is at a path that holds no results, and where results are close by."""
    if not path.exists():
        return f"there is no folder '{path}' here"
    near = find_nearby(path)
    hint = f"; did you mean {near}?" if near else ""
    what = "holds" if path.is_dir() else "is a file and holds"
    return f"{path} {what} no results (no {RECORD}{hint})"


def find_aws_run(options: argparse.Namespace) -> tuple[Account, Installation, RunState]:
    """Find a run in AWS by the name that ``wanted`` is, if it is no folder.

    Raises
    ------
    OperateError
        If AWS cannot be asked, or has no such run; a mistyped folder looks like a run's name, so
        the message is about both.
    """
    try:
        with plain_errors():
            account, installation = open_installation(options)
    except OperateError as error:
        raise _or_a_folder(options.wanted, error) from error
    try:
        return account, installation, aws_runs(account, installation).find(options.wanted)
    except NoSuchRun as error:
        raise _or_a_folder(options.wanted, error) from error


def _or_a_folder(wanted: str, error: OperateError) -> OperateError:
    what, _, remedy = str(error).partition("; ")
    message = f"{describe_path(Path(wanted))}, and {what}; {_ADVICE}"
    return type(error)(f"{message}\n  in AWS: {remedy}" if remedy else message)
