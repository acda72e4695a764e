"""The files of a dataset on this machine: found beside the imzML, and linked where they are needed.

Everything here works with links and names; no file of the user is copied, moved or changed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ionbox_cloud.messages import ConfigLayer, DatabaseFile, DatasetFiles, RunRequest
from ionbox_science.errors import InvalidConfig, InvalidDatabase, InvalidDataset

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class LocalDataset:
    """An imzML, and where its ibd and its optional sidecar config are, or would be if missing."""

    imzml: Path
    ibd: Path
    sidecar: Path


def find_dataset(imzml: Path) -> LocalDataset:
    """Find the files that belong to an imzML, whatever the case of their extensions.

    Raises
    ------
    InvalidDataset
        If there is no such file, it is a folder or the ibd, its name has control characters or is
        not UTF-8, or one of the files is a pipe or a device, or cannot be read for its permissions.
        A missing ibd is found later.
    """
    if imzml.suffix.lower() == ".ibd":
        raise InvalidDataset(f"{imzml}: give the imzML; its ibd is found beside it")
    if imzml.is_dir():
        raise InvalidDataset(f"{imzml} is a folder; give the path of an imzML in it")
    if not imzml.exists():
        raise InvalidDataset(f"{imzml}: no such file; give the path of an imzML")
    fault = _fault_of_name(imzml)
    if fault:
        raise InvalidDataset(f"{imzml.name!r}: the name {fault}; rename the files")
    siblings = {path.suffix.lower(): path for path in _siblings(imzml)}
    dataset = LocalDataset(
        imzml,
        siblings.get(".ibd", imzml.with_suffix(".ibd")),
        siblings.get(".json", imzml.with_suffix(".json")),
    )
    for path in (dataset.imzml, dataset.ibd, dataset.sidecar):
        if path.exists() and not path.is_file():
            raise InvalidDataset(f"{path} is {_kind(path)}; give a file that can be read twice")
        if path.exists() and not os.access(path, os.R_OK):
            raise InvalidDataset(f"{path}: no permission to read it")
    return dataset


def _fault_of_name(path: Path) -> str:
    """Say why a file's name cannot be part of a key; empty if it can."""
    if _CONTROL.search(path.name):
        return "has control characters"
    try:
        path.name.encode()
    except UnicodeEncodeError:  # Python keeps bytes that are no text as lone surrogates
        return "is not UTF-8"
    return ""


def _kind(path: Path) -> str:
    """Say what something is that is no regular file."""
    if path.is_dir():
        return "a folder"
    return "a pipe" if path.is_fifo() else "a device or socket"


def _siblings(imzml: Path) -> list[Path]:
    """Return the files of the same name, those with a lower-case extension last.

    In a dict by extension the last one wins: ``a.ibd`` before ``a.IBD``.
    """
    same_stem = (path for path in imzml.parent.iterdir() if path.stem == imzml.stem)
    return sorted(same_stem, key=lambda path: path.suffix == path.suffix.lower())


def link_dataset(dataset: LocalDataset, folder: Path, name: str) -> Path:
    """Link the files of a dataset into a folder under one name, wherever they lie.

    Returns
    -------
    Path
        The link to the imzML.
    """
    for path in (dataset.imzml, dataset.ibd, dataset.sidecar):
        if path.exists():
            (folder / f"{name}{path.suffix}").symlink_to(path.resolve())
    return folder / f"{name}{dataset.imzml.suffix}"


@contextlib.contextmanager
def dropped_files(
    inbox: Path, dataset: LocalDataset, databases: Sequence[Path], config: Sequence[ConfigLayer]
) -> Iterator[RunRequest]:
    """Link the user's files into an inbox folder for as long as a run takes.

    Nothing is copied and nothing is moved. Yields the request that the run begins with, whose keys
    are those of the links.

    Parameters
    ----------
    inbox : Path
        Folder of this run in the folder that stands for the inbox; made, and removed at the end.
    dataset : LocalDataset
        The user's files.
    databases : sequence of Path
        Molecule tables.
    config : sequence of ConfigLayer
        Settings, strongest first.

    Raises
    ------
    InvalidDatabase
        If a database is no file, does not exist, cannot be read for its permissions, or has a name
        with control characters or that is not UTF-8.
    InvalidConfig
        If two databases have the same name.
    """
    _check_databases(databases)
    with _made(inbox):
        for path in (dataset.imzml, dataset.ibd, dataset.sidecar):
            if path.exists():
                (inbox / path.name).symlink_to(path.resolve())
        for path in databases:
            (inbox / "databases").mkdir(exist_ok=True)
            (inbox / "databases" / path.name).symlink_to(path.resolve())
        yield RunRequest(
            dataset=DatasetFiles(
                name=dataset.imzml.stem,
                imzml_key=f"{inbox.name}/{dataset.imzml.name}",
                ibd_key=f"{inbox.name}/{dataset.ibd.name}",
                sidecar_key=(
                    f"{inbox.name}/{dataset.sidecar.name}" if dataset.sidecar.exists() else None
                ),
            ),
            databases=tuple(
                DatabaseFile(path.stem, f"{inbox.name}/databases/{path.name}") for path in databases
            ),
            config=tuple(config),
            defaults=(),
        )


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder for as long as a block lasts."""
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder)


def _check_databases(databases: Sequence[Path]) -> None:
    for path in databases:
        if path.is_dir():
            raise InvalidDatabase(f"{path} is a folder; give the path of a CSV or TSV table")
        if not path.exists():
            raise InvalidDatabase(f"{path}: no such file; give the path of a CSV or TSV table")
        if not path.is_file():
            raise InvalidDatabase(f"{path} is {_kind(path)}; write the table to a file first")
        fault = _fault_of_name(path)
        if fault:
            raise InvalidDatabase(f"{path.name!r}: the name {fault}; rename the file")
        if not os.access(path, os.R_OK):
            raise InvalidDatabase(f"{path}: no permission to read it")
    names = [path.stem for path in databases]
    for name in names:
        if names.count(name) > 1:
            raise InvalidConfig(f"two databases are named '{name}'; rename one of the files")
