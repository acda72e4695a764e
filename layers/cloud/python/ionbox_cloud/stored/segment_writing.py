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
from ionbox_cloud.stored.ibd_checksum import keep_checksum, refuse_if_known_damaged
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
    kept, written = _describe(peaks)
    write_peaks(results, keys.segment(segments_id, index), kept)
    return written


def _describe(peaks: Peaks) -> tuple[Peaks, WrittenSegment]:
    """Return the peaks of a segment that are written, and what it holds then."""
    rows = plausible_rows(peaks.mz)
    kept = Peaks(peaks.mz[rows], peaks.intensity[rows], peaks.pixel[rows])
    n_implausible = len(peaks) - len(kept)
    if not len(kept):
        return kept, WrittenSegment(0, n_implausible, 0.0, 0.0)
    written = WrittenSegment(len(kept), n_implausible, float(kept.mz[0]), float(kept.mz[-1]))
    return kept, written


class SegmentWriter:
    """Writes the segments of a dataset as one call sorts them, then closes them.

    Parameters
    ----------
    results : Store
        The results bucket, where segments are.
    plan : RunPlan
        The run: identity, bounds and m/z type of its segments.
    header : ImzmlHeader
        What the imzML says.

    Notes
    -----
    The last segment is written when they are closed, beside the total ion current: nothing that is
    sorted later needs its memory.
    """

    def __init__(self, results: Store, plan: RunPlan, header: ImzmlHeader) -> None:
        self._results = results
        self._plan = plan
        self._header = header
        self._written: list[WrittenSegment] = []
        self._last = Peaks(np.empty(0), np.empty(0, np.float32), np.empty(0, np.uint32))

    def write(self, index: int, peaks: Peaks) -> None:
        """Write a segment from its peaks, in order of m/z; to be called for all, in order."""
        kept, written = _describe(peaks)
        self._written.append(written)
        if index == self._plan.n_segments - 1:
            self._last = kept
        else:
            write_peaks(self._results, keys.segment(self._plan.segments_id, index), kept)

    def close(self, tic: npt.NDArray[np.float64], digest: str) -> SortedDataset:
        """Write what is left, check what was found and, last, write the manifest.

        The checksum of the ibd, ``digest``, was made in passing and is kept in any case.

        Raises
        ------
        InvalidDataset
            If there are no peaks, or too many of them have no plausible m/z.
        """
        key = keys.segment(self._plan.segments_id, self._plan.n_segments - 1)
        with self._results.side_by_side() as writes:
            kept = writes.start(keep_checksum, self._results, self._plan, digest)
            writes.start(write_peaks, self._results, key, self._last)
            writes.start(_write_tic, self._results, self._plan, self._header, tic)
        _check_written(self._plan, self._written, differs=kept.result().verdict == "differs")
        return _write_manifest(self._results, self._plan, self._written)


def close_segments(
    results: Store,
    plan: RunPlan,
    header: ImzmlHeader,
    written: Sequence[WrittenSegment],
    tic: npt.NDArray[np.float64],
) -> SortedDataset:
    """Check what was found, then write the total ion current and, last, the manifest.

    The checksum of the ibd may not be known yet: if it is, it is looked at, else who makes it looks
    at the manifest.

    Parameters
    ----------
    results : Store
        The results bucket, where segments are.
    plan : RunPlan
        The run: identity, bounds and m/z type of its segments.
    header : ImzmlHeader
        What the imzML says: size of the image.
    written : sequence of WrittenSegment
        All segments, in order.
    tic : (n_pixels,) float64, counts
        Total ion current of each pixel, row by row.

    Raises
    ------
    InvalidDataset
        If there are no peaks, or too many of them have no plausible m/z.
    """
    _check_written(plan, written, differs=False)
    _write_tic(results, plan, header, tic)
    closed = _write_manifest(results, plan, written)
    refuse_if_known_damaged(results, plan)
    return closed


def _check_written(plan: RunPlan, written: Sequence[WrittenSegment], *, differs: bool) -> None:
    """Refuse a dataset for what shows only once all its peaks were read.

    ``differs`` says that the checksum of the ibd is known not to be the declared one.
    """
    n_implausible = sum(segment.n_implausible for segment in written)
    n_peaks = sum(segment.n_peaks for segment in written) + n_implausible
    if not n_peaks:
        raise InvalidDataset(f"{plan.dataset.name}: no peak has an intensity above zero")
    name = PurePosixPath(plan.dataset.ibd_key).name
    check_mz_counts(n_implausible, n_peaks, name, checksum_differs=differs)


def _write_tic(
    results: Store, plan: RunPlan, header: ImzmlHeader, tic: npt.NDArray[np.float64]
) -> None:
    image = tic.reshape(header.height, header.width)
    results.write_arrays(keys.tic(plan.segments_id), {"tic": image})


def _write_manifest(
    results: Store, plan: RunPlan, written: Sequence[WrittenSegment]
) -> SortedDataset:
    """Say that all segments are there; to be called last."""
    filled = [segment for segment in written if segment.n_peaks]
    manifest = SegmentsManifest(
        mz_dtype=plan.mz_type,
        n_peaks=tuple(segment.n_peaks for segment in written),
        bounds=plan.segment_bounds,
        mz_min=filled[0].mz_min,
        mz_max=filled[-1].mz_max,
        n_implausible=sum(segment.n_implausible for segment in written),
        has_checksums=True,
    )
    write_manifest(results, plan.segments_id, manifest)
    return SortedDataset(sum(manifest.n_peaks), n_segments=len(written))
