"""SegmentSpectra: sort all peaks of a dataset by m/z and cut them into segments."""

from __future__ import annotations

from ionbox_cloud import keys
from ionbox_cloud.datasets import compute_checksum, ibd_reader, read_stored_header
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import RunRef, SortedDataset
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.segments import write_segments
from ionbox_cloud.store import Stores
from ionbox_science.errors import InvalidDataset
from ionbox_science.segments import sort_peaks
from ionbox_science.spectra import read_peaks, sum_intensity


@state_handler("SegmentSpectra", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> SortedDataset:
    """Write the segments and the total ion current, the manifest last."""
    plan = read_plan(stores.work, message.execution_id)
    ibd_key = plan.dataset.ibd_key
    ibd = stores.inbox.facts(ibd_key)
    if ibd is None or ibd.etag != plan.ibd_etag:
        raise InvalidDataset(f"{ibd_key} changed while it was being annotated; run again")
    header = read_stored_header(stores.work, plan.dataset_id)
    peaks = read_peaks(header, ibd_reader(stores.inbox, ibd_key))
    if not len(peaks.mz):
        raise InvalidDataset(f"{plan.dataset.name}: no peak has an intensity above zero")
    tic = sum_intensity(peaks, header.width * header.height)
    stores.results.write_arrays(
        keys.tic(plan.segments_id), {"tic": tic.reshape(header.height, header.width)}
    )
    checksum = compute_checksum(stores.inbox, ibd_key, header)
    manifest = write_segments(
        stores.results, plan.segments_id, sort_peaks(peaks), plan.segment_bounds, checksum
    )
    return SortedDataset(n_peaks=sum(manifest.n_peaks), n_segments=len(manifest.n_peaks))
