"""PublishResults: table, colocalization, report, and the run record, which is written last.

The page is made by `ionbox_cloud.report.report_file` and `page_assembly`.

Last state. Gathers RenderImages and CompareImages, or is reached at once if PlanRun found the run
published. Reads annotations, what RenderImages left of the images, which of them CompareImages
found alike (if there are many; else this call compares them), what came of comparing the ibd, and
call records; writes ``annotations.csv``,
``report.html``, the rest of ``results/<dataset>/<run>/``, ``run.json``, and the execution's
``status.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ionbox_cloud import keys
from ionbox_cloud.call_records import CallRecord
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import CompareItem, ImageItem, PublishedRun, RunCall
from ionbox_cloud.planning.map_items import gather
from ionbox_cloud.published import RECORD, SPECTRUM_INDEX, TABLE
from ionbox_cloud.records.describe_run import describe_run
from ionbox_cloud.records.run_record import Bill, RunRecord, RunStatus, StateTotals
from ionbox_cloud.records.run_totals import add_up, bill, read_calls, write_status
from ionbox_cloud.report.published_run import read_record
from ionbox_cloud.report.report_file import Overview, ReportImages, write_report
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.storage.side_by_side import Started
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.annotations import read_found_databases
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.ibd_checksum import read_checksum, refuse_damaged
from ionbox_cloud.stored.image_parts import read_partners, read_pictures, read_prepared
from ionbox_cloud.stored.images import index_images, read_image_list, write_colocalization
from ionbox_cloud.stored.label_fractions import read_fractions, write_fraction_table
from ionbox_cloud.stored.publication import Publication, gather_files
from ionbox_cloud.stored.recalibration import read_fitted_line
from ionbox_cloud.stored.segments import read_manifest
from ionbox_science.annotation.colocalization import (
    Colocalization,
    colocalize_compared,
    colocalize_prepared,
)
from ionbox_science.annotation.label_series import find_label_series
from ionbox_science.annotation.table import write_annotations
from ionbox_science.imzml.spectrum_index import pack_index
from ionbox_science.progress import part_of_progress


@state_handler("PublishResults", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> PublishedRun:
    """Publish a run, or say that it is published already."""
    work, execution_id = stores.work, message.execution_id
    with work.side_by_side() as calls:
        called = calls.start(read_calls, work, execution_id)
        plan = read_plan(work, execution_id)
        # PlanRun compared the files with the record, and removed it if they are not what it says
        published = None if plan.force else read_record(stores.results, plan)
        reused = published is not None
        if published is not None:
            record = published
        else:
            noted = calls.start(gather_files, work, execution_id)
            publication = Publication(stores.results, plan)
            with publication.written_by(calls):
                record = _publish(stores, publication, plan, execution_id, called)
    folder = keys.results(plan.dataset_id, plan.run_id)
    if not reused:
        record = replace(record, files=noted.result() | publication.files)
        # last of the results: whoever finds run.json finds everything else
        stores.results.write_sealed(f"{folder}/{RECORD}", record.to_json())
    _, cost = _add_up(called, plan, stores)
    write_status(
        stores.results,
        RunStatus(
            "succeeded",
            message.execution_id,
            reused=reused,
            results=folder,
            dataset=plan.dataset.name,
            run_id=plan.run_id,
            n_annotations=record.n_annotations,
            cost=cost,
        ),
    )
    return PublishedRun(folder, record.n_annotations)


def _publish(
    stores: Stores,
    publication: Publication,
    plan: RunPlan,
    execution_id: str,
    called: Started[list[CallRecord]],
) -> RunRecord:
    """Write all results but the run record, and return that record."""
    with stores.work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        gathered = reads.start(gather, stores.work, "RenderImages", execution_id, ImageItem)
        comparing = reads.start(gather, stores.work, "CompareImages", execution_id, CompareItem)
        databases = reads.start(read_found_databases, stores.work, plan)
        image_list = reads.start(read_image_list, stores.work, plan.run_id)
        stored_header = reads.start(read_stored_header, stores.work, plan.segments_id)
        stored_tic = reads.start(stores.results.read_arrays, keys.tic(plan.segments_id))
        manifest = reads.start(read_manifest, stores.results, plan.segments_id)
        line = reads.start(read_fitted_line, stores.work, plan)
        # nothing is published of an ibd that was not compared
        compared = reads.start(read_checksum, stores.results, plan.dataset_id, plan.ibd_etag)
    checksum = compared.result()
    refuse_damaged(plan, manifest.result(), checksum)
    found, listed, header = databases.result(), image_list.result(), stored_header.result()
    table = write_annotations(
        plan.dataset.name,
        plan.dataset_id,
        plan.config.polarity,
        plan.config.ppm,
        [each.annotated for each in found],
    )
    publication.write(TABLE, table)
    publication.write_arrays(SPECTRUM_INDEX, pack_index(header), compressed=True)
    n_images = len(listed.mz)
    image_of = index_images(listed, [each.annotated.annotations for each in found], plan)
    with part_of_progress(0, 0.1):
        pictures = read_pictures(stores.work, plan, n_images, gathered.result())
    with part_of_progress(0.1, 0.5):
        colocalized = _colocalize(
            stores.work, plan, image_of, n_images, gathered.result(), comparing.result()
        )
    write_colocalization(publication, colocalized)
    series = find_label_series([each.annotated.annotations for each in found])
    drew = [item for item in gathered.result() if listed.series_of(item.start, item.stop)]
    fractions = read_fractions(stores.work, plan, series, drew)
    write_fraction_table(publication, fractions)
    states, cost = _add_up(called, plan, stores)
    record = describe_run(
        plan, header, manifest.result(), checksum, found, line.result(), states, cost
    )
    images = ReportImages(image_of, pictures)
    overview = Overview(stored_tic.result()["tic"], header.mask)
    with part_of_progress(0.6, 1):
        write_report(publication, record, found, images, overview, colocalized, fractions)
    return record


def _colocalize(
    work: Store,
    plan: RunPlan,
    image_of: Mapping[str, int],
    n_images: int,
    drawn: Sequence[ImageItem],
    compared: Sequence[CompareItem],
) -> Colocalization:
    """Find the ions that are alike: join what was compared, or compare all images here."""
    ions = list(image_of.items())
    if compared:
        return colocalize_compared(read_partners(work, compared), ions)
    with part_of_progress(0, 0.1):
        prepared = read_prepared(work, plan, n_images, drawn)
    with part_of_progress(0.1, 1):
        return colocalize_prepared(prepared, n_images, ions)


def _add_up(
    called: Started[list[CallRecord]], plan: RunPlan, stores: Stores
) -> tuple[dict[str, StateTotals], Bill]:
    """Return what each state took and what it cost, without this call: its record comes last."""
    states = add_up(called.result(), plan)
    return states, bill(states, on_aws=stores.results.is_remote)
