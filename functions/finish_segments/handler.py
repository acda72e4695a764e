"""FinishSegments: see that all segments are merged, and close them.

Gathers MergeSegments; last state of sorting by many calls. Reads what SortSpans and MergeSegments
left in ``sort/<sort>/``; writes the segments' ``tic.npz`` and ``manifest.json``.
"""

from __future__ import annotations

from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import MergeItem, RunCall, SortedDataset
from ionbox_cloud.planning.map_items import gather
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import read_stored_header
from ionbox_cloud.stored.segment_writing import close_segments
from ionbox_cloud.stored.sorted_spans import read_spectrum_tic, read_written_segments
from ionbox_science.sorting.peak_sorting import sum_per_pixel


@state_handler("FinishSegments", RunCall)
def lambda_handler(message: RunCall, stores: Stores) -> SortedDataset:
    """Write the total ion current, then the manifest, which says that all segments are there."""
    with stores.work.side_by_side() as reads:
        # first: a failure that it finds comes before whatever else is missing for it
        reads.start(gather, stores.work, "MergeSegments", message.execution_id, MergeItem)
        plan = reads.start(read_plan, stores.work, message.execution_id).result()
        stored_header = reads.start(read_stored_header, stores.work, plan.segments_id)
        spectrum_tic = reads.start(read_spectrum_tic, stores.work, plan)
        written = reads.start(read_written_segments, stores.work, plan)
    header = stored_header.result()
    tic = sum_per_pixel(header, spectrum_tic.result())
    return close_segments(stores.results, plan, header, written.result(), tic)
