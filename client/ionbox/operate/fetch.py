"""A run's results into a folder: in parallel, going on after an interruption, sizes checked.

For ``ionbox fetch``, from the results bucket or a work folder. A folder that is being filled has a
mark in it, and the run record is copied last, so nobody takes half of the results for all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ionbox_cloud.published import RECORD
from ionbox_cloud.storage.key_paths import path_below
from ionbox_cloud.store import Store

from ionbox.errors import OperateError, UserMustAct
from ionbox.json_objects import read_object
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
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).write_text(json.dumps({"results": run.results}) + "\n", "utf-8")
    tell = starting(sum(sizes.values()))
    missing = [key for key in sizes if not _same_size(paths[key], sizes[key])]
    tell(sum(sizes.values()) - sum(sizes[key] for key in missing))
    # the record comes last: a folder that has one is taken for whole
    first = [key for key in missing if not key.endswith(f"/{RECORD}")]
    with ThreadPoolExecutor(_COPIED_AT_ONCE) as threads:
        copies = [threads.submit(_copy, store, key, paths[key], sizes[key], tell) for key in first]
        try:
            for copy in copies:
                copy.result()
        except BaseException:  # Ctrl-C, too: copies that have not begun would be waited for
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    for key in set(missing) - set(first):
        _copy(store, key, paths[key], sizes[key], tell)
    (out / _MARK).unlink()
    n_bytes = sum(sizes[key] for key in missing)
    return Fetched(len(missing), n_bytes, len(sizes) - len(missing))


def _copy(store: Store, key: str, path: Path, n_bytes: int, tell: Callable[[int], None]) -> None:
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
    incoming.replace(path)


def _same_size(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def _check_folder(out: Path, results: str, run_id: str) -> None:
    """Refuse a folder of something else: a file of equal size there would be taken for ours.

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
