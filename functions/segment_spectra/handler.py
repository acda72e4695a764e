"""SegmentSpectra: sort all peaks of a dataset by m/z and cut them into segments, in one call.

One of three ways to the same bytes (see ``ionbox_cloud/planning/sort_plan.py``), for datasets that
fit the memory of a function. Reads the ibd in the inbox and the stored header; writes
``segments/<segments>/``: segments, ``tic.npz`` and ``manifest.json``.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud.environment import count_sort_threads
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import RunRef, SortedDataset
from ionbox_cloud.planning.work_items import PEAKS_PER_SORT_THREAD, SORT_RANGE_BYTES
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_dataset
from ionbox_cloud.stored.segment_writing import SegmentWriter
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.sorting.range_sorting import sort_in_ranges


@state_handler("SegmentSpectra", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> SortedDataset:
    """Write the segments and the total ion current, the manifest last."""
    plan = read_plan(stores.work, message.execution_id)
    header, read_range = open_planned_dataset(stores, plan)
    digest = PassingDigest(header.checksum_algorithm, read_range)
    # a thread costs a tenth of the processor's time more, and is worth it where people wait
    n_threads = min(count_sort_threads(), 1 + header.n_peaks // PEAKS_PER_SORT_THREAD)
    segments = SegmentWriter(stores.results, plan, header)
    tic = sort_in_ranges(
        header,
        read_range,
        np.array(plan.segment_bounds),
        segments.write,
        range_bytes=SORT_RANGE_BYTES,
        n_threads=n_threads,
        watch=digest,
    )
    return segments.close(tic, digest.finish(plan.ibd_bytes))
