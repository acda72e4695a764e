"""The run record (``run.json``) of a run that is about to be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from ionbox_science.annotation.table import summarise
from ionbox_science.imzml.checks import describe_dropped
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.scoring.fdr import FDR_LEVELS
from ionbox_science.scoring.learned_score import AS_SERVED, CITATION, read_model
from ionbox_science.scoring.recalibration import FittedLine
from ionbox_science.scoring.scores import MSM_CITATION
from ionbox_science.setting_table import MSM, Scoring

from ionbox_cloud import keys
from ionbox_cloud.records.run_record import (
    Bill,
    DatabaseRecord,
    DatasetRecord,
    PickingRecord,
    RecalibrationRecord,
    RunRecord,
    ScoreRecord,
    SourceRecord,
    StateTotals,
    SummaryRow,
    Versions,
)
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan
from ionbox_cloud.stored.annotations import FoundDatabase
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.ibd_checksum import describe_difference
from ionbox_cloud.stored.segments import SegmentsManifest


def describe_run(
    plan: RunPlan,
    header: ImzmlHeader,
    manifest: SegmentsManifest,
    checksum: IbdChecksum,
    found: Sequence[FoundDatabase],
    line: FittedLine | None,
    states: Mapping[str, StateTotals],
    cost: Bill,
) -> RunRecord:
    """Bring together what is known of a run.

    Parameters
    ----------
    plan : RunPlan
        What PlanRun decided and was told.
    header : ImzmlHeader
        What the imzML says.
    manifest : SegmentsManifest
        What sorting found: range of m/z, peaks that were left out.
    checksum : IbdChecksum
        What came of comparing the ibd.
    found : sequence of FoundDatabase
        What was found, in the order of the plan's databases.
    line : FittedLine or None
        The line of m/z errors, if one was asked for.
    states : mapping of str to StateTotals
        What each state took so far.
    cost : Bill
        What that costs, in dollars.
    """
    rows = summarise([each.annotated for each in found], plan.config.ion_rule, FDR_LEVELS)
    return RunRecord(
        run_id=plan.run_id,
        dataset=_describe_dataset(plan, header, manifest, checksum),
        config=plan.config,
        score=_describe_score(plan.config.scoring),
        recalibration=describe_line(line) if line else None,
        databases=tuple(map(_describe_database, plan.databases, found)),
        versions=Versions.here(),
        n_annotations=sum(each.n_annotations for each in found),
        summary=tuple(map(SummaryRow.from_json, rows)),
        warnings=(
            *plan.warnings,
            *_check_copy(checksum, plan),
            *_check_peaks(manifest, plan),
        ),
        segments_id=plan.segments_id,
        sources=SourceRecord(
            segments=keys.segments(plan.segments_id),
            ibd=plan.dataset.ibd_key,
            ibd_etag=plan.ibd_etag,
        ),
        sort=plan.sort,
        states=dict(states),
        cost=cost,
        forecast=plan.forecast,
    )


def _describe_score(scoring: Scoring) -> ScoreRecord:
    if scoring == MSM:
        return ScoreRecord(MSM, MSM_CITATION)
    errors = "-|error|" if scoring.endswith(AS_SERVED) else "1 - |error|"
    return ScoreRecord(scoring, CITATION, read_model(scoring).sha256, errors)


def describe_line(line: FittedLine) -> RecalibrationRecord:
    """Return what is published of a recalibration."""
    return RecalibrationRecord(
        **line.recalibration.to_json(),
        before_ppm=_typical(line.error_ppm),
        after_ppm=_typical(line.remaining_ppm),
        calibrants=tuple(
            zip(line.mz.round(4).tolist(), line.error_ppm.round(4).tolist(), strict=True)
        ),
    )


def _typical(error_ppm: npt.NDArray[np.float64]) -> float:
    return float(np.median(np.abs(error_ppm))) if error_ppm.size else 0.0


def _describe_dataset(
    plan: RunPlan, header: ImzmlHeader, manifest: SegmentsManifest, checksum: IbdChecksum
) -> DatasetRecord:
    return DatasetRecord(
        id=plan.dataset_id,
        name=plan.dataset.name,
        n_spectra=plan.n_spectra,
        n_peaks=plan.n_peaks,
        width=plan.width,
        height=plan.height,
        mz_min=manifest.mz_min,
        mz_max=manifest.mz_max,
        pixel_size_um=header.pixel_size_um,
        imzml_sha256=plan.imzml_sha256,
        ibd_bytes=plan.ibd_bytes,
        ibd_checksum=checksum,
        picked=_describe_picking(header, manifest),
    )


def _describe_picking(header: ImzmlHeader, manifest: SegmentsManifest) -> PickingRecord | None:
    if header.picked is None:
        return None
    return PickingRecord(
        n_spectra=int(header.picked.sum()),
        n_points=int(header.mz_count[header.picked].sum()),
        n_peaks=sum(manifest.n_peaks),
    )


def _describe_database(planned: PlannedDatabase, found: FoundDatabase) -> DatabaseRecord:
    return DatabaseRecord(
        **planned.to_json(),
        n_annotations=found.n_annotations,
        n_dropped=found.n_dropped,
        n_targets=found.tally.n_targets,
        n_measured=found.tally.n_measured,
        best_msm=found.tally.best_msm,
        best_decoy_msm=found.tally.best_decoy_msm,
    )


def _check_copy(checksum: IbdChecksum, plan: RunPlan) -> list[str]:
    """Say what is wrong with the copy of the ibd that was annotated: a warning, or none.

    A wrong checksum does not stop a run: peaks with implausible m/z would have done so already.
    """
    if checksum.verdict == "not compared":
        return [f"{plan.dataset.ibd_key}: too large to compare its checksum in one call"]
    if checksum.verdict != "differs":
        return []
    return [describe_difference(checksum, PurePosixPath(plan.dataset.ibd_key).name)]


def _check_peaks(manifest: SegmentsManifest, plan: RunPlan) -> list[str]:
    """Say how many peaks were left out."""
    if not manifest.n_implausible:
        return []
    name = PurePosixPath(plan.dataset.ibd_key).name
    return [describe_dropped(manifest.n_implausible, name)]
