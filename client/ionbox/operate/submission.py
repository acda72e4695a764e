"""What one submission sends: databases, sidecar config, ibd, and last the imzML that starts it.

``ionbox submit`` and the Python client's `Inbox` plan a `Submission` from local files and settings,
refuse to overwrite other data, and send what the inbox does not have yet. The order matters: the
arrival of an imzML starts the run, which then looks for all else beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.stated_checksum import state_checksum
from ionbox_science.config import parse_settings
from ionbox_science.errors import InvalidConfig, InvalidDatabase

from ionbox.datasets.files import LocalDataset
from ionbox.errors import UserMustAct
from ionbox.operate.upload import Upload, Uploader

SHIPPED_DATABASES = ("lipids",)
"""Names of the databases that come with the installation, and so need not be sent."""

_DATABASE_SUFFIXES = (".tsv", ".csv")


@dataclass(frozen=True)
class Submission:
    """What is sent, in this order; all keys are in the inbox.

    Attributes
    ----------
    databases : tuple of Upload
        Molecule tables.
    sidecar : Upload or None
        The merged settings; None if there are none and none lie in the inbox.
    ibd, imzml : Upload
        The data. The imzML is always sent again: its arrival is what starts a run.
    forced : bool
        Whether the settings ask to compute again what is there. A new arrival of the sidecar is
        what says so, so it is sent even if the inbox has the same one.
    checksum : IbdChecksum or None
        That of the ibd, as found here; with the imzML goes what it is, so that AWS need not read
        the ibd for it. None if nobody looked.
    """

    databases: tuple[Upload, ...]
    sidecar: Upload | None
    ibd: Upload
    imzml: Upload
    forced: bool = False
    checksum: IbdChecksum | None = None

    @property
    def before_imzml(self) -> list[Upload]:
        """Everything that must be in the inbox when the imzML arrives."""
        return [*self.databases, *([self.sidecar] if self.sidecar else []), self.ibd]


def merge_settings(config: Sequence[ConfigLayer], sidecar: Path) -> dict[str, Any]:
    """Merge settings given on the command line, in config files and beside the imzML.

    Parameters
    ----------
    config : sequence of ConfigLayer
        Settings, strongest first.
    sidecar : Path
        Config file beside the imzML, the weakest layer; it need not exist.

    Returns
    -------
    dict
        Each setting as its strongest layer says it, without those that are None.

    Raises
    ------
    InvalidConfig
        If the sidecar is not a JSON object of settings.
    """
    layers = [layer.settings for layer in config]
    if sidecar.is_file():
        layers.append(parse_settings(sidecar.read_bytes(), str(sidecar)))
    merged: dict[str, Any] = {}
    for settings in reversed(layers):
        merged |= {key: value for key, value in settings.items() if value is not None}
    return merged


def plan_submission(
    dataset: LocalDataset,
    databases: Sequence[Path],
    settings: dict[str, Any],
    folder: str,
    uploader: Uploader,
    name: str = "",
    checksum: IbdChecksum | None = None,
) -> Submission:
    """Decide what is sent, and under which keys; nothing is sent yet.

    Parameters
    ----------
    dataset : LocalDataset
        The user's files.
    databases : sequence of Path
        Molecule tables given on the command line; they replace those that settings name.
    settings : dict
        Settings of the run, as of `merge_settings`.
    folder : str
        Folder in the inbox; empty for its top.
    uploader : Uploader
        Looks into the inbox.
    name : str
        Name of the dataset; that of the imzML if empty.
    checksum : IbdChecksum, optional
        That of the ibd, if it is known.

    Raises
    ------
    InvalidDatabase
        If a table is not a CSV or TSV file, or cannot be found here, in the inbox or among those
        that come with the installation.
    InvalidConfig
        If the settings' ``databases`` is not a list of file names.
    """
    tables, names = _find_databases(databases, settings, dataset.imzml.parent, uploader)
    if names:
        settings = settings | {"databases": names}
    stem = str(PurePosixPath(folder.strip("/")) / (name or dataset.imzml.stem))
    sidecar = Upload(f"{stem}.json", _encode(settings))
    # a sidecar of an earlier submission would still count, so even an empty one replaces it
    needed = bool(settings) or uploader.find(sidecar.key) is not None
    return Submission(
        tuple(Upload(f"databases/{path.name}", path) for path in tables),
        sidecar if needed else None,
        Upload(f"{stem}{dataset.ibd.suffix}", dataset.ibd),
        Upload(f"{stem}{dataset.imzml.suffix}", dataset.imzml),
        forced=settings.get("force") is True,
        checksum=checksum,
    )


def refuse_replacing(submission: Submission, uploader: Uploader) -> None:
    """Refuse to put other data under a name that is taken.

    Raises
    ------
    UserMustAct
        If the inbox has a database or an imzML of that name with other content; the message says
        how to keep both or to replace it.
    """
    for upload in submission.databases:
        if uploader.find(upload.key) is not None and not uploader.is_there(upload):
            raise UserMustAct(
                f"the inbox has another table '{upload.key}', which other datasets may use; rename "
                "yours, or replace it with --replace"
            )
    upload = submission.imzml
    found = uploader.find(upload.key)
    if found is not None and not uploader.is_there(upload):
        raise UserMustAct(
            f"the inbox has another dataset '{upload.key}', of {found['LastModified']:%Y-%m-%d}; "
            "keep both with --folder NAME, or replace it with --replace"
        )


def send(
    submission: Submission,
    uploader: Uploader,
    starting: Callable[[Upload, str], Callable[[int], None]],
) -> int:
    """Send what is not there yet, the imzML last.

    Parameters
    ----------
    submission : Submission
        What to send.
    uploader : Uploader
        Knows the inbox and sends to it.
    starting : callable
        Called before each file with the file and with ``comparing`` (one of the same size is there)
        or ``uploading``; returns a function that is then called with numbers of bytes, as they are
        done.

    Returns
    -------
    int
        Bytes that had to be sent.
    """
    n_sent, ibd_etag = 0, ""
    for upload in submission.before_imzml:
        forced = submission.forced and upload is submission.sidecar
        etag = (
            ""
            if forced
            else uploader.find_same(
                upload,
                lambda: starting(upload, "comparing"),  # noqa: B023 (called at once)
            )
        )
        if not etag:
            etag = uploader.send(upload, starting(upload, "uploading"))
            n_sent += upload.n_bytes
        if upload is submission.ibd:
            ibd_etag = etag
    imzml, known = submission.imzml, submission.checksum
    if known is not None and known.digest:
        imzml = replace(imzml, words=state_checksum(known.algorithm, known.digest, ibd_etag))
    uploader.send(imzml, starting(imzml, "uploading"))
    return n_sent + imzml.n_bytes


def _find_databases(
    given: Sequence[Path], settings: dict[str, Any], beside: Path, uploader: Uploader
) -> tuple[list[Path], list[str]]:
    """Return the tables to send, and the names of all databases of the run.

    A name in the settings is that of a file beside the imzML, or of a table that the inbox or the
    installation has already.
    """
    if given:
        for path in given:
            _check_table(path)
        return list(given), [path.stem for path in given]
    named = settings.get("databases") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise InvalidConfig("databases: expected a list of file names")
    tables = []
    for name in named:
        path = beside / name
        if path.is_file():
            _check_table(path)
            tables.append(path)
        elif not _known(PurePosixPath(name).stem, uploader):
            raise InvalidDatabase(
                f"database '{name}': neither a file in {beside} nor in the inbox; give its file "
                "with --database FILE"
            )
    return tables, [PurePosixPath(name).stem for name in named]


def _known(name: str, uploader: Uploader) -> bool:
    keys = (f"databases/{name}{suffix}" for suffix in _DATABASE_SUFFIXES)
    return name in SHIPPED_DATABASES or any(uploader.find(key) is not None for key in keys)


def _check_table(path: Path) -> None:
    if not path.is_file():
        raise InvalidDatabase(f"{path}: no such file; give the path of a CSV or TSV table")
    if path.suffix.lower() not in _DATABASE_SUFFIXES:
        raise InvalidDatabase(f"{path}: expected a file named .csv or .tsv")


def _encode(settings: dict[str, Any]) -> bytes:
    return (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()
