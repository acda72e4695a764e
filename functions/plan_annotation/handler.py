"""PlanAnnotation: join segments and patterns into balanced items of scoring.

Gathers GenerateIsotopePatterns, and comes after sorting. Reads the chunks' m/z ranges and the
segments' indices; writes the items of AnnotateSegments and, for EstimateFdr, the ranges of ions
that scores are in, earlier ones included (``executions/<execution>/scores/<n>.json``).
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ItemList, PatternItem, RunCall, ScoreItem
from ionbox_cloud.planning.fan_out import FanOut, cover
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import (
    IonRange,
    choose_score_peaks,
    cut_score_items,
    score_memory_mb,
)
from ionbox_cloud.run_plan import PlannedDatabase, RunPlan, read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.patterns import count_ions, read_summaries
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.scoring.ion_images import window_bounds


@state_handler("PlanAnnotation", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ItemList:
    """Cut the ions of each database, and list the score items that do not exist yet."""
    work = stores.work
    with work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        reads.start(gather, work, "GenerateIsotopePatterns", message.execution_id, PatternItem)
        plan = reads.start(read_plan, work, message.execution_id).result()
        opened = reads.start(SegmentReader, stores.results, plan.segments_id)
        listed = [
            reads.start(work.list_lasting, keys.scores(database.scores_id))
            for database in plan.databases
        ]
        counted = [
            reads.start(count_ions, work, database.patterns_id) for database in plan.databases
        ]
    segments = opened.result()
    chunks = [
        _read_chunks(stores, plan, database, n_ions.result(), segments)
        for database, n_ions in zip(plan.databases, counted, strict=True)
    ]
    per_item = choose_score_peaks(chunks, FanOut.from_environment(plan.dollars_per_minute))
    missing: dict[str, tuple[int, IonRange]] = {}
    with work.side_by_side() as writes:
        for index, database in enumerate(plan.databases):
            parts = cut_score_items(chunks[index], per_item)
            planned = {(part.start, part.stop): part for part in parts}
            finished = set(filter(None, map(keys.range_of, listed[index].result())))
            n_ions = parts[-1].stop if parts else 0
            ranges = cover(n_ions, finished, list(planned))
            writes.start(work.write_json, keys.score_ranges(message.execution_id, index), ranges)
            for start, stop in ranges:
                if (start, stop) not in finished:
                    output_key = keys.score_item(database.scores_id, start, stop)
                    # databases of equal formulas share their scores: the first one asks for them
                    missing.setdefault(output_key, (index, planned[start, stop]))
    items = [
        ScoreItem(
            message.execution_id,
            message.run_id,
            item,
            output_key,
            database,
            part.start,
            part.stop,
            memory_mb=score_memory_mb(
                part.stop - part.start, part.n_peaks, plan.width * plan.height
            ),
        )
        for item, (output_key, (database, part)) in enumerate(missing.items())
    ]
    return plan_items(work, "AnnotateSegments", message.execution_id, items)


def _read_chunks(
    stores: Stores,
    plan: RunPlan,
    database: PlannedDatabase,
    n_ions: int,
    segments: SegmentReader,
) -> list[IonRange]:
    """Return the chunks of a database, with the measured peaks that scoring each has to read."""
    summaries = read_summaries(stores.work, database.patterns_id, n_ions)
    ends = np.array([(summary.mz_min, summary.mz_max) for summary in summaries]).reshape(-1, 2)
    lowest, highest = window_bounds(ends, plan.config.ppm)
    segments.read_indices(lowest[:, 0], highest[:, 1])
    n_isotopes, ppm = plan.config.isotope_peaks, plan.config.ppm
    chunks = []
    for summary, low, high in zip(summaries, lowest[:, 0], highest[:, 1], strict=True):
        n_peaks = segments.count_peaks(low, high)
        # as if windows were spread evenly over the range
        windows = (summary.stop - summary.start) * n_isotopes * (low + high) * ppm * 1e-6
        overlap = windows / (high - low) if high > low else 0.0
        chunks.append(IonRange(summary.start, summary.stop, n_peaks, int(n_peaks * overlap)))
    return chunks
