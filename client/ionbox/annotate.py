"""``ionbox annotate``: the state machine on one machine, from files to a folder of results."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ionbox_cloud.messages import DatabaseFile, DatasetFiles, RunRequest
from ionbox_science.errors import InvalidDataset
from rich.console import Console

FAILED_EXIT = {"invalid_input": 1, "failed": 3}


def annotate(
    dataset: Path,
    databases: Sequence[Path],
    out: Path,
    config: Mapping[str, Any],
    *,
    work: Path,
    n_workers: int | None = None,
) -> int:
    """Annotate a dataset; return the exit code.

    Parameters
    ----------
    dataset : Path
        The imzML file; its ibd and optional sidecar lie beside it.
    databases : sequence of Path
        Molecule tables.
    out : Path
        Folder of the results; made or replaced.
    config : mapping
        Settings that beat the sidecar's.
    work : Path
        Caches, intermediates, logs.
    n_workers : int or None
        Worker processes; one per core if None.
    """
    from ionbox.local.machine import run_execution
    from ionbox.local.progress import RunProgress
    from ionbox.local.runtime import Stores

    execution_id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
    folders = {name: (work / name).resolve() for name in ("inbox", "work", "results", "logs")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    request = _drop_files(folders["inbox"] / execution_id, dataset, databases, config)
    stores = Stores(*(folders[name].as_uri() for name in ("inbox", "work", "results")))
    try:
        with RunProgress() as listener:
            run_execution(
                execution_id,
                request.to_json(),
                stores=stores,
                log=folders["logs"] / f"{execution_id}.log",
                n_workers=n_workers,
                listener=listener,
            )
    finally:
        shutil.rmtree(folders["inbox"] / execution_id)
    return _deliver(folders["results"], execution_id, out)


def _drop_files(
    inbox: Path, dataset: Path, databases: Sequence[Path], config: Mapping[str, Any]
) -> RunRequest:
    """Put links to the user's files into the inbox: nothing is copied, and nothing is moved."""
    ibd = next(
        (
            path
            for path in dataset.parent.glob(f"{dataset.stem}.*")
            if path.suffix.lower() == ".ibd"
        ),
        dataset.with_suffix(".ibd"),
    )
    if not dataset.is_file():
        raise InvalidDataset(f"{dataset}: no such file")
    inbox.mkdir(parents=True)
    sidecar = dataset.with_suffix(".json")
    for path in (dataset, ibd, sidecar, *databases):
        if path.exists():
            (inbox / path.name).symlink_to(path.resolve())
    folder = inbox.name
    return RunRequest(
        dataset=DatasetFiles(
            name=dataset.stem,
            imzml_key=f"{folder}/{dataset.name}",
            ibd_key=f"{folder}/{ibd.name}",
            sidecar_key=f"{folder}/{sidecar.name}" if sidecar.exists() else None,
        ),
        databases=tuple(DatabaseFile(path.stem, f"{folder}/{path.name}") for path in databases),
        config=dict(config),
    )


def _deliver(results: Path, execution_id: str, out: Path) -> int:
    """Copy the results to the user's folder and say what was found, or what went wrong."""
    console = Console()
    status_path = results / "executions" / execution_id / "status.json"
    status = json.loads(status_path.read_text())
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(status_path, out / "status.json")
    if status["status"] != "succeeded":
        console.print(f"[red]{status['error']}[/red]: {status['message']}\n{status['advice']}")
        return FAILED_EXIT[status["status"]]
    shutil.copytree(results / status["results"], out, dirs_exist_ok=True)
    record = json.loads((out / "run.json").read_text())
    if status["reused"]:
        console.print("Nothing changed since an earlier run: its results are reused.")
    for row in record["summary"]:
        counts = ", ".join(f"{n} at {float(level):.0%}" for level, n in row["counts"].items())
        console.print(f"{row['database']}  {row['ion']:>12}  {counts}", highlight=False)
    console.print(f"{record['n_annotations']} annotations; results in {out}", highlight=False)
    return 0
