"""MergeSegments: merge what the sorted spans hold of some ranges of m/z, one item of a Map.

Stands between PlanMerge and FinishSegments. Reads its ranges of every span at once; writes
``segments/<segments>/segment-<n>.bin``, and after them ``sort/<sort>/merged/<n>-<n>.json``.
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, MergeItem
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.segment_writing import write_segment
from ionbox_cloud.stored.sorted_spans import SpanReader, write_merged
from ionbox_science.progress import report_progress
from ionbox_science.sorting.span_merging import merge_spans


@state_handler("MergeSegments", MergeItem)
def lambda_handler(message: MergeItem, stores: Stores) -> Done:
    """Write segments ``start`` to ``stop``, then what is in them."""
    plan = read_plan(stores.work, message.execution_id)
    spans = SpanReader(stores.work, plan)
    started = []
    # a segment is written while the next is merged: memory is planned for all of them
    with stores.results.side_by_side() as writes:
        for index, blocks in enumerate(spans.read(message.start, message.stop), message.start):
            segment = stores.results, plan.segments_id, index, merge_spans(blocks)
            started.append(writes.start(write_segment, *segment))
            report_progress(len(started), message.stop - message.start, "segments")
    write_merged(stores.work, message.output_key, [each.result() for each in started])
    return Done()
