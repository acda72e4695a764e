"""SegmentSpectra: sort all peaks of a dataset by m/z and cut them into segments, in one call.

One of three ways to the same bytes (see ``ionbox_cloud/planning/sort_plan.py``), for datasets that
fit the memory of a function. Reads the ibd in the inbox and the stored header; writes
``segments/<segments>/``: segments, ``tic.npz`` and ``manifest.json``.
"""

from __future__ import annotations

import numpy as np
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import RunRef, SortedDataset
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.store import Stores
from ionbox_cloud.stored.dataset import open_planned_ibd, read_stored_header
from ionbox_cloud.stored.segment_writing import check_peaks_found, close_segments, write_segment
from ionbox_science.imzml.checks import plausible_rows
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.progress import part_of_progress, report_progress
from ionbox_science.sorting.peak_sorting import sort_in_memory
from ionbox_science.sorting.segments import cut_segments

_SORTED = 0.7  # of the time, how much is over when segments begin to be written


@state_handler("SegmentSpectra", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> SortedDataset:
    """Write the segments and the total ion current, the manifest last."""
    plan = read_plan(stores.work, message.execution_id)
    read_range = open_planned_ibd(stores.inbox, plan)
    header = read_stored_header(stores.work, plan.segments_id)
    digest = PassingDigest(header.checksum_algorithm, read_range)
    # One thread reads in the order of the file, so that the checksum is complete without reading
    # the ibd again, as with several it would not be; and nothing is kept for the second pass: the
    # plan counts on memory for the peaks and read buffers, and on two passes over the ibd.
    with part_of_progress(0, _SORTED):
        found = sort_in_memory(header, read_range, watch=digest)
    checksum = digest.finish(plan.ibd_bytes)
    mz = found.peaks.mz
    # `close_segments` checks the same; here it is before anything of a broken dataset is written
    rows = plausible_rows(mz)
    n_implausible = len(mz) - (rows.stop - rows.start)
    check_peaks_found(plan, header, len(mz), n_implausible, checksum)
    written = []
    with part_of_progress(_SORTED, 1):
        for index, peaks in enumerate(cut_segments(found.peaks, np.array(plan.segment_bounds))):
            written.append(write_segment(stores.results, plan.segments_id, index, peaks))
            report_progress(index + 1, len(plan.segment_bounds) + 1, "segments")
    return close_segments(stores.results, plan, header, written, found.tic, checksum)
