"""EstimateFdr: rank targets against decoys, per database; list the ions to draw.

The estimate itself is `ionbox_science.scoring.fdr.estimate_fdr`.

Gathers AnnotateSegments. Reads all scores, the ion tables and the patterns of what was found;
writes ``runs/<run>/annotations-<n>.npz`` and ``diagnostics/<database>.npz`` per database, writes
``ion_images.zarr`` but for the images, and the items of RenderImages and of CompareImages.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import CompareItem, ImageItem, ImageItems, RunCall, ScoreItem
from ionbox_cloud.planning.call_memory import plan_call, publish_memory_mb
from ionbox_cloud.planning.comparison import compare_memory_mb, cut_compare_items
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import cut_image_items, cut_shards, image_memory_mb
from ionbox_cloud.published import diagnostics
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.annotations import pack_diagnostics
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.images import ImageList, create_images, index_images, list_images
from ionbox_cloud.stored.patterns import read_ions, read_patterns, read_patterns_of
from ionbox_cloud.stored.publication import Publication
from ionbox_cloud.stored.recalibration import read_recalibration
from ionbox_cloud.stored.score_ranges import ScoreRanges
from ionbox_cloud.stored.segments import Float64s, SegmentReader
from ionbox_science.annotation.annotations import Annotations, rank_targets
from ionbox_science.annotation.competition import Competitors
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.annotation.label_series import find_label_series
from ionbox_science.annotation.quality import histogram_msm, tally_scores
from ionbox_science.annotation.ranked_database import (
    RankedDatabase,
    find_competitors,
    find_target_ions,
)
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.scoring.ion_images import window_bounds
from ionbox_science.scoring.learned_score import rank_by
from ionbox_science.scoring.recalibration import Recalibration
from ionbox_science.scoring.scores import IonScores, lie_inside
from ionbox_science.scoring.targeted import add_silent_ions, is_targeted

_ANNOTATED = 0.8  # of the time, how much is over when images begin to be laid out


@state_handler("EstimateFdr", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ImageItems:
    """Write the annotations of each database; answer with the images to draw."""
    work = stores.work
    with work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        reads.start(gather, work, "AnnotateSegments", message.execution_id, ScoreItem)
        plan = reads.start(read_plan, work, message.execution_id).result()
        scored = [
            reads.start(ScoreRanges.read, work, message.execution_id, index)
            for index in range(len(plan.databases))
        ]
        opened = reads.start(SegmentReader, stores.results, plan.segments_id)
        stored_tic = reads.start(stores.results.read_arrays, keys.tic(plan.segments_id))
        header = reads.start(read_stored_header, work, plan.segments_id)
        line = reads.start(read_recalibration, work, plan)
    publication, segments = Publication(stores.results, plan), opened.result()
    placing = segments.mz_range, line.result()
    with part_of_progress(0, 0.6):
        ranked = [
            _rank_database(work, plan, index, ranges.result(), *placing)
            for index, ranges in enumerate(scored)
        ]
    competitors = find_competitors(ranked, plan.config) if plan.config.competition else None
    found = []
    with part_of_progress(0.6, _ANNOTATED):
        for index, each in enumerate(ranked):
            found.append(_annotate_database(stores, publication, plan, index, each, competitors))
            report_progress(index + 1, len(ranked), "databases")
    series = find_label_series(found)
    images, fan = list_images(found, series), FanOut.from_environment(plan.dollars_per_minute)
    comparisons = _cut_comparisons(message.execution_id, plan, len(images.mz), fan)
    image_of = index_images(images, found, plan)
    with work.side_by_side() as writes:
        writes.start(work.write_arrays, keys.run_images(plan.run_id), images.to_arrays())
        mz = line.result().place(images.mz)
        cut = writes.start(_cut_images, message.execution_id, plan, images, mz, segments, fan)
        tic = stored_tic.result()["tic"]
        with publication.written_by(writes):
            create_images(publication, plan, images, image_of, series, tic, header.result())
    with work.side_by_side() as writes:
        # after the files that it is about
        writes.start(publication.note, work, message.execution_id, "EstimateFdr")
        listing = writes.start(plan_items, work, "RenderImages", message.execution_id, cut.result())
        comparing = writes.start(
            plan_items, work, "CompareImages", message.execution_id, comparisons
        )
    listed, comparison = listing.result(), comparing.result()
    memory_mb = publish_memory_mb(plan, len(images.mz), are_compared=bool(comparisons))
    publishing = plan_call("PublishResults", memory_mb, Ladder.from_environment())
    return ImageItems(listed.n_items, listed.items_key, comparison, publishing)


def _cut_images(
    execution_id: str,
    plan: RunPlan,
    images: ImageList,
    images_mz: Float64s,
    segments: SegmentReader,
    fan: FanOut | None,
) -> list[ImageItem]:
    """Cut the images into items; their m/z are where peaks are to be looked for."""
    segments.read_indices(*window_bounds(images_mz[images_mz > 0], plan.config.ppm))
    n_images, n_isotopes = images_mz.shape
    n_pixels = plan.width * plan.height
    items = []
    # an item is whole shards (objects) of the image array: no two calls write the same object
    for item, (start, stop) in enumerate(cut_image_items(n_images, n_isotopes, n_pixels, fan)):
        shards = [
            (b - a, segments.count_peaks(*window_bounds(mz[mz > 0], plan.config.ppm)))
            for a, b in cut_shards(start, stop, n_isotopes, n_pixels)
            for mz in [images_mz[a:b]]
        ]
        memory_mb = max(
            image_memory_mb(n_ions * n_isotopes * n_pixels, n_peaks, len(shards))
            for n_ions, n_peaks in shards
        )
        # of a label series all first images are in memory at once, some of them as float64
        n_members = [len(images.members(series)) for series in images.series_of(start, stop)]
        of_series = image_memory_mb(2 * max(n_members, default=0) * n_pixels, 0)
        memory_mb = max(memory_mb, of_series)
        items.append(
            ImageItem(
                execution_id,
                plan.run_id,
                item,
                keys.image_record(execution_id, item),
                start,
                stop,
                memory_mb=memory_mb,
            )
        )
    return items


def _cut_comparisons(
    execution_id: str, plan: RunPlan, n_images: int, fan: FanOut | None
) -> list[CompareItem]:
    """Cut the comparison of images into items; none if PublishResults is to compare them."""
    shape = (plan.height, plan.width)
    return [
        CompareItem(
            execution_id,
            plan.run_id,
            item,
            keys.partners(plan.run_id, start, stop),
            start,
            stop,
            n_images,
            memory_mb=compare_memory_mb(n_images, shape, stop - start),
        )
        for item, (start, stop) in enumerate(cut_compare_items(n_images, shape, fan))
    ]


def _rank_database(
    work: Store,
    plan: RunPlan,
    index: int,
    ranges: ScoreRanges,
    mz_range: tuple[float, float],
    line: Recalibration,
) -> RankedDatabase:
    """Rank the targets of one database, the ``index``-th, by themselves."""
    database, share = plan.databases[index], 1 / len(plan.databases)
    with work.side_by_side() as reads, part_of_progress(index * share, (index + 1) * share):
        ions = reads.start(read_ions, work, database.patterns_id)
        scores = rank_by(_read_scores(work, ranges), plan.config.scoring)
    table = ions.result()
    keep_all = is_targeted(plan.config.targeted, len(table.formulas))
    if keep_all:
        mz = read_patterns(work, database.patterns_id, 0, table.n_ions).mz
        scores = add_silent_ions(scores, mz, lie_inside(line.place(mz), mz_range))
    ranked = rank_targets(table, scores, plan.config.fdr_method, keep_all=keep_all)
    of_targets = scores.ion[find_target_ions(table, scores, keep_all=keep_all)]
    patterns = read_patterns_of(work, database.patterns_id, of_targets)
    return RankedDatabase(database.name, table, scores, ranked, patterns, keep_all)


def _annotate_database(
    stores: Stores,
    publication: Publication,
    plan: RunPlan,
    index: int,
    database: RankedDatabase,
    competitors: Competitors | None,
) -> Annotations:
    """Write the annotations of one database (work) and its diagnostics (results)."""
    table, scores = database.table, database.scores
    annotations, ranked = database.annotate(competitors, plan.config)
    with stores.work.side_by_side() as writes, publication.written_by(writes):
        publication.write_arrays(
            diagnostics(database.name),
            pack_diagnostics(ScoredDatabase(database.name, table, scores, ranked.fdr)),
        )
        writes.start(
            stores.work.write_arrays,
            keys.run_annotations(plan.run_id, index),
            {
                **annotations.to_arrays(),
                "n_dropped": np.array(ranked.n_dropped),
                "msm_histogram": histogram_msm(table, scores),
                **tally_scores(table, scores).to_arrays(),
            },
        )
    return annotations


def _read_scores(work: Store, ranges: ScoreRanges) -> IonScores:
    """Read the scores of all ions of a database."""
    names = ranges.names()
    parts = []
    for item, stored in enumerate(work.read_many_arrays(names)):
        parts.append(IonScores.from_arrays(stored))
        report_progress(item + 1, len(names), "files")
    return IonScores.concatenate(parts)
