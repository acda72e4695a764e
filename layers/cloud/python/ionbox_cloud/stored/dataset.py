"""A planned run's dataset: its header as arrays, its ibd as long as it is the one planned with.

PlanRun parses the imzML, which is XML and large, once; later states read the header's arrays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import ReadRange

from ionbox_cloud import keys
from ionbox_cloud.planning.inspection import ibd_reader
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

_MASK = "mask"


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


def write_header(work: Store, segments_id: str, header: ImzmlHeader) -> None:
    """Write the header of a dataset, and by itself the mask: most states need no more of it."""
    work.write_arrays(keys.header(segments_id), header.to_arrays())
    work.write_arrays(keys.mask(segments_id), {_MASK: header.mask}, compressed=True)


def read_stored_header(work: Store, segments_id: str) -> ImzmlHeader:
    """Read the header of a dataset whose run is planned: 40 bytes per spectrum."""
    return ImzmlHeader.from_arrays(work.read_arrays(keys.header(segments_id)))


def read_mask(work: Store, segments_id: str) -> npt.NDArray[np.bool_]:
    """Read the mask of a dataset, (height, width) bool: True where a pixel was measured."""
    return work.read_arrays(keys.mask(segments_id))[_MASK]
