"""A run's results into a folder: in parallel, going on after an interruption, every file checked.

For ``ionbox fetch``, from the results bucket or a work folder. A folder that is being filled has a
mark in it, and the run record is copied last, so nobody takes half of the results for all. A file
counts as there, or as arrived, if it has the size and the checksum that the run record lists; the
record itself, and files of runs whose record lists none, go by size.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ionbox_cloud.published import RECORD
from ionbox_cloud.storage.key_paths import path_below
from ionbox_cloud.store import Store

from ionbox.errors import OperateError, UserMustAct
from ionbox.json_objects import as_object, parse_object, read_object
from ionbox.operate.runs import RunState

_MARK = ".fetching.json"
"""A file that says whose results an unfinished folder holds; removed when everything is there."""

_COPIED_AT_ONCE = 16


@dataclass(frozen=True)
class Fetched:
    """What was copied.

    Attributes
    ----------
    n_files, n_bytes : int
        Files that were copied, and their bytes.
    n_present : int
        Files that were in the folder already.
    """

    n_files: int
    n_bytes: int
    n_present: int


def fetch_results(
    store: Store, run: RunState, out: Path, starting: Callable[[int], Callable[[int], None]]
) -> Fetched:
    """Copy the results of a run.

    Parameters
    ----------
    store : Store
        The results bucket or folder.
    run : RunState
        A run that succeeded.
    out : Path
        The folder; made if absent. Once it has a ``run.json`` it is whole.
    starting : callable
        Called with the number of bytes in all; returns a function that is then called with numbers
        of bytes, as they arrive.

    Raises
    ------
    UserMustAct
        If the run has no results or they were deleted, or the folder holds anything else than
        results of this run.
    UnsafeKey
        If an object has a key that would lead out of the folder; then nothing is copied.
    OperateError
        If a file did not arrive in full; the same command goes on from there.
    """
    if not run.results:
        raise UserMustAct(
            f"run {run.name} has no results: it is {run.status}; 'ionbox status {run.name}' says "
            "more"
        )
    sizes = store.sizes(run.results)
    if f"{run.results}/{RECORD}" not in sizes:
        raise UserMustAct(f"the results of run {run.name} were deleted: {run.results} is gone")
    _check_folder(out, run.results, run.run_id)
    paths = {key: path_below(out, key.removeprefix(f"{run.results}/")) for key in sizes}
    sums = _list_checksums(store, run.results)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).write_text(json.dumps({"results": run.results}) + "\n", "utf-8")
    tell = starting(sum(sizes.values()))
    missing = [key for key in sizes if not _is_there(paths[key], sizes[key], sums.get(key))]
    tell(sum(sizes.values()) - sum(sizes[key] for key in missing))
    # the record comes last: a folder that has one is taken for whole
    first = [key for key in missing if not key.endswith(f"/{RECORD}")]
    with ThreadPoolExecutor(_COPIED_AT_ONCE) as threads:
        copies = [
            threads.submit(_copy, store, key, paths[key], sizes[key], sums.get(key), tell)
            for key in first
        ]
        try:
            for copy in copies:
                copy.result()
        except BaseException:  # Ctrl-C, too: copies that have not begun would be waited for
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    for key in set(missing) - set(first):
        _copy(store, key, paths[key], sizes[key], None, tell)
    (out / _MARK).unlink()
    n_bytes = sum(sizes[key] for key in missing)
    return Fetched(len(missing), n_bytes, len(sizes) - len(missing))


def _list_checksums(store: Store, results: str) -> Mapping[str, str]:
    """Return the SHA-256 that the run record lists of each object, by key."""
    record = parse_object(store.read(f"{results}/{RECORD}").decode("utf-8", "replace"))
    listed = as_object(record.get("files")).items()
    sums = {f"{results}/{name}": as_object(file).get("sha256") for name, file in listed}
    return {key: digest for key, digest in sums.items() if isinstance(digest, str)}


def _copy(
    store: Store,
    key: str,
    path: Path,
    n_bytes: int,
    sha256: str | None,
    tell: Callable[[int], None],
) -> None:
    """Copy a file under another name first, so that a file in its place is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_name(f".{path.name}.incoming")
    incoming.unlink(missing_ok=True)  # it might be a link
    store.download(key, incoming, tell)
    if not _same_size(incoming, n_bytes):
        raise OperateError(
            f"{key}: {incoming.stat().st_size:,} of {n_bytes:,} bytes arrived; the same command "
            "goes on from here"
        )
    if not _is_there(incoming, n_bytes, sha256):
        incoming.unlink()
        raise OperateError(
            f"{key} is not what the run record lists (its checksum is another); try again, and if "
            "it stays so, run the dataset again: damaged results are published anew"
        )
    incoming.replace(path)


def _is_there(path: Path, n_bytes: int, sha256: str | None) -> bool:
    if not _same_size(path, n_bytes):
        return False
    if sha256 is None:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _same_size(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def _check_folder(out: Path, results: str, run_id: str) -> None:
    """Refuse a folder of something else: its files would be replaced.

    Raises
    ------
    UserMustAct
        If it is a file, or holds files and neither this run's mark nor its record.
    """
    if out.is_file():
        raise UserMustAct(f"--out: {out} is a file; give a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    mark, record = read_object(out / _MARK), read_object(out / RECORD)
    if mark.get("results") == results or (record and record.get("run_id") == run_id):
        return
    held = f"the results of run {record['run_id']}" if "run_id" in record else "other files"
    raise UserMustAct(f"--out: {out} holds {held}; give another folder")
