"""PublishResults: table, images' overview, report, and the run record, which is written last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ImageItem, PublishedRun, RunRef
from ionbox_cloud.planning.map_items import gather
from ionbox_cloud.published import RECORD, SPECTRUM_INDEX, TABLE
from ionbox_cloud.report.page_data import Overview, write_report
from ionbox_cloud.run_plan import RunPlan, is_published, read_plan
from ionbox_cloud.run_record import bill, total_states, versions, write_status
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.annotations import FoundDatabase, read_found_databases
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.ibd_checksum import IbdChecksum
from ionbox_cloud.stored.images import write_colocalization, write_overview
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.annotation.table import summarise, write_annotations
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectrum_index import pack_index
from ionbox_science.scoring.fdr import FDR_LEVELS


@state_handler("PublishResults", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> PublishedRun:
    """Publish a run, or say that it is published already."""
    plan = read_plan(stores.work, message.execution_id)
    record_key = keys.results(plan.dataset_id, plan.run_id, RECORD)
    reused = is_published(stores.results, plan)
    if reused:
        record = stores.results.read_json(record_key)
        states = total_states(stores.work, message.execution_id, plan)
        cost = bill(states, on_aws=stores.results.is_remote)
    else:
        gather(stores.work, "RenderImages", message.execution_id, ImageItem)
        record = _publish(message, stores, plan)
        stores.results.write_json(record_key, record)
        cost = record["cost"]
    answer = PublishedRun(
        results_key=keys.results(plan.dataset_id, plan.run_id),
        n_annotations=record["n_annotations"],
    )
    write_status(
        stores.results,
        message.execution_id,
        {
            "status": "succeeded",
            "reused": reused,
            "results": answer.results_key,
            "dataset": plan.dataset.name,
            "run_id": plan.run_id,
            "n_annotations": answer.n_annotations,
            "cost": cost,
        },
    )
    return answer


def _publish(message: RunRef, stores: Stores, plan: RunPlan) -> dict[str, Any]:
    """Write everything but the run record, and return that."""
    config = plan.run_config
    found = read_found_databases(stores.work, plan)
    table = write_annotations(
        plan.dataset.name,
        plan.dataset_id,
        config.polarity,
        config.ppm,
        [each.annotated for each in found],
    )
    folder = keys.results(plan.dataset_id, plan.run_id)
    stores.results.write(f"{folder}/{TABLE}", table)
    header = read_stored_header(stores.work, plan.dataset_id)
    tic = stores.results.read_arrays(keys.tic(plan.segments_id))["tic"]
    write_overview(stores.results, plan, tic, header.mask)
    write_colocalization(stores.results, plan)
    index = pack_index(header)
    stores.results.write_arrays(f"{folder}/{SPECTRUM_INDEX}", index, compressed=True)
    record = _describe(message, stores, plan, header, found)
    write_report(stores.results, plan, record, found, Overview(tic, header.mask))
    return record


def _describe(
    message: RunRef,
    stores: Stores,
    plan: RunPlan,
    header: ImzmlHeader,
    found: Sequence[FoundDatabase],
) -> dict[str, Any]:
    """Return the run record."""
    manifest = SegmentReader(stores.results, plan.segments_id).manifest
    checksum = manifest.checksum
    states = total_states(stores.work, message.execution_id, plan)
    return {
        "run_id": plan.run_id,
        "dataset": {
            "id": plan.dataset_id,
            "name": plan.dataset.name,
            "n_spectra": plan.n_spectra,
            "n_peaks": plan.n_peaks,
            "width": plan.width,
            "height": plan.height,
            "mz_min": manifest.mz_min,
            "mz_max": manifest.mz_max,
            "pixel_size_um": header.pixel_size_um,
            "imzml_sha256": plan.imzml_sha256,
            "ibd_bytes": plan.ibd_bytes,
            "ibd_checksum": checksum.to_json(),
        },
        "segments_id": plan.segments_id,
        "sources": {
            "segments": keys.segments(plan.segments_id),
            "ibd": plan.dataset.ibd_key,
            "ibd_etag": plan.ibd_etag,
        },
        "config": plan.config,
        "databases": [
            {
                **planned.to_json(),
                "n_annotations": each.n_annotations,
                "n_dropped": each.n_dropped,
                **each.tally.to_json(),
            }
            for planned, each in zip(plan.databases, found, strict=True)
        ],
        "warnings": [*plan.warnings, *_check_copy(checksum, plan)],
        "versions": versions(),
        "n_annotations": sum(each.n_annotations for each in found),
        "summary": summarise(
            [each.annotated for each in found], plan.run_config.ion_rule, FDR_LEVELS
        ),
        "sort": plan.sort.to_json(),
        "states": {state: total.to_json() for state, total in states.items()},
        "cost": bill(states, on_aws=stores.results.is_remote),
    }


def _check_copy(checksum: IbdChecksum, plan: RunPlan) -> list[str]:
    if checksum.verdict == "not compared":
        return [f"{plan.dataset.ibd_key}: too large to compare its checksum in one call"]
    if checksum.verdict != "differs":
        return []
    name, algorithm = PurePosixPath(plan.dataset.ibd_key).name, checksum.algorithm.upper()
    return [
        f"{name}: its {algorithm} is not the one the imzML declares; compare it with the original"
    ]
