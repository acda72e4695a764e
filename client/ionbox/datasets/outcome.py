"""A run's outcome, and its results in the user's own folder.

After the state machine ended, `read_outcome` reads how, and `deliver` copies results from the work
folder to the one that ``--out`` names. Results of another dataset there are never replaced.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ionbox_cloud import keys
from ionbox_cloud.errors import describe_cause
from ionbox_cloud.published import RECORD, STATUS
from ionbox_cloud.records.run_record import RunRecord, RunStatus
from ionbox_cloud.storage.key_paths import is_half_written, path_below
from ionbox_cloud.storage.object_bytes import encode_json
from ionbox_science.errors import InvalidConfig

from ionbox.datasets.copying import copy_file
from ionbox.datasets.files import LocalDataset
from ionbox.errors import DamagedResults
from ionbox.local.cancelling import check
from ionbox.reading.out_folder import read_dataset, read_run_id


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    status : RunStatus
        What ``status.json`` says.
    record : RunRecord or None
        What ``run.json`` says; None unless it succeeded.
    log : Path
        The file with what the workers logged.
    """

    status: RunStatus
    record: RunRecord | None
    log: Path

    @property
    def succeeded(self) -> bool:
        """Whether there are results."""
        return self.status.succeeded


def read_outcome(
    results: Path, execution_id: str, error: str | None, cause: str | None, log: Path
) -> Outcome:
    """Read how an execution ended.

    Parameters
    ----------
    results : Path
        The folder that stands for the results bucket.
    execution_id : str
        Name of the execution.
    error, cause : str or None
        Name and text of the error that the interpreter ended with. They are used only if the
        execution wrote no status itself.
    log : Path
        The file with what the workers logged.
    """
    status_path = results / keys.status(execution_id)
    if not status_path.is_file():
        status = RunStatus(
            "failed",
            execution_id,
            error=error or "States.Runtime",
            message=describe_cause(cause or "") or "the run ended without a status",
            advice="Run again: finished work is kept.",
        )
        return Outcome(status, None, log)
    status = RunStatus.from_json(json.loads(status_path.read_text("utf-8")))
    if not status.succeeded:
        return Outcome(status, None, log)
    record = json.loads((results / (status.results or "") / RECORD).read_text("utf-8"))
    return Outcome(status, RunRecord.from_json(record), log)


def require_same_dataset(out: Path, dataset: LocalDataset) -> None:
    """Refuse a folder with the results of another dataset, before any work.

    Raises
    ------
    InvalidConfig
        If the folder's results are of a dataset of another name, or of other data of the same name.
    """
    other, name = read_dataset(out), dataset.imzml.stem
    advice = "give another folder, or remove it first"
    if other.get("name", name) != name:
        raise InvalidConfig(
            f"--out: {out} has the results of '{other['name']}', not of '{name}'; {advice}"
        )
    if is_other_data(other, dataset):
        raise InvalidConfig(f"--out: {out} has the results of other data named '{name}'; {advice}")


def is_other_data(known: Mapping[str, Any], dataset: LocalDataset) -> bool:
    """Say whether a dataset is certainly another one than results are of.

    Parameters
    ----------
    known : mapping
        What the results say of their dataset, as in ``run.json``; empty if nothing.
    dataset : LocalDataset
        Its ibd is compared by size and its imzML by checksum; a missing ibd tells nothing.
    """
    if not known or not dataset.ibd.is_file():
        return False
    if known.get("ibd_bytes") != dataset.ibd.stat().st_size:
        return True
    with dataset.imzml.open("rb") as file:
        return known.get("imzml_sha256") != hashlib.file_digest(file, "sha256").hexdigest()


def deliver(
    outcome: Outcome,
    results: Path,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Copy a run's results to the user's folder; after a failure only its status.

    When old results are replaced, their run record is removed before anything else, and the new one
    comes last, so a folder with a run record is always whole. Files that are not ours stay. What
    was copied is compared with the record, so that no damaged results are handed out.

    Parameters
    ----------
    outcome : Outcome
        How the run ended.
    results : Path
        The folder that stands for the results bucket.
    out : Path
        The user's folder; made if it is not there.
    progress : callable, optional
        Called after each file with what is done and what there is, in bytes: each file is copied,
        then compared.

    Returns
    -------
    Outcome
        The same; its status also says which other run's results were in the folder before.

    Raises
    ------
    DamagedResults
        If a file that was copied is not what the record says; then the folder has no record.
    """
    out.mkdir(parents=True, exist_ok=True)
    older, status = read_run_id(out), outcome.status
    if outcome.record is not None:
        if older not in ("", outcome.record.run_id):
            status = replace(status, replaced_results=older)
        # From here to the end the folder is not whole. Its status says so and that it is ours,
        # should this be killed or the disk become full.
        write_status(_half_copied(status.execution_id), out)
        (out / RECORD).unlink(missing_ok=True)
        source = results / (status.results or "")
        tell = _Teller(2 * sum(file.n_bytes for file in outcome.record.files.values()), progress)
        for entry in source.iterdir():
            if entry.name != RECORD and not is_half_written(entry.name):
                check()
                _replace(entry, path_below(out, entry.name), tell)
        require_whole(out, outcome.record, tell)
        _replace(source / RECORD, out / RECORD)
    elif older:
        status = replace(status, older_results=older)
    write_status(status, out)
    return replace(outcome, status=status)


class _Teller:
    """Adds up the bytes of files that are done, and tells how many."""

    def __init__(self, total: int, progress: Callable[[int, int], None]) -> None:
        self._done, self._total = 0, total
        self._progress = progress

    def __call__(self, n_bytes: int) -> None:
        self._done += n_bytes
        # a few files are not in the record, what says where the data lie, say
        self._progress(min(self._done, self._total), self._total)


def require_whole(
    folder: Path, record: RunRecord, tell: Callable[[int], None] = lambda n_bytes: None
) -> None:
    """Compare the files of a folder with what a run record says of them.

    ``tell`` is called with the bytes of each.

    Raises
    ------
    DamagedResults
        If one is missing, or has another size or checksum.
    """
    for name, file in record.files.items():
        path = folder / name
        if not path.is_file():
            raise DamagedResults(f"{folder} is not whole: {name} is missing")
        check()
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if (path.stat().st_size, digest) != (file.n_bytes, file.sha256):
            raise DamagedResults(f"{folder}: {name} is damaged (its checksum is another)")
        tell(file.n_bytes)


def _half_copied(execution_id: str) -> RunStatus:
    return RunStatus(
        "failed",
        execution_id,
        error="NotCopied",
        message="the results were not copied to the end; not all files here are of one run",
        advice="Run again: finished work is kept.",
    )


def write_status(status: RunStatus, out: Path) -> None:
    """Write ``status.json`` into the user's folder, which is made if it is not there."""
    out.mkdir(parents=True, exist_ok=True)
    incoming = out / f".{STATUS}.incoming"
    try:
        incoming.write_bytes(encode_json(status.to_json()))
        incoming.replace(out / STATUS)
    finally:
        incoming.unlink(missing_ok=True)


def _replace(
    source: Path, target: Path, tell: Callable[[int], None] = lambda n_bytes: None
) -> None:
    """Copy a file or folder under another name first, so that what has the right name is whole."""
    incoming = target.with_name(f".{target.name}.incoming")
    _remove(incoming)
    try:
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and not is_half_written(path.name):
                copy_file(path, incoming / path.relative_to(source))
                tell(path.stat().st_size)
        if target.is_dir():
            _remove(target)
        incoming.replace(target)
    finally:
        _remove(incoming)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
