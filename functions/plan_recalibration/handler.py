"""PlanRecalibration: items of the first pass, which measures m/z errors of targets and of decoys.

Gathers GenerateIsotopePatterns, and comes after sorting. Reads the chunks' m/z ranges and the
segments' indices; writes the items of MeasureMzErrors and, for PlanAnnotation, the ranges of ions
that the errors are in, earlier ones included (``executions/<execution>/mz-errors/<n>.json``).
"""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ItemList, MzErrorItem, PatternItem, RunCall
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import choose_score_peaks, score_memory_mb
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.patterns import count_ions
from ionbox_cloud.stored.score_ranges import choose_ranges, read_ion_ranges
from ionbox_cloud.stored.segments import SegmentReader


@state_handler("PlanRecalibration", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ItemList:
    """Cut the ions of each database as they are scored: about as much is read of the peaks."""
    work = stores.work
    with work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        reads.start(gather, work, "GenerateIsotopePatterns", message.execution_id, PatternItem)
        plan = reads.start(read_plan, work, message.execution_id).result()
        opened = reads.start(SegmentReader, stores.results, plan.segments_id)
        listed = [
            reads.start(work.list_lasting, keys.mz_errors(database.scores_id))
            for database in plan.databases
        ]
        counted = [reads.start(count_ions, work, each.patterns_id) for each in plan.databases]
    segments = opened.result()
    chunks = [
        read_ion_ranges(work, plan, database, n_ions.result(), segments)
        for database, n_ions in zip(plan.databases, counted, strict=True)
    ]
    per_item = choose_score_peaks(chunks, FanOut.from_environment(plan.dollars_per_minute))
    items: dict[str, MzErrorItem] = {}
    with work.side_by_side() as writes:
        for index, database in enumerate(plan.databases):
            finished = set(filter(None, map(keys.range_of, listed[index].result())))
            ranges, missing = choose_ranges(chunks[index], per_item, finished)
            writes.start(work.write_json, keys.mz_error_ranges(message.execution_id, index), ranges)
            for (start, stop), part in missing.items():
                key = keys.mz_error_item(database.scores_id, start, stop)
                # databases of equal formulas share what is measured: the first one asks for it
                items.setdefault(
                    key,
                    MzErrorItem(
                        message.execution_id,
                        message.run_id,
                        len(items),
                        key,
                        index,
                        start,
                        stop,
                        memory_mb=score_memory_mb(
                            stop - start, part.n_peaks, plan.width * plan.height
                        ),
                    ),
                )
    return plan_items(work, "MeasureMzErrors", message.execution_id, list(items.values()))
