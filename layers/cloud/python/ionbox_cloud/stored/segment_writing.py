"""Writing segments: one by one, whoever made them, and what closes a dataset's segments.

SegmentSpectra, SortSpectra and MergeSegments write segments; the first two and FinishSegments close
them. The manifest comes last, so segments that were not closed are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.checks import check_mz_counts, plausible_rows
from ionbox_science.imzml.header import ImzmlHeader
from ionbox_science.imzml.spectra import Peaks

from ionbox_cloud import keys
from ionbox_cloud.json_record import JsonRecord
from ionbox_cloud.messages import SortedDataset
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store
from ionbox_cloud.stored.ibd_checksum import IbdChecksum, compare_checksum
from ionbox_cloud.stored.segments import SegmentsManifest, write_manifest, write_peaks


@dataclass(frozen=True)
class WrittenSegment(JsonRecord):
    """What a segment holds, as its writer found it.

    Attributes
    ----------
    n_peaks : int
        Number of its peaks.
    n_implausible : int
        Those of them whose m/z cannot be one, see `ionbox_science.imzml.checks`.
    mz_min, mz_max : float
        Lowest and highest m/z; 0 if it is empty.
    """

    n_peaks: int
    n_implausible: int
    mz_min: float
    mz_max: float


def write_segment(results: Store, segments_id: str, index: int, peaks: Peaks) -> WrittenSegment:
    """Write one segment from its peaks, which are in order of m/z; say what it holds.

    Peaks of implausible m/z are left out; in this order they are the first and the last ones.
    """
    rows = plausible_rows(peaks.mz)
    kept = Peaks(peaks.mz[rows], peaks.intensity[rows], peaks.pixel[rows])
    write_peaks(results, keys.segment(segments_id, index), kept)
    n_implausible = len(peaks) - len(kept)
    if not len(kept):
        return WrittenSegment(0, n_implausible, 0.0, 0.0)
    return WrittenSegment(len(kept), n_implausible, float(kept.mz[0]), float(kept.mz[-1]))


def check_peaks_found(
    plan: RunPlan, header: ImzmlHeader, n_peaks: int, n_implausible: int, digest: str
) -> IbdChecksum:
    """Refuse a dataset for what shows only once all its peaks were read; compare its checksum.

    Parameters
    ----------
    plan : RunPlan
        The run, for names in messages.
    header : ImzmlHeader
        What the imzML says; it may declare a checksum.
    n_peaks, n_implausible : int
        Peaks above zero, and those of them without a plausible m/z.
    digest : str
        Checksum of the ibd in hex; empty if nobody read all of it.

    Raises
    ------
    InvalidDataset
        If there are no peaks, or some have no plausible m/z. A wrong checksum alone is a warning.
    """
    if not n_peaks:
        raise InvalidDataset(f"{plan.dataset.name}: no peak has an intensity above zero")
    checksum = compare_checksum(digest, header)
    check_mz_counts(
        n_implausible,
        n_peaks,
        PurePosixPath(plan.dataset.ibd_key).name,
        checksum_differs=checksum.verdict == "differs",
    )
    return checksum


def close_segments(
    results: Store,
    plan: RunPlan,
    header: ImzmlHeader,
    written: Sequence[WrittenSegment],
    tic: npt.NDArray[np.float64],
    digest: str,
) -> SortedDataset:
    """Check what was found, then write the total ion current and, last, the manifest.

    Parameters
    ----------
    results : Store
        The results bucket, where segments are.
    plan : RunPlan
        The run: identity, bounds and m/z type of its segments.
    header : ImzmlHeader
        What the imzML says: size of the image, declared checksum.
    written : sequence of WrittenSegment
        All segments, in order.
    tic : (n_pixels,) float64, counts
        Total ion current of each pixel, row by row.
    digest : str
        Checksum of the ibd, with the algorithm of ``header``; empty if nobody read it in one go.

    Raises
    ------
    InvalidDataset
        If there are no peaks, or some have no plausible m/z.
    """
    n_peaks = sum(segment.n_peaks for segment in written)
    n_implausible = sum(segment.n_implausible for segment in written)
    checksum = check_peaks_found(plan, header, n_peaks + n_implausible, n_implausible, digest)
    filled = [segment for segment in written if segment.n_peaks]
    image = tic.reshape(header.height, header.width)
    results.write_arrays(keys.tic(plan.segments_id), {"tic": image})
    manifest = SegmentsManifest(
        mz_dtype=plan.mz_type,
        n_peaks=tuple(segment.n_peaks for segment in written),
        bounds=plan.segment_bounds,
        mz_min=filled[0].mz_min,
        mz_max=filled[-1].mz_max,
        checksum=checksum,
        n_implausible=n_implausible,
        has_checksums=True,
    )
    write_manifest(results, plan.segments_id, manifest)
    return SortedDataset(n_peaks, n_segments=len(written))
