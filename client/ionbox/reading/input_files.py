"""The imzML and ibd that a run was computed from, copied to a folder; `Run.download_to_dir`.

A copy is compared with the checksum in ``run.json`` while it arrives: a file that was changed since
it was annotated is not handed out as the run's input.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ionbox_cloud.records.run_record import RunRecord
from ionbox_cloud.storage.key_paths import path_below
from ionbox_cloud.store import Store
from ionbox_science.errors import InvalidConfig

from ionbox.errors import NotInResults

if TYPE_CHECKING:
    from ionbox.reading.place import Data

_PIECE_BYTES = 32 << 20  # in memory at a time

_IMZML = ".imzML"

_RESULTS = "copy_to(path) copies the results"


def copy_input(ibd: Data, record: RunRecord, folder: Path, base_name: str | None = None) -> None:
    """Copy the ibd, then the imzML, and compare them with what was annotated.

    Parameters
    ----------
    ibd : Data
        Where the ibd is; the imzML is looked for beside it.
    record : RunRecord
        What the run was; it has the checksums.
    folder : Path
        Where to copy them; made if it is not there.
    base_name : str, optional
        Name for both files, without extension; their own names if not given.

    Raises
    ------
    NotInResults
        If it is not known where the files are, they are not there any more, or they were changed
        since they were annotated.
    UnsafeKey
        If the files' name would lead out of the folder.
    InvalidConfig
        If the name has a ``/`` in it, or the folder has a file of that name but another size.
    """
    if ibd.store is None:
        raise NotInResults(f"{ibd.missing}; {_RESULTS}")
    ibd_key = ibd.key or record.sources.ibd
    if not ibd_key:
        raise NotInResults(f"these results do not say which ibd they are of; {_RESULTS}")
    if base_name is not None and PurePosixPath(base_name).name != base_name:
        raise InvalidConfig(f"base_name: '{base_name}' cannot be a file's name; give one without /")
    imzml_key = _find_imzml(ibd.store, ibd_key)
    folder.mkdir(parents=True, exist_ok=True)
    checksum = record.dataset.ibd_checksum
    digests = {
        ibd_key: (checksum.algorithm, checksum.digest) if checksum else ("sha256", ""),
        imzml_key: ("sha256", record.dataset.imzml_sha256),
    }
    for key, (algorithm, digest) in digests.items():
        name = PurePosixPath(key)
        path = path_below(folder, f"{base_name or name.stem}{name.suffix}")
        _copy(ibd.store, key, path, algorithm, digest)


def _find_imzml(store: Store, ibd_key: str) -> str:
    """Return the key of the imzML beside an ibd, in whatever case its extension is written."""
    usual = PurePosixPath(ibd_key).with_suffix(_IMZML)
    if store.exists(str(usual)):
        return str(usual)
    folder = str(usual.parent).removeprefix(".")  # pathlib's "." is the store's top
    for key in map(PurePosixPath, store.list_folder(folder)):
        if key.stem == usual.stem and key.suffix.lower() == _IMZML.lower():
            return str(key)
    raise NotInResults(f"there is no imzML beside {PurePosixPath(ibd_key).name} any more")


def _copy(store: Store, key: str, path: Path, algorithm: str, digest: str) -> None:
    """Copy a file and compare its checksum, unless one of its size is there already.

    An empty digest is not compared: the run record does not know it.
    """
    name = PurePosixPath(key).name
    facts = store.facts(key)
    if facts is None:
        raise NotInResults(f"{name} is no longer there; put it back to copy it")
    if path.exists():
        if path.stat().st_size != facts.n_bytes:
            raise InvalidConfig(f"{path} is another file; give another folder or base_name")
        return
    incoming = path.with_name(f".{path.name}.incoming")
    incoming.unlink(missing_ok=True)  # it might be a link
    found = hashlib.new(algorithm, usedforsecurity=False)
    with incoming.open("wb") as file:
        for offset in range(0, facts.n_bytes, _PIECE_BYTES):
            piece = store.read_range(key, offset, min(_PIECE_BYTES, facts.n_bytes - offset))
            found.update(piece)
            file.write(piece)
    if digest and found.hexdigest() != digest:
        incoming.unlink()
        raise NotInResults(f"{name} was changed since it was annotated; nothing was copied")
    incoming.replace(path)
