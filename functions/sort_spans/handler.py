"""SortSpans: sort a span of spectra by m/z and cut it at the segments' bounds, one item of a Map.

First of the states that sort by many calls, between PlanRun and PlanMerge. Reads the span's spectra
in the ibd; writes ``sort/spans/<x>/<sort>-<n>.bin`` and, after it, ``sort/<sort>/span-<n>.npz``.
"""

from __future__ import annotations

from ionbox_cloud.environment import count_threads
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import Done, SortItem
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_dataset, span_bytes
from ionbox_cloud.stored.sorted_spans import write_span
from ionbox_science.progress import part_of_progress
from ionbox_science.sorting.peak_sorting import sort_span


@state_handler("SortSpans", SortItem)
def lambda_handler(message: SortItem, stores: Stores) -> Done:
    """Write one sorted span, then its summary: peaks per segment and TIC per spectrum."""
    plan = read_plan(stores.work, message.execution_id)
    rows = slice(message.start, message.stop)
    header, read_range = open_planned_dataset(stores, plan, rows)
    # what is read to be counted is kept to be placed, where reading it again would take time
    keep_bytes = span_bytes(header, rows) if stores.inbox.is_remote else 0
    with part_of_progress(0, 0.8):  # the rest is writing
        found = sort_span(
            header, read_range, rows, n_threads=count_threads(), keep_bytes=keep_bytes
        )
    write_span(stores.work, plan, message.index, found.peaks, found.spectrum_tic)
    return Done()
