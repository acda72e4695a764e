"""PlanMerge: see that all spans are sorted, and list the segments to merge from them.

Gathers SortSpans. Reads how many peaks each span has in each segment; writes them as one object,
``sort/<sort>/counts.npz``, and the items of MergeSegments.
"""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import ItemList, MergeItem, RunCall, SortItem
from ionbox_cloud.planning.fan_out import FanOut, cover
from ionbox_cloud.planning.map_items import gather, plan_items
from ionbox_cloud.planning.work_items import (
    choose_merge_peaks,
    cut_merge_items,
    merge_memory_mb,
)
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.segments_present import find_merged
from ionbox_cloud.stored.sorted_spans import gather_counts


@state_handler("PlanMerge", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> ItemList:
    """Write the counts of all spans, then list the segments that do not exist yet."""
    with stores.work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        reads.start(gather, stores.work, "SortSpans", message.execution_id, SortItem)
        plan = reads.start(read_plan, stores.work, message.execution_id).result()
        in_work = reads.start(stores.work.list_lasting, keys.sort(plan.sort_id))
        in_results = reads.start(stores.results.list_lasting, keys.segments(plan.segments_id))
    counts = gather_counts(stores.work, plan)
    finished = find_merged(plan, in_work.result(), in_results.result())
    n_spans, per_segment = len(counts), counts.sum(axis=0).tolist()
    fan = FanOut.from_environment(plan.dollars_per_minute)
    parts = cut_merge_items(per_segment, choose_merge_peaks(per_segment, n_spans, fan))
    ranges = cover(plan.n_segments, finished, [(part.start, part.stop) for part in parts])
    missing = [each for each in ranges if each not in set(finished)]
    items = [
        MergeItem(
            message.execution_id,
            message.run_id,
            item,
            keys.merged_segments(plan.sort_id, start, stop),
            start,
            stop,
            memory_mb=merge_memory_mb(sum(per_segment[start:stop]), plan.mz_dtype.itemsize),
        )
        for item, (start, stop) in enumerate(missing)
    ]
    return plan_items(stores.work, "MergeSegments", message.execution_id, items)
