"""What a run is: decided by PlanRun, read by every later state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ionbox_science.config import RunConfig
from ionbox_science.databases import MoleculeDatabase
from ionbox_science.segments import PEAKS_PER_SEGMENT, plan_bounds

from ionbox_cloud import keys
from ionbox_cloud.accepted_request import AcceptedRequest
from ionbox_cloud.datasets import ibd_reader, sample_mz
from ionbox_cloud.identity import (
    hash_content,
    identify_dataset,
    identify_patterns,
    identify_run,
    identify_scores,
    identify_segments,
)
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import DatasetFiles, RunRequest
from ionbox_cloud.store import Store
from ionbox_cloud.work_items import choose_sort, sort_memory_mb


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
    sort : str
        How the segments are made; ``lambda`` is the only way so far.
    sort_memory_mb : int
        What a worker is expected to need for that.
    config : dict
        The resolved `RunConfig`.
    databases : tuple of PlannedDatabase
        In the order of the request.
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
    sort: str
    sort_memory_mb: int
    config: dict[str, Any]
    databases: tuple[PlannedDatabase, ...]
    warnings: tuple[str, ...]

    @property
    def run_config(self) -> RunConfig:
        """The resolved config."""
        return RunConfig.from_json(self.config)


def read_plan(work: Store, execution_id: str) -> RunPlan:
    """Read the plan of an execution."""
    return RunPlan.from_json(work.read_json(keys.run_plan(execution_id)))


def make_plan(request: RunRequest, accepted: AcceptedRequest, inbox: Store) -> RunPlan:
    """Decide what is computed and under which names."""
    header, config, ibd = accepted.dataset.header, accepted.config, accepted.ibd
    read_range = ibd_reader(inbox, request.dataset.ibd_key)
    dataset_id = identify_dataset(accepted.dataset.imzml, ibd.n_bytes, read_range)
    sort = choose_sort(header.n_peaks, header.mz_dtype.itemsize, request.dataset.name)
    sampled = sample_mz(header, read_range)
    bounds = plan_bounds(sampled, header.n_peaks, PEAKS_PER_SEGMENT).tolist()
    segments_id = identify_segments(dataset_id, bounds)
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
        sort_memory_mb=sort_memory_mb(header.n_peaks, header.mz_dtype.itemsize),
        config=config.to_json(),
        databases=databases,
        warnings=(*accepted.dataset.messages("warning"), *accepted.warnings),
    )


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
