"""The ibd of a run that is under way: read only if it is still the one that was planned with."""

from __future__ import annotations

from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.spectra import ReadRange

from ionbox_cloud.planning.inspection import ibd_reader
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store


def open_planned_ibd(inbox: Store, plan: RunPlan) -> ReadRange:
    """Return a function that reads (offset, n_bytes) of a run's ibd.

    Raises
    ------
    InvalidDataset
        If it was replaced since.
    """
    key = plan.dataset.ibd_key
    facts = inbox.facts(key)
    if facts is None or facts.etag != plan.ibd_etag:
        raise InvalidDataset(f"{key} changed while it was being annotated; run again")
    return ibd_reader(inbox, key)
