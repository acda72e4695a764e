"""Sorted spans of spectra as objects: what many calls leave, for further calls to merge.

SortSpans writes a span (peaks in order of m/z, a block per segment) and its summary; PlanMerge
gathers the summaries' counts, by which MergeSegments finds its block in each span.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.span_layout import SpanLayout, decode_block

from ionbox_cloud import keys
from ionbox_cloud.errors import MissingOutput
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Arrays, Store
from ionbox_cloud.stored.segment_writing import WrittenSegment

_PARALLEL_READS = 16  # small objects and blocks: the time is in waiting for answers
_COUNTS = "n_peaks"


def _read_summaries(work: Store, plan: RunPlan) -> list[Arrays]:
    """Read the summary of each span, in order: peaks per segment, and TIC per spectrum."""
    names = [
        keys.sorted_span_summary(plan.sort_id, index) for index in range(len(plan.span_cuts) - 1)
    ]
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        return list(pool.map(work.read_arrays, names))


def gather_counts(work: Store, plan: RunPlan) -> npt.NDArray[np.int64]:
    """Bring the counts of all spans together in one object, so that each merge reads one.

    Returns
    -------
    (n_spans, n_segments) int64
        Peaks of each span in each segment.

    Raises
    ------
    MissingObject
        If a span is not sorted.
    """
    counts = np.stack([summary["n_peaks"] for summary in _read_summaries(work, plan)])
    work.write_arrays(keys.sorted_span_counts(plan.sort_id), {_COUNTS: counts})
    return counts


def read_spectrum_tic(work: Store, plan: RunPlan) -> npt.NDArray[np.float64]:
    """Read the total ion current of all spectra, (n_spectra,) float64, counts."""
    return np.concatenate([summary["spectrum_tic"] for summary in _read_summaries(work, plan)])


def read_written_segments(work: Store, plan: RunPlan) -> list[WrittenSegment]:
    """Read what the calls of MergeSegments say of their segments, in order of m/z.

    Raises
    ------
    MissingOutput
        If they do not say it of all segments.
    """
    names = work.list(keys.all_merged_segments(plan.sort_id))
    written = [WrittenSegment.from_json(each) for name in names for each in work.read_json(name)]
    if len(written) != plan.n_segments:
        raise MissingOutput(f"{len(written)} of {plan.n_segments} segments are merged; run again")
    return written


class SpanReader:
    """Reads one segment's blocks from all sorted spans.

    Parameters
    ----------
    work : Store
        The work bucket, where spans are.
    plan : RunPlan
        The run, which has the identity of the sort and the type of m/z.

    Raises
    ------
    MissingObject
        If PlanMerge has not written the counts.
    """

    def __init__(self, work: Store, plan: RunPlan) -> None:
        self._work = work
        self._sort_id = plan.sort_id
        self._mz_dtype = plan.mz_dtype
        self._counts = work.read_arrays(keys.sorted_span_counts(plan.sort_id))[_COUNTS]

    def plan_read(self, segment: int) -> Callable[[], list[Peaks]]:
        """Return a call for `read_ahead` that reads a segment's blocks."""
        return functools.partial(self.read, segment)

    def read(self, segment: int) -> list[Peaks]:
        """Read the blocks of a segment, in order of the spans; empty ones are left out."""
        filled = np.flatnonzero(self._counts[:, segment]).tolist()
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            return list(pool.map(lambda span: self._read_block(span, segment), filled))

    def _read_block(self, span: int, segment: int) -> Peaks:
        n_peaks = self._counts[span]
        offset, n_bytes = SpanLayout(n_peaks, self._mz_dtype).byte_range(segment)
        block = self._work.read_range(keys.sorted_span(self._sort_id, span), offset, n_bytes)
        return decode_block(block, int(n_peaks[segment]), self._mz_dtype)
