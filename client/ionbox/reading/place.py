"""Where a run's results are, and where the data lie that they came from.

A `Place` is made of a bucket's URL or a folder, and read by the viewer and by what in `Run` goes
beyond the results. Data may well be gone, or nobody may know where they are: then the place holds
a sentence to show instead.
"""

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
        Key of the object in it; empty if the run record says it.
    missing : str
        Why there is no store and what helps, a sentence; empty if there is one.
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
        The bucket or folder that holds the results.
    folder : str
        Their folder in the store; empty if the store holds nothing else.
    segments, ibd : Data
        The dataset's sorted peaks, and the file they came from.
    name : str
        What people call the place, for messages: a path, URL or dataset.
    """

    results: Store
    folder: str
    segments: Data
    ibd: Data
    name: str

    def key(self, name: str) -> str:
        """Return the key under which the store has a file of the results."""
        return f"{self.folder}/{name}" if self.folder else name


def bucket_place(account: Account, url: str) -> Place:
    """Return the results below ``s3://BUCKET/results/DATASET/RUN``.

    Sorted peaks are in the same bucket; which inbox has the ibd cannot be told from a URL.

    Raises
    ------
    UserMustAct
        If there are no AWS credentials, the login has expired, or no region is set.
    """
    bucket, _, folder = url.removeprefix(S3).strip("/").partition("/")
    store = account.open_bucket(bucket)
    unknown = Data(
        None,
        missing="which inbox the ibd is in is not known here; give the run's name, or --inbox "
        "s3://BUCKET",
    )
    return Place(store, folder, Data(store), unknown, url)


def folder_place(path: Path, *, local: bool = False) -> Place:
    """Return the results in a folder of their own, as ``--out`` names it.

    Raises
    ------
    NoResults
        If a run ended there without results.
    UserMustAct
        If no run has written there at all.
    """
    require_results_folder(path, local=local)
    store = Store.open(path.resolve().as_uri(), create=False)
    return Place(store, "", find_segments(path), find_ibd(path), str(path))


def find_segments(path: Path) -> Data:
    """Return where a local run's sorted peaks are: in the work folder it was computed in."""
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
    """Return the ibd that a local run was computed from, if it is still in its place."""
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
