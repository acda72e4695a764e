"""``ionbox annotate``: the state machine on one machine, from files to a folder of results.

`annotate` delivers results to the user's folder; `annotate_in`, for the Python client's inbox,
leaves them in the work folder. Both link the user's files into an inbox folder, run the state
machine with `ionbox.local` on three folders that stand for the buckets, and read how it ended.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ionbox_cloud import keys
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.messages import ConfigLayer
from ionbox_cloud.records.run_record import RunStatus
from ionbox_cloud.run_plan import Forecast
from ionbox_science.errors import InvalidConfig

from ionbox import terminal
from ionbox.datasets.config_files import read_databases
from ionbox.datasets.files import LocalDataset, dropped_files, find_dataset
from ionbox.datasets.outcome import (
    Outcome,
    deliver,
    read_outcome,
    require_same_dataset,
    write_status,
)
from ionbox.errors import DamagedResults
from ionbox.local.cancelling import check, deferred
from ionbox.local.errors import CannotWrite, writing
from ionbox.local.worker_process import Reserve
from ionbox.reading.out_folder import check_folder
from ionbox.reading.sources import write_sources
from ionbox.run_lock import hold
from ionbox.work_folder import default_work_folder

COPYING_SHOWN_AFTER_S = 2.0
"""Most results are copied before."""


def annotate(
    imzml: Path,
    databases: Sequence[Path],
    out: Path,
    config: Sequence[ConfigLayer] = (),
    *,
    work: Path,
    n_workers: int | None = None,
    reserve: Reserve | None = None,
    shown_on: TextIO | None = None,
) -> Outcome:
    """Annotate a dataset.

    Parameters
    ----------
    imzml : Path
        The imzML file; its ibd and optional sidecar config lie beside it.
    databases : sequence of Path
        Molecule tables; if none, those that the config names.
    out : Path
        Folder for the results; made if it is not there, older results in it are replaced.
    config : sequence of ConfigLayer
        Settings, strongest first; all beat the sidecar's.
    work : Path
        Work folder: caches, intermediates and logs. Runs share it, so finished work is reused.
    n_workers : int or None
        Number of worker processes; one per core if None.
    reserve : Reserve, optional
        Worker processes that were started before, and may be used after.
    shown_on : text file, optional
        Where to show how far the run is; standard error if None.

    Returns
    -------
    Outcome
        How the run ended. If it succeeded, its results are in ``out``.

    Raises
    ------
    InvalidInput
        If a file is missing, no database is given, or ``out`` holds something else, such as the
        results of another dataset. Whatever is wrong inside the files is part of the outcome.
    DamagedResults
        If the results were damaged twice between being published and being copied to ``out``.
    CannotWrite
        If the work folder or ``out`` cannot be written to, or their disk is full.
    KeyboardInterrupt
        On Ctrl-C, SIGTERM and SIGHUP, after all workers are stopped; the same call resumes.
    """
    with deferred() as signals:
        check_folder(out)
        dataset = find_dataset(imzml)
        require_same_dataset(out, dataset)
        outcome, is_last = None, False
        while outcome is None:
            execution_id = _name_execution()
            try:
                ended = _run_shown(
                    execution_id, dataset, databases, config, work, n_workers, reserve, shown_on
                )
                with (
                    writing(out, "--out"),
                    terminal.progress("copying results", after_s=COPYING_SHOWN_AFTER_S) as progress,
                ):
                    outcome = deliver(ended, work / "results", out, progress)
            except DamagedResults:
                # damaged since they were published: the next attempt finds that, and publishes anew
                if is_last:
                    raise
                is_last = True
            except KeyboardInterrupt:
                _try_to_write(RunStatus("cancelled", execution_id), out)
                raise
            except CannotWrite as error:
                failed = RunStatus("failed", execution_id, error="CannotWrite", message=str(error))
                _try_to_write(failed, out)
                raise
        signals.forget()  # whatever comes now is too late: the status says how the run ended
    return outcome


def _run_shown(*arguments: Any) -> Outcome:
    """Run; nothing can be shown on a terminal that was closed, which a signal says as well."""
    try:
        return _run(*arguments)
    except (OSError, CannotWrite):
        check()
        raise


def _try_to_write(status: RunStatus, out: Path) -> None:
    """Write a status, unless that folder cannot be written to either."""
    with contextlib.suppress(OSError):
        write_status(status, out)


def annotate_in(
    work: Path,
    dataset: LocalDataset,
    databases: Sequence[Path],
    config: Sequence[ConfigLayer] = (),
    *,
    n_workers: int | None = None,
) -> Outcome:
    """Annotate a dataset and leave its results in the work folder.

    Arguments and what is raised are those of `annotate`; the outcome's status says where in the
    work folder the results are.
    """
    with deferred():
        return _run(_name_execution(), dataset, databases, config, work, n_workers)


def _require_text(work: Path) -> None:
    """Refuse a work folder whose path cannot be part of an address.

    Raises
    ------
    InvalidConfig
        If its path is not UTF-8.
    """
    try:
        str(work.resolve()).encode()
    except UnicodeEncodeError:
        raise InvalidConfig(
            f"--work: {str(work)!r} is not UTF-8; give another folder with --work DIR"
        ) from None


def _read_forecast(work: Path, execution_id: str) -> Forecast | None:
    """Read what PlanRun expected of a run; None if it is not there, or another version's."""
    try:
        plan = json.loads((work / keys.run_plan(execution_id)).read_bytes())
        return Forecast.from_json(plan["forecast"])
    except (OSError, ValueError, KeyError, InvalidMessage):
        return None


def _name_execution() -> str:
    # The time first: names sort by it, and `ionbox list` reads it from them. Those of one second
    # sort by its thousandths.
    now = time.time()
    second = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return f"{second}-{int(now % 1 * 1000):03x}{uuid.uuid4().hex[:5]}"


def _run(
    execution_id: str,
    dataset: LocalDataset,
    databases: Sequence[Path],
    config: Sequence[ConfigLayer],
    work: Path,
    n_workers: int | None,
    reserve: Reserve | None = None,
    shown_on: TextIO | None = None,
) -> Outcome:
    # imported here: `ionbox check` and submitting to AWS need no local runner
    from ionbox.local.machine import run_execution
    from ionbox.local.progress.run_progress import RunProgress
    from ionbox.local.runtime import StoreUrls

    _require_text(work)
    databases = databases or read_databases(config, dataset.sidecar)
    if not databases:
        raise InvalidConfig(
            "databases: none given; name at least one with --database FILE; "
            "'ionbox lipids lipids.tsv' writes one"
        )
    buckets = {name: (work / name).resolve() for name in ("inbox", "work", "results")}
    log = work / "logs" / f"{execution_id}.log"
    inbox = buckets["inbox"] / execution_id
    read_forecast = functools.partial(_read_forecast, buckets["work"], execution_id)
    with writing(work, "--work"):
        for folder in (*buckets.values(), log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        check()
        with (
            hold(work, execution_id) as run,
            dropped_files(inbox, dataset, databases, config) as request,
            RunProgress(shown_on, read_forecast) as listener,
        ):
            log.touch()  # from here on there is an attempt to list
            result = run_execution(
                execution_id,
                request.to_json(),
                stores=StoreUrls(*(folder.as_uri() for folder in buckets.values())),
                log=log,
                n_workers=n_workers,
                listener=listener,
                reserve=reserve,
                parsed=default_work_folder() / "state-machines",
            )
            if result.status == "SUCCEEDED" and all(call.error is None for call in result.calls):
                run.none_killed()
        outcome = read_outcome(buckets["results"], execution_id, result.error, result.cause, log)
        if outcome.status.results:
            folder = buckets["results"] / outcome.status.results
            write_sources(folder, buckets["results"], dataset.ibd)
    return outcome
