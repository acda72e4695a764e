"""Where a run's results are, and where the data lie that they came from."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from ionbox_cloud.store import Store

from ionbox.account import Account
from ionbox.cli.find_place import find_aws_run, require_results_folder
from ionbox.cli.options import open_account, place_flags, work_folder
from ionbox.operate.errors import UserMustAct
from ionbox.operate.open_runs import folder_runs
from ionbox.operate.runs import RunState
from ionbox.reading.damage import RECORD
from ionbox.reading.folder import STATUS
from ionbox.reading.sources import read_sources

ANNOTATE_AGAIN = "'ionbox annotate … --force' makes them anew"

_S3 = "s3://"


@dataclass(frozen=True)
class Data:
    """Where data lie, or why nobody knows.

    Attributes
    ----------
    store : Store or None
        The bucket or folder; None if it is gone or was never known.
    key : str
        Of the object; empty where the run record says it.
    missing : str
        A sentence, where there is no store.
    """

    store: Store | None
    key: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Place:
    """The results of one run.

    Attributes
    ----------
    results : Store
        Where they lie.
    folder : str
        Their folder in it; empty if it holds nothing else.
    segments, ibd : Data
        The dataset's sorted peaks, and the file they came from.
    name : str
        As people know it.
    """

    results: Store
    folder: str
    segments: Data
    ibd: Data
    name: str

    def key(self, name: str) -> str:
        """Return the key of a file of the results."""
        return f"{self.folder}/{name}" if self.folder else name


def find_place(options: argparse.Namespace) -> Place:
    """Find what ``wanted`` means: a results folder, ``s3://…``, or the name of a run or dataset.

    Raises
    ------
    NoResults, OperateError
        If there are no results, or ``inbox`` is no bucket.
    """
    place = _find_results(options)
    inbox: str | None = getattr(options, "inbox", None)  # not everybody reads the ibd
    if inbox is None:
        return place
    bucket = inbox.removeprefix(_S3).strip("/")
    if not inbox.startswith(_S3) or not bucket or "/" in bucket:
        raise UserMustAct(f"--inbox: expected s3://BUCKET, got '{inbox}'")
    return replace(place, ibd=Data(open_account(options).open_bucket(bucket)))


def _find_results(options: argparse.Namespace) -> Place:
    wanted: str = options.wanted
    if wanted.startswith(_S3):
        return bucket_place(open_account(options), wanted)
    if means_folder(wanted):
        return folder_place(Path(wanted), local=work_folder(options) is not None)
    folder = work_folder(options)
    if folder is not None:
        return work_folder_place(folder, folder_runs(folder).find(wanted))
    account, installation, run = find_aws_run(options)
    place = bucket_place(account, f"{_S3}{installation.results}/{require_results(run)}")
    inbox = account.open_bucket(installation.inbox)
    return replace(place, ibd=Data(inbox), name=f"{run.dataset}{place_flags(options)}")


def means_folder(wanted: str) -> bool:
    """Say whether a word is a folder, and not the name of a run or of a dataset.

    A folder may have the name of a dataset; it is meant if a run left something in it.
    """
    if any((Path(wanted) / name).is_file() for name in (RECORD, STATUS)):
        return True
    return wanted.startswith(".") or ("/" in wanted and not wanted.startswith(_S3))


def require_results(run: RunState) -> str:
    """Return the folder of a run's results.

    Raises
    ------
    UserMustAct
        If it has none.
    """
    if not run.results:
        raise UserMustAct(
            f"run {run.name} has no results: it is {run.status}; 'ionbox status {run.name}' says "
            "more"
        )
    return run.results


def bucket_place(account: Account, url: str) -> Place:
    """Return the results below ``s3://bucket/…``, a folder of the results bucket."""
    bucket, _, folder = url.removeprefix(_S3).strip("/").partition("/")
    store = account.open_bucket(bucket)
    unknown = Data(
        None,
        missing="which inbox the ibd is in is not known here; give the run's name, or --inbox "
        "s3://BUCKET",
    )
    return Place(store, folder, Data(store), unknown, url)


def work_folder_place(root: Path, run: RunState) -> Place:
    """Return the results of a run of ``ionbox annotate``, where they lie among its caches."""
    results = Store.open((root / "results").resolve().as_uri(), create=False)
    folder = require_results(run)
    return Place(results, folder, Data(results), find_ibd(root / "results" / folder), run.dataset)


def folder_place(path: Path, *, local: bool = False) -> Place:
    """Return the results in a folder of their own.

    Raises
    ------
    NoResults, UserMustAct
        If it holds none.
    """
    require_results_folder(path, local=local)
    store = Store.open(path.resolve().as_uri(), create=False)
    return Place(store, "", find_segments(path), find_ibd(path), str(path))


def find_segments(path: Path) -> Data:
    """Return the results folder of the work folder that a run was computed in."""
    root = read_sources(path).get("results")
    if not root:
        return Data(
            None,
            missing="the dataset's sorted peaks are not beside these results; 'ionbox view RUN' "
            "reads them where the run was computed",
        )
    if not Path(root).is_dir():
        return Data(None, missing=f"the work folder {Path(root).parent} is gone; {ANNOTATE_AGAIN}")
    return Data(Store.open(Path(root).as_uri(), create=False))


def find_ibd(path: Path) -> Data:
    """Return the ibd that a local run was computed from."""
    known = read_sources(path).get("ibd")
    if not known:
        return Data(
            None,
            missing="where the ibd is, these results do not say; 'ionbox view RUN' reads it where "
            "the run was computed",
        )
    ibd = Path(known)
    if not ibd.is_file():
        return Data(None, missing=f"the ibd is no longer at {ibd}; move it back there")
    return Data(Store.open(ibd.parent.as_uri(), create=False), ibd.name)
