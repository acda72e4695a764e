"""Where a run's results are, and where the data lie that they came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ionbox_cloud.store import Store

from ionbox.account import Account
from ionbox.reading.nearby import require_results_folder
from ionbox.reading.sources import read_sources

ANNOTATE_AGAIN = "'ionbox annotate … --force' makes them anew"

S3 = "s3://"


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


def bucket_place(account: Account, url: str) -> Place:
    """Return the results below ``s3://bucket/…``, a folder of the results bucket."""
    bucket, _, folder = url.removeprefix(S3).strip("/").partition("/")
    store = account.open_bucket(bucket)
    unknown = Data(
        None,
        missing="which inbox the ibd is in is not known here; give the run's name, or --inbox "
        "s3://BUCKET",
    )
    return Place(store, folder, Data(store), unknown, url)


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
