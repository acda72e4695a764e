"""What a command's first argument means: a results folder, ``s3://…``, a run or a dataset.

``ionbox view`` and ``why`` turn it into a `Place`, ``share`` into a file or an object. People
mistype, so a refusal says all that the word might have meant.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ionbox_cloud.published import RECORD, STATUS
from ionbox_cloud.store import Store

from ionbox.account import (
    Account,
    Installation,
    open_account,
    open_installation,
    plain_errors,
)
from ionbox.cli.where_arguments import write_flags
from ionbox.errors import NoSuchRun, OperateError, UserMustAct
from ionbox.operate.open_runs import aws_runs, folder_runs
from ionbox.operate.runs import RunState
from ionbox.reading.nearby import ADVICE, describe_path
from ionbox.reading.place import S3, Data, Place, bucket_place, find_ibd, folder_place
from ionbox.where import Where


def find_aws_run(wanted: str, where: Where) -> tuple[Account, Installation, RunState]:
    """Find a run in AWS by what people typed, which is not a folder.

    Parameters
    ----------
    wanted : str
        Name of a run or its beginning, or of a dataset.
    where : Where
        The installation.

    Raises
    ------
    OperateError
        If AWS cannot be asked, or has no such run (then a `NoSuchRun`). A mistyped folder looks
        like the name of a run, so the message is about both.
    """
    try:
        with plain_errors():
            account, installation = open_installation(where)
    except OperateError as error:
        raise _or_a_folder(wanted, error) from error
    try:
        return account, installation, aws_runs(account, installation).find(wanted)
    except NoSuchRun as error:
        raise _or_a_folder(wanted, error) from error


def _or_a_folder(wanted: str, error: OperateError) -> OperateError:
    """Return an error of the same class that also says what to do if a folder was meant."""
    what, _, remedy = str(error).partition("; ")
    message = f"{describe_path(Path(wanted))}, and {what}; {ADVICE}"
    return type(error)(f"{message}\n  in AWS: {remedy}" if remedy else message)


def find_place(wanted: str, where: Where, inbox: str | None = None) -> Place:
    """Find what a command's first argument means.

    Parameters
    ----------
    wanted : str
        A results folder, ``s3://…``, or the name of a run or dataset.
    where : Where
        Where runs are.
    inbox : str, optional
        ``s3://BUCKET`` that the ibd is in, for spectra of a run given by its URL.

    Raises
    ------
    NoResults
        If a run ended there without results.
    OperateError
        If there is no such folder or run, it has no results, AWS cannot be asked, or ``inbox`` is
        not ``s3://BUCKET``.
    """
    place = _find_results(wanted, where)
    if inbox is None:
        return place
    bucket = inbox.removeprefix(S3).strip("/")
    if not inbox.startswith(S3) or not bucket or "/" in bucket:
        raise UserMustAct(f"--inbox: expected s3://BUCKET, got '{inbox}'")
    return replace(place, ibd=Data(open_account(where).open_bucket(bucket)))


def _find_results(wanted: str, where: Where) -> Place:
    if wanted.startswith(S3):
        return bucket_place(open_account(where), wanted)
    if means_folder(wanted):
        return folder_place(Path(wanted), local=where.work is not None)
    if where.work is not None:
        return work_folder_place(where.work, folder_runs(where.work).find(wanted))
    account, installation, run = find_aws_run(wanted, where)
    place = bucket_place(account, f"{S3}{installation.results}/{require_results(run)}")
    inbox = account.open_bucket(installation.inbox)
    return replace(place, ibd=Data(inbox), name=f"{run.dataset}{write_flags(where)}")


def means_folder(wanted: str) -> bool:
    """Say whether a word means a folder, and not the name of a run or dataset.

    It does if a run left something in a folder of that name, or if it looks like a path. A folder
    may by chance have the name of a dataset, so that there is one is not enough.
    """
    if any((Path(wanted) / name).is_file() for name in (RECORD, STATUS)):
        return True
    return wanted.startswith(".") or ("/" in wanted and not wanted.startswith(S3))


def require_results(run: RunState) -> str:
    """Return the folder of a run's results in the results bucket.

    Raises
    ------
    UserMustAct
        If the run has no results: it is still running or did not succeed.
    """
    if not run.results:
        raise UserMustAct(
            f"run {run.name} has no results: it is {run.status}; 'ionbox status {run.name}' says "
            "more"
        )
    return run.results


def work_folder_place(root: Path, run: RunState) -> Place:
    """Return the results of a local run where they lie in its work folder, beside its caches.

    Raises
    ------
    UserMustAct
        If the run has no results.
    """
    results = Store.open((root / "results").resolve().as_uri(), create=False)
    folder = require_results(run)
    return Place(results, folder, Data(results), find_ibd(root / "results" / folder), run.dataset)
