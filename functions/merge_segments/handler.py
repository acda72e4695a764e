"""MergeSegments: merge what the sorted spans hold of some ranges of m/z, one item of a Map.

Stands between PlanMerge and FinishSegments. Reads a block of every span per segment; writes
``segments/<segments>/segment-<n>.bin``, and after them ``sort/<sort>/merged/<n>-<n>.json``.
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, MergeItem
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.segment_writing import write_segment
from ionbox_cloud.stored.segments import read_ahead
from ionbox_cloud.stored.sorted_spans import SpanReader, write_merged
from ionbox_science.progress import report_progress
from ionbox_science.sorting.span_merging import merge_spans


@state_handler("MergeSegments", MergeItem)
def lambda_handler(message: MergeItem, stores: Stores) -> Done:
    """Write segments ``start`` to ``stop``, then what is in them."""
    plan = read_plan(stores.work, message.execution_id)
    spans = SpanReader(stores.work, plan)
    indices = range(message.start, message.stop)
    # one segment is merged while the blocks of the next are read: memory is planned for both
    blocks = read_ahead(spans.plan_read(index) for index in indices)
    written = []
    for index, found in zip(indices, blocks, strict=True):
        written.append(write_segment(stores.results, plan.segments_id, index, merge_spans(found)))
        report_progress(len(written), len(indices), "segments")
    write_merged(stores.work, message.output_key, written)
    return Done()
