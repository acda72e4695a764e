"""SegmentSpectra: sort all peaks of a dataset by m/z and cut them into segments."""

from __future__ import annotations

from pathlib import PurePosixPath

from ionbox_cloud import keys
from ionbox_cloud.datasets import compare_checksum, ibd_reader, read_stored_header
from ionbox_cloud.handlers import state_handler
from ionbox_cloud.messages import RunRef, SortedDataset
from ionbox_cloud.run_plan import read_plan
from ionbox_cloud.segments import write_segments
from ionbox_cloud.store import Stores
from ionbox_science.dataset_checks import check_sorted_mz
from ionbox_science.errors import InvalidDataset
from ionbox_science.ibd import PassingDigest
from ionbox_science.peak_sorting import sort_spectra


@state_handler("SegmentSpectra", RunRef)
def lambda_handler(message: RunRef, stores: Stores) -> SortedDataset:
    """Write the segments and the total ion current, the manifest last."""
    plan = read_plan(stores.work, message.execution_id)
    ibd_key = plan.dataset.ibd_key
    ibd = stores.inbox.facts(ibd_key)
    if ibd is None or ibd.etag != plan.ibd_etag:
        raise InvalidDataset(f"{ibd_key} changed while it was being annotated; run again")
    header = read_stored_header(stores.work, plan.dataset_id)
    read_range = ibd_reader(stores.inbox, ibd_key)
    digest = PassingDigest(header.checksum_algorithm, read_range)
    found = sort_spectra(header, read_range, watch=digest)
    if not len(found.peaks):
        raise InvalidDataset(f"{plan.dataset.name}: no peak has an intensity above zero")
    checksum = compare_checksum(digest.finish(ibd.n_bytes), header)
    check_sorted_mz(
        found.peaks.mz,
        PurePosixPath(ibd_key).name,
        checksum_differs=checksum.verdict == "differs",
    )
    stores.results.write_arrays(
        keys.tic(plan.segments_id), {"tic": found.tic.reshape(header.height, header.width)}
    )
    manifest = write_segments(
        stores.results, plan.segments_id, found.peaks, plan.segment_bounds, checksum
    )
    return SortedDataset(n_peaks=sum(manifest.n_peaks), n_segments=len(manifest.n_peaks))
