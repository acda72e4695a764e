"""A planned run's dataset: its header as arrays, its ibd as long as it is the one planned with.

PlanRun parses the imzML, which is XML and large, once; later states read the header's arrays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import ReadRange
from ionbox_science.sorting.peak_sorting import BATCH_BYTES

from ionbox_cloud import keys
from ionbox_cloud.planning.inspection import ibd_reader
from ionbox_cloud.planning.read_ahead import ReadAhead, array_ranges, join
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store, Stores

_MASK = "mask"

SMALL_BYTES = 2 * BATCH_BYTES
"""Bytes of an ibd that a sort has in memory at a time anyway."""


def open_planned_ibd(inbox: Store, plan: RunPlan) -> ReadRange:
    """Return a function that reads (offset, length), both in bytes, of a run's ibd.

    Raises
    ------
    InvalidDataset
        If it was removed, or replaced by other content, since the run was planned.
    """
    key = plan.dataset.ibd_key
    facts = inbox.facts(key)
    # the tag goes with the content: the same file dropped again does not stop a run
    if facts is None or facts.etag != plan.ibd_etag:
        raise InvalidDataset(f"{key} changed while it was being annotated; run again")
    return ibd_reader(inbox, key)


def open_planned_dataset(
    stores: Stores, plan: RunPlan, rows: slice = slice(None)
) -> tuple[ImzmlHeader, ReadRange]:
    """Return the header of a run's dataset, and what reads the arrays of some of its spectra.

    Sorting reads an ibd twice, `SMALL_BYTES` in two requests. If all that it will read in a bucket
    is no more than that, it is read at once, side by side, and once.

    Parameters
    ----------
    stores : Stores
        The ibd is in the inbox, the header in the work bucket.
    plan : RunPlan
        The run.
    rows : slice
        The spectra.

    Raises
    ------
    InvalidDataset
        If the ibd was removed, or replaced by other content, since the run was planned.
    """
    with stores.inbox.side_by_side() as reads:
        opened = reads.start(open_planned_ibd, stores.inbox, plan)
        stored = reads.start(read_stored_header, stores.work, plan.segments_id)
    read_range, header = opened.result(), stored.result()
    if not stores.inbox.is_remote:
        return header, read_range
    ranges = array_ranges(header, rows)
    if plan.ibd_bytes <= SMALL_BYTES:  # all of it, for its checksum
        ranges = np.array([(0, plan.ibd_bytes)], np.int64)
    if sum(end - offset for offset, end in join(ranges)) > SMALL_BYTES:
        return header, read_range
    return header, ReadAhead(read_range, ranges)


def span_bytes(header: ImzmlHeader, rows: slice) -> int:
    """Return how many bytes of the ibd are read for some neighbouring spectra, gaps included."""
    return sum(end - offset for offset, end in join(array_ranges(header, rows)))


def write_header(work: Store, segments_id: str, header: ImzmlHeader) -> None:
    """Write the header of a dataset, and by itself the mask: most states need no more of it."""
    with work.side_by_side() as writes:
        writes.start(work.write_arrays, keys.header(segments_id), header.to_arrays())
        mask = {_MASK: header.mask}
        writes.start(work.write_arrays, keys.mask(segments_id), mask, compressed=True)


def read_stored_header(work: Store, segments_id: str) -> ImzmlHeader:
    """Read the header of a dataset whose run is planned: 40 bytes per spectrum."""
    return ImzmlHeader.from_arrays(work.read_arrays(keys.header(segments_id)))


def read_mask(work: Store, segments_id: str) -> npt.NDArray[np.bool_]:
    """Read the mask of a dataset, (height, width) bool: True where a pixel was measured."""
    return work.read_arrays(keys.mask(segments_id))[_MASK]
