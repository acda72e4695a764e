"""PlanAnnotation: join segments and patterns into balanced items of scoring.

Comes after sorting and gathers GenerateIsotopePatterns; where m/z are recalibrated, it gathers
MeasureMzErrors instead and draws the line first (``runs/<run>/recalibration.json``), as scores at
other m/z are other scores. Reads the chunks' m/z ranges and the segments' indices; writes the items
of AnnotateSegments and, for EstimateFdr, where scores are, earlier ones included
(``executions/<execution>/scores/<n>.json``).
"""

from __future__ import annotations

from collections.abc import Sequence

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ItemList, MzErrorItem, PatternItem, RunCall, ScoreItem
from ionbox_cloud.planning.fan_out import FanOut, Range
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import choose_score_peaks, score_memory_mb
from ionbox_cloud.run_plan import RunPlan, read_plan
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored.patterns import count_ions
from ionbox_cloud.stored.recalibration import read_first_pass, write_recalibration
from ionbox_cloud.stored.score_ranges import ScoreRanges, choose_ranges, read_ion_ranges
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_science.scoring.recalibration import (
    FittedLine,
    Recalibration,
    fit_recalibration,
)


@state_handler("PlanAnnotation", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ItemList:
    """Cut the ions of each database, and list the score items that do not exist yet."""
    work, execution_id = stores.work, message.execution_id
    plan = read_plan(work, execution_id)
    with work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        if plan.config.recalibrate:
            reads.start(gather, work, "MeasureMzErrors", execution_id, MzErrorItem)
        else:
            reads.start(gather, work, "GenerateIsotopePatterns", execution_id, PatternItem)
        opened = reads.start(SegmentReader, stores.results, plan.segments_id)
        counted = [reads.start(count_ions, work, each.patterns_id) for each in plan.databases]
        measured = [
            reads.start(work.read_json, keys.mz_error_ranges(execution_id, index))
            for index in range(len(plan.databases) if plan.config.recalibrate else 0)
        ]
    fitted = _fit(work, plan, [each.result() for each in measured])
    recalibration = fitted.recalibration if fitted else Recalibration()
    scores_ids = [each.recalibrated_id(recalibration) for each in plan.databases]
    with work.side_by_side() as calls:
        if fitted:
            calls.start(write_recalibration, work, plan.run_id, fitted)
        listed = [calls.start(work.list_lasting, keys.scores(each)) for each in scores_ids]
    segments = opened.result()
    chunks = [
        read_ion_ranges(work, plan, database, n_ions.result(), segments)
        for database, n_ions in zip(plan.databases, counted, strict=True)
    ]
    per_item = choose_score_peaks(chunks, FanOut.from_environment(plan.dollars_per_minute))
    items: dict[str, ScoreItem] = {}
    with work.side_by_side() as writes:
        for index, scores_id in enumerate(scores_ids):
            finished = set(filter(None, map(keys.range_of, listed[index].result())))
            ranges, missing = choose_ranges(chunks[index], per_item, finished)
            where = ScoreRanges(scores_id, tuple(ranges))
            writes.start(where.write, work, execution_id, index)
            for (start, stop), part in missing.items():
                output_key = keys.score_item(scores_id, start, stop)
                # databases of equal formulas share their scores: the first one asks for them
                items.setdefault(
                    output_key,
                    ScoreItem(
                        execution_id,
                        message.run_id,
                        len(items),
                        output_key,
                        index,
                        start,
                        stop,
                        memory_mb=score_memory_mb(
                            stop - start, part.n_peaks, plan.width * plan.height
                        ),
                    ),
                )
    return plan_items(work, "AnnotateSegments", execution_id, list(items.values()))


def _fit(work: Store, plan: RunPlan, measured: Sequence[Sequence[Range]]) -> FittedLine | None:
    """Draw the line through the m/z errors of all databases, if it is asked for.

    ``measured`` has the ranges of ions that were measured, of each database.
    """
    if not plan.config.recalibrate:
        return None
    return fit_recalibration(
        [
            read_first_pass(work, database.scores_id, [(start, stop) for start, stop in ranges])
            for database, ranges in zip(plan.databases, measured, strict=True)
        ]
    )
