"""A run's results where they are: a folder on disk, or a part of the results bucket.

`ResultsFolder.find` opens either; after that nobody needs to know which it is. The Python client
(`ionbox.results`) reads everything through it, mostly by way of `ionbox.reading.nearby`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ionbox_cloud.published import IMAGES, RECORD, STATUS
from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.storage.array_bytes import Arrays, parse_arrays
from ionbox_cloud.storage.key_paths import path_below
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidConfig

from ionbox.errors import NoResults
from ionbox.reading.damage import asking_storage, read_record, reading, require_listed
from ionbox.reading.image_group import ImageGroup
from ionbox.reading.out_folder import check_folder, read_run_id

_COPIED_AT_ONCE = 8


@dataclass(frozen=True)
class ResultsFolder:
    """The published files of one run; made by `find`.

    Attributes
    ----------
    place : str
        Path or ``s3://`` URI, as given.
    path : Path or None
        The folder, absolute; None if the files are in a bucket.
    profile, region, inbox : str or None
        For a bucket: the login, and ``s3://BUCKET`` that the dataset was sent to, if known.
    """

    place: str
    _store: Store
    path: Path | None = None
    profile: str | None = None
    region: str | None = None
    inbox: str | None = None

    @classmethod
    def find(
        cls,
        place: str | os.PathLike[str],
        profile: str | None,
        region: str | None,
        inbox: str | None = None,
    ) -> ResultsFolder:
        """Open a folder or a part of a bucket that has a run record.

        Parameters
        ----------
        place : str or path
            A results folder, or ``s3://BUCKET/results/DATASET/RUN``.
        profile, region, inbox : str or None
            For a bucket, see the attributes.

        Raises
        ------
        NoResults
            If there is no run record (the message says how the run ended, if it left that), or a
            newer ionbox wrote it.
        DamagedResults
            If the record cannot be read; it is a `NoResults`, too.
        UserMustAct
            For a bucket: if there are no AWS credentials, the login has expired, or no region is
            set.
        """
        text = os.fspath(place).rstrip("/") or "/"
        if re.match(r"[a-z0-9]+://", text):
            store = _open_bucket(text, profile, region)
            folder = cls(text, store, profile=profile, region=region, inbox=inbox)
        else:
            path = Path(text).expanduser()
            if not path.is_dir():
                kind = "a file" if path.exists() else "not there"
                raise NoResults(f"{text} is {kind}; give the results folder of a run")
            folder = cls(text, Store.open(path.resolve().as_uri(), create=False), path.resolve())
        if not folder.has(RECORD):
            raise NoResults(folder._say_why())
        _ = folder.record  # so that a damaged or newer record is refused here, not at first use
        return folder

    def _say_why(self) -> str:
        """Say why there is no run record: the run failed, or this is some other folder."""
        if self.has(STATUS):
            with self.reading(STATUS):
                status = dict(self._store.read_json(STATUS))
            ended = f"the run is '{str(status.get('status')).replace('_', ' ')}'."
            said = f"{self.place} has no results: {ended} {status.get('message', '')}"
            return f"{said.rstrip()} {status.get('advice', '')}".rstrip()
        return (
            f"{self.place} is no results folder: it has no {RECORD}. Give the folder that 'ionbox "
            "annotate --out' or 'ionbox fetch --out' wrote, or s3://BUCKET/results/DATASET/RUN"
        )

    def has(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        with asking_storage(name):
            return self._store.exists(name)

    def read(self, name: str) -> bytes:
        """Read a file of the results, ``annotations.csv`` say, as bytes.

        Raises
        ------
        DamagedResults
            If it is missing, or not the file that the run record lists.
        """
        with self.reading(name):
            return require_listed(self._store.read(name), name, self.record.files)

    def read_json(self, name: str) -> Any:
        """Read a JSON file.

        Raises
        ------
        DamagedResults
            If it is missing, or not JSON.
        """
        with self.reading(name):
            return self._store.read_json(name)

    def read_arrays(self, name: str) -> Arrays:
        """Read the named arrays of an ``.npz`` file.

        Raises
        ------
        DamagedResults
            If it is missing, cannot be read as one, or is not the file that the run record lists.
        """
        data = self.read(name)
        with self.reading(name):
            return parse_arrays(data, name)

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """What ``run.json`` holds, also fields that this version does not know."""
        document: dict[str, Any] = self.read_json(RECORD)
        return document

    @functools.cached_property
    def record(self) -> RunRecord:
        """The run record; see `ionbox.reading.damage.read_record`."""
        return read_record(self.document, self.place)

    def reading(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Raise `DamagedResults` with a file's name if a block cannot read it."""
        return reading(self.place, name)

    @functools.cached_property
    def images(self) -> ImageGroup:
        """``ion_images.zarr``; nothing of it is read yet."""
        return ImageGroup(self._store, IMAGES, self.place)

    def copy_to(self, folder: Path) -> None:
        """Copy all files, the run record last, so that a folder with a record is whole.

        Raises
        ------
        InvalidConfig
            If the folder is this one, holds anything but results of this run, or cannot be written
            to.
        UnsafeKey
            If a file has a name that would lead out of the folder; then nothing is copied.
        """
        if self.path is not None and folder.exists() and folder.samefile(self.path):
            raise InvalidConfig(f"path: {folder} is where these results are; give another folder")
        check_folder(folder, "path")
        other = read_run_id(folder)
        if other not in ("", self.record.run_id):
            raise InvalidConfig(
                f"path: {folder} has the results of another run, {other}; give another folder"
            )
        # An older record goes before the first file comes: while copying, the folder is not whole.
        with asking_storage(self.place):
            listed = self._store.list("")
        names = sorted(listed, key=lambda name: (name == RECORD, name))
        paths = {name: path_below(folder, name) for name in names}
        (folder / RECORD).unlink(missing_ok=True)
        with ThreadPoolExecutor(_COPIED_AT_ONCE) as threads:
            for _ in threads.map(lambda name: self._copy(name, paths[name]), names[:-1]):
                pass
        self._copy(names[-1], paths[names[-1]])

    def _copy(self, name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with asking_storage(name):
            data = self._store.read(name)
        path.write_bytes(data)


def _open_bucket(url: str, profile: str | None, region: str | None) -> Store:
    """Open a part of a bucket with the credentials that the AWS command line would use."""
    if not re.fullmatch(r"s3://[^/]+/.+", url):
        raise NoResults(
            f"{url}: expected a folder or s3://BUCKET/results/DATASET/RUN; 'ionbox status RUN' "
            "shows where the results of a run are"
        )
    from ionbox.account import Account, plain_errors

    with plain_errors():
        return Account(profile, region).open_bucket(url.removeprefix("s3://"))
