"""The plan of a run, made from a request that was found fit: identities, bounds, way of sorting.

The second half of PlanRun, after `accept_request`. Reads a sample of the ibd, and writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from ionbox_science.config import RunConfig
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.sorting.segments import PEAKS_PER_SEGMENT, plan_bounds
from ionbox_science.theory.databases import MoleculeDatabase

from ionbox_cloud.identity import (
    hash_content,
    identify_dataset,
    identify_patterns,
    identify_run,
    identify_scores,
    identify_segments,
)
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import RunRequest
from ionbox_cloud.planning.accepted_request import AcceptedRequest
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.inspection import sample_peaks
from ionbox_cloud.planning.sort_plan import SortJob, choose_spans, plan_sort, read_sort_task
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan


def make_plan(
    request: RunRequest,
    accepted: AcceptedRequest,
    settle: Callable[[str], str],
    planning_mb: int,
) -> RunPlan:
    """Decide what is computed and under which names.

    Parameters
    ----------
    request : RunRequest
        What was asked: files by key, and settings.
    accepted : AcceptedRequest
        What is behind it, found fit; a sample of the ibd is read.
    settle : callable
        Returns the identity of the dataset from that of its samples.
    planning_mb : int
        Memory that planning was expected to need, MB.

    Raises
    ------
    InvalidConfig
        If the way of sorting that was asked for cannot do it.
    InvalidDataset
        If the dataset is too large for any way.
    """
    header, config, ibd = accepted.dataset.header, accepted.config, accepted.ibd
    read_range = accepted.dataset.read_range
    imzml = hashlib.sha256(accepted.dataset.imzml)
    dataset_id = settle(identify_dataset(imzml, ibd.n_bytes, read_range))
    sample = sample_peaks(header, read_range)
    bounds = plan_bounds(sample.mz, sample.n_peaks, PEAKS_PER_SEGMENT).tolist()
    segments_id = identify_segments(dataset_id, config.read_options, bounds)
    job = SortJob(
        name=request.dataset.name,
        n_peaks=header.n_peaks,
        mz_bytes=header.mz_dtype.itemsize,
        ibd_bytes=ibd.n_bytes,
        n_segments=len(bounds) + 1,
        n_pixels=header.layout.n_pixels,
        n_picked=None if header.picked is None else sample.n_peaks,
    )
    fan = FanOut.from_environment(accepted.dollars_per_minute)
    sort = plan_sort(accepted.sort, job, Ladder.from_environment(), read_sort_task(), fan)
    n_spans = choose_spans(job, fan)
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
        imzml_sha256=imzml.hexdigest(),
        ibd_bytes=ibd.n_bytes,
        ibd_etag=ibd.etag,
        n_spectra=header.n_spectra,
        n_peaks=header.n_peaks,
        width=header.width,
        height=header.height,
        mz_type=header.mz_dtype.newbyteorder("=").str,
        checksum_algorithm=header.checksum_algorithm,
        declared_checksum=header.declared_checksum,
        segment_bounds=tuple(bounds),
        sort=sort,
        span_cuts=tuple(cut_spectra(header, n_spans)) if sort.way == "map" else (),
        config=config,
        databases=databases,
        dollars_per_minute=accepted.dollars_per_minute,
        force=accepted.force,
        n_formulas=max(len(molecules.unique_formulas()) for molecules, _ in accepted.databases),
        planning_mb=planning_mb,
        warnings=(*accepted.dataset.messages("warning"), *accepted.warnings),
    )


def cut_spectra(header: ImzmlHeader, n_spans: int) -> list[int]:
    """Cut the spectra into spans of about equal numbers of peaks.

    Parameters
    ----------
    header : ImzmlHeader
        What the imzML says: how many peaks each spectrum has.
    n_spans : int
        Spans to make; fewer come out where one spectrum has the peaks of several.

    Returns
    -------
    list of int
        Spectra at which spans begin, ascending from 0, then the number of spectra.
    """
    ends = np.cumsum(header.mz_count)
    targets = [header.n_peaks * index // n_spans for index in range(1, n_spans)]
    # behind the spectrum with which each target is reached
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
