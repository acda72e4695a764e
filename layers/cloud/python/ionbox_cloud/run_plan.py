"""What a run is: decided by PlanRun, read by every later state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from ionbox_science.config import RunConfig
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.sorting.segments import PEAKS_PER_SEGMENT, plan_bounds
from ionbox_science.theory.databases import MoleculeDatabase

from ionbox_cloud import keys
from ionbox_cloud.identity import (
    hash_content,
    identify_dataset,
    identify_patterns,
    identify_run,
    identify_scores,
    identify_segments,
    identify_sort,
)
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import DatasetFiles, RunRequest
from ionbox_cloud.planning.accepted_request import AcceptedRequest
from ionbox_cloud.planning.inspection import ibd_reader, sample_mz
from ionbox_cloud.planning.sort_plan import SortJob, SortPlan, plan_sort, read_sort_task
from ionbox_cloud.store import Store


@dataclass(frozen=True)
class PlannedDatabase(JsonRecord):
    """A database of the run: its name, and the identities of what is computed from it."""

    name: str
    content_id: str
    patterns_id: str
    scores_id: str
    n_molecules: int
    n_skipped: int


@dataclass(frozen=True)
class RunPlan(JsonRecord):
    """Everything later states need to know. Only the keys in the inbox depend on the attempt.

    Attributes
    ----------
    run_id, dataset_id, segments_id : str
        Identities.
    dataset : DatasetFiles
        Names and keys in the inbox.
    imzml_sha256 : str
        Checksum of the imzML.
    ibd_bytes, ibd_etag
        The ibd as it was when the run was planned.
    n_spectra, n_peaks, width, height : int
        From the imzML; peaks as declared.
    segment_bounds : tuple of float
        m/z at which the dataset is cut.
    sort : SortPlan
        How the segments are made.
    span_cuts : tuple of int
        Spectra at which the dataset is cut into spans, 0 and the number of spectra included, if
        many calls sort it; else empty.
    config : dict
        The resolved `RunConfig`.
    databases : tuple of PlannedDatabase
        In the order of the request.
    force : bool
        Publish anew what is published already.
    warnings : tuple of str
        What the user should know but need not act on.
    """

    run_id: str
    dataset_id: str
    segments_id: str
    dataset: DatasetFiles
    imzml_sha256: str
    ibd_bytes: int
    ibd_etag: str
    n_spectra: int
    n_peaks: int
    width: int
    height: int
    segment_bounds: tuple[float, ...]
    sort: SortPlan
    span_cuts: tuple[int, ...]
    config: dict[str, Any]
    databases: tuple[PlannedDatabase, ...]
    force: bool
    warnings: tuple[str, ...]

    @property
    def run_config(self) -> RunConfig:
        """The resolved config."""
        return RunConfig.from_json(self.config)

    @property
    def n_segments(self) -> int:
        """Segments of the dataset."""
        return len(self.segment_bounds) + 1

    @property
    def sort_id(self) -> str:
        """Identity of what many calls leave while they sort the dataset."""
        return identify_sort(self.segments_id, self.span_cuts)


def read_plan(work: Store, execution_id: str) -> RunPlan:
    """Read the plan of an execution."""
    return RunPlan.from_json(work.read_json(keys.run_plan(execution_id)))


def is_published(results: Store, plan: RunPlan) -> bool:
    """Say whether the results are there and new ones were not asked for.

    Those of a version that wrote no report are not all there.
    """
    written = (
        keys.results(plan.dataset_id, plan.run_id, name) for name in ("run.json", "report.html")
    )
    return not plan.force and all(map(results.exists, written))


def make_plan(request: RunRequest, accepted: AcceptedRequest, inbox: Store) -> RunPlan:
    """Decide what is computed and under which names."""
    header, config, ibd = accepted.dataset.header, accepted.config, accepted.ibd
    read_range = ibd_reader(inbox, request.dataset.ibd_key)
    dataset_id = identify_dataset(accepted.dataset.imzml, ibd.n_bytes, read_range)
    sampled = sample_mz(header, read_range)
    bounds = plan_bounds(sampled, header.n_peaks, PEAKS_PER_SEGMENT).tolist()
    segments_id = identify_segments(dataset_id, bounds)
    job = SortJob(
        name=request.dataset.name,
        n_peaks=header.n_peaks,
        mz_bytes=header.mz_dtype.itemsize,
        ibd_bytes=ibd.n_bytes,
        n_segments=len(bounds) + 1,
    )
    sort = plan_sort(accepted.sort, job, Ladder.from_environment(), read_sort_task())
    databases = tuple(
        _plan_database(molecules, data, config, segments_id)
        for molecules, data in accepted.databases
    )
    contents = [(database.name, database.content_id) for database in databases]
    return RunPlan(
        run_id=identify_run(dataset_id, request.dataset, config, contents),
        dataset_id=dataset_id,
        segments_id=segments_id,
        dataset=request.dataset,
        imzml_sha256=hashlib.sha256(accepted.dataset.imzml).hexdigest(),
        ibd_bytes=ibd.n_bytes,
        ibd_etag=ibd.etag,
        n_spectra=header.n_spectra,
        n_peaks=header.n_peaks,
        width=header.width,
        height=header.height,
        segment_bounds=tuple(bounds),
        sort=sort,
        span_cuts=tuple(cut_spectra(header, job.n_spans)) if sort.way == "map" else (),
        config=config.to_json(),
        databases=databases,
        force=accepted.force,
        warnings=(*accepted.dataset.messages("warning"), *accepted.warnings),
    )


def cut_spectra(header: ImzmlHeader, n_runs: int) -> list[int]:
    """Cut the spectra into spans of about equal numbers of peaks; return the edges."""
    ends = np.cumsum(header.mz_count)
    targets = [header.n_peaks * index // n_runs for index in range(1, n_runs)]
    inner = np.searchsorted(ends, targets, side="left") + 1
    return sorted({0, *inner.tolist(), header.n_spectra})


def _plan_database(
    molecules: MoleculeDatabase, data: bytes, config: RunConfig, segments_id: str
) -> PlannedDatabase:
    patterns_id = identify_patterns(molecules.unique_formulas(), config)
    return PlannedDatabase(
        name=molecules.name,
        content_id=hash_content(data),
        patterns_id=patterns_id,
        scores_id=identify_scores(segments_id, patterns_id, config),
        n_molecules=len(molecules.ids),
        n_skipped=len(molecules.skipped),
    )
