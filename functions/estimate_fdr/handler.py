"""EstimateFdr: rank targets against decoys, per database; list the ions to draw.

The estimate itself is `ionbox_science.scoring.fdr.estimate_fdr`.

Gathers AnnotateSegments. Reads all scores, the ion tables and the patterns of what was found;
writes ``runs/<run>/annotations-<n>.npz`` and ``diagnostics/<database>.npz`` per database, writes
``ion_images.zarr`` but for the images, and the items of RenderImages.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import ImageItem, ImageItems, RunCall, ScoreItem
from ionbox_cloud.planning.call_memory import plan_call, publish_memory_mb
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import cut_image_items, cut_shards, image_memory_mb
from ionbox_cloud.published import diagnostics
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan, read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.diagnostics import pack_diagnostics
from ionbox_cloud.stored.images import ImageList, create_images, index_images, list_images
from ionbox_cloud.stored.patterns import read_ions, read_patterns_of
from ionbox_cloud.stored.publication import Publication
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.annotation.annotations import Annotations, collect_annotations, rank_targets
from ionbox_science.annotation.explanations import ScoredDatabase
from ionbox_science.annotation.quality import histogram_msm, tally_scores
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.scoring.ion_images import window_bounds
from ionbox_science.scoring.scores import IonScores

_ANNOTATED = 0.8  # of the time, how much is over when images begin to be laid out


@state_handler("EstimateFdr", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ImageItems:
    """Write the annotations of each database; answer with the images to draw."""
    gather(stores.work, "AnnotateSegments", message.execution_id, ScoreItem)
    plan = read_plan(stores.work, message.execution_id)
    publication = Publication(stores.results, plan)
    found = []
    share = _ANNOTATED / len(plan.databases)
    for index, database in enumerate(plan.databases):
        with part_of_progress(index * share, (index + 1) * share):
            found.append(_annotate_database(stores, publication, plan, index, database))
    images = list_images(found)
    stores.work.write_arrays(keys.run_images(plan.run_id), images.to_arrays())
    image_of = index_images(images, found, plan)
    tic = stores.results.read_arrays(keys.tic(plan.segments_id))["tic"]
    header = read_stored_header(stores.work, plan.segments_id)
    create_images(publication, plan, images, image_of, tic, header)
    publication.note(stores.work, message.execution_id, "EstimateFdr")
    items = _cut_images(message.execution_id, plan, images, stores)
    listed = plan_items(stores.work, "RenderImages", message.execution_id, items)
    memory_mb = publish_memory_mb(plan, len(images.mz))
    publishing = plan_call("PublishResults", memory_mb, Ladder.from_environment())
    return ImageItems(listed.n_items, listed.items_key, publishing)


def _cut_images(
    execution_id: str, plan: RunPlan, images: ImageList, stores: Stores
) -> list[ImageItem]:
    """Cut the images into items."""
    segments = SegmentReader(stores.results, plan.segments_id)
    n_images, n_isotopes = images.mz.shape
    n_pixels = plan.width * plan.height
    items = []
    # an item is whole shards (objects) of the image array: no two calls write the same object
    for item, (start, stop) in enumerate(cut_image_items(n_images, n_isotopes, n_pixels)):
        shards = [
            (b - a, segments.count_peaks(*window_bounds(mz[mz > 0], plan.config.ppm)))
            for a, b in cut_shards(start, stop, n_isotopes, n_pixels)
            for mz in [images.mz[a:b]]
        ]
        memory_mb = max(
            image_memory_mb(n_ions * n_isotopes * n_pixels, n_peaks) for n_ions, n_peaks in shards
        )
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


def _annotate_database(
    stores: Stores,
    publication: Publication,
    plan: RunPlan,
    index: int,
    database: PlannedDatabase,
) -> Annotations:
    """Rank the targets of one database; write its annotations (work) and diagnostics (results)."""
    table = read_ions(stores.work, database.patterns_id)
    with part_of_progress(0, 0.5):
        scores = _read_scores(stores, database)
    ranked = rank_targets(table, scores, plan.config.fdr_method)
    report_progress(3, 4, "steps")  # read, put together, ranked
    patterns = read_patterns_of(stores.work, database.patterns_id, scores.ion[ranked.score_row])
    annotations = collect_annotations(table, scores, ranked, patterns.mz, patterns.intensity)
    stores.work.write_arrays(
        keys.run_annotations(plan.run_id, index),
        {
            **annotations.to_arrays(),
            "n_dropped": np.array(ranked.n_dropped),
            "msm_histogram": histogram_msm(table, scores),
            **tally_scores(table, scores).to_arrays(),
        },
    )
    publication.write_arrays(
        diagnostics(database.name),
        pack_diagnostics(ScoredDatabase(database.name, table, scores, ranked.fdr)),
    )
    return annotations


def _read_scores(stores: Stores, database: PlannedDatabase) -> IonScores:
    """Read the scores of all ions of a database."""
    # as many as PlanAnnotation cut, which may be more than were missing and so on the Map's list
    n_items = len(stores.work.read_json(keys.scores_plan(database.scores_id)))
    parts = []
    for item in range(n_items):
        stored = stores.work.read_arrays(keys.score_item(database.scores_id, item))
        parts.append(IonScores.from_arrays(stored))
        report_progress(item + 1, n_items, "files")
    return IonScores.concatenate(parts)
