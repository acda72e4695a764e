"""Sorted spans of peaks merged into one.

Used to make a segment of what all spans of a dataset hold of its m/z range (``MergeSegments``, and
`ionbox_science.sorting.disk_sorting`). The spans are cut at common m/z into buckets that are small
enough for the processor's cache; ``kernels/sorting/merge.c`` copies and sorts bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.imzml.spectra import Peaks, contiguous_peaks, peak_columns
from ionbox_science.kernel_calls import call_kernel, stack_structs
from ionbox_science.sorting.spectrum_parts import split_evenly, spread

MzArray = npt.NDArray[np.floating[Any]]
Int64Array = npt.NDArray[np.int64]

_BUCKET_PEAKS = 1 << 16
# Buckets are also cut at every 16th of an octave, m/z 1 to 2^20: within one, float64 m/z differ in
# 48 bits, which leave 16 of the kernel's 64-bit integers for the row. Wider ones it sorts slowly.
_OCTAVE_SIXTEENTHS = np.ldexp(1 + np.arange(16) / 16, np.arange(20)[:, None]).ravel()


def merge_spans(spans: Sequence[Peaks], *, n_threads: int = 1) -> Peaks:
    """Merge spans of peaks that are each sorted by m/z.

    Parameters
    ----------
    spans : sequence of Peaks
        Each with m/z ascending, NaN last; all m/z of one type. Spans may be empty.
    n_threads : int
        Threads that merge. The result does not depend on it.

    Returns
    -------
    Peaks
        What numpy's stable sort makes of the spans one after the other: peaks of equal m/z in order
        of the spans, then as in their span. No copy if only one span has peaks. Without spans, no
        peaks, of float64 m/z.

    Raises
    ------
    ValueError
        If m/z are of different types, or do not ascend from bucket to bucket, which proves that a
        span did not ascend. (Within a bucket peaks are sorted whether their spans ascend or not.)

    Notes
    -----
    Memory beside the spans: the result (12 or 16 bytes per peak), about 3 MB per thread, and a
    sample of the m/z, which takes less than a byte per peak for every 1,000 spans.
    """
    mz_types = {span.mz.dtype for span in spans} or {np.dtype(np.float64)}
    if len(mz_types) > 1:
        names = ", ".join(sorted(map(str, mz_types)))
        raise ValueError(f"spans have m/z of different types: {names}")
    (mz_type,) = mz_types
    filled = [span for span in spans if len(span)]
    if len(filled) == 1:
        return filled[0]
    n_peaks = sum(map(len, filled))
    merged = Peaks(
        np.empty(n_peaks, mz_type), np.empty(n_peaks, np.float32), np.empty(n_peaks, np.uint32)
    )
    if filled:
        _merge_into(merged, filled, n_threads)
    return merged


def _merge_into(merged: Peaks, spans: Sequence[Peaks], n_threads: int) -> None:
    columns_of_spans = [peak_columns(contiguous_peaks(span)) for span in spans]
    stacked, columns = stack_structs(columns_of_spans), peak_columns(merged)
    cuts = _cut_into_buckets([span.mz for span in spans])

    def merge(buckets: slice) -> None:
        n_buckets, edges = buckets.stop - buckets.start, cuts[buckets.start : buckets.stop + 1]
        call_kernel("ionbox_merge_buckets", len(spans), stacked, n_buckets, edges, columns)

    starts = cuts.sum(axis=1)
    spread(merge, split_evenly(np.diff(starts), n_threads), n_threads)
    # The kernel sorts within buckets; whether buckets follow each other shows at their edges.
    inner = starts[(starts > 0) & (starts < len(merged))]
    if (merged.mz[inner] < merged.mz[inner - 1]).any():
        raise ValueError("m/z of a span do not ascend")


def _cut_into_buckets(mz: Sequence[MzArray]) -> Int64Array:
    """Cut sorted m/z at the same values, so that few peaks lie between two cuts.

    Returns
    -------
    (n_buckets + 1, n_spans) int64
        First peak of every span in each bucket; in the last row, the number of peaks of every span.
        A bucket has more than `_BUCKET_PEAKS` only where m/z are equal, or spans are very many.
    """
    values = _choose_cuts(mz)
    cuts = np.empty((len(values) + 2, len(mz)), np.int64)
    cuts[0], cuts[-1] = 0, list(map(len, mz))
    for index, span in enumerate(mz):
        cuts[1:-1, index] = span.searchsorted(values)
    return cuts


def _choose_cuts(mz: Sequence[MzArray]) -> MzArray:
    """Return m/z, ascending, at which to cut the spans.

    Every ``step``-th peak of each span is sampled, and every ``every``-th sample becomes a cut.
    Between two cuts lie ``every * step`` peaks by the samples, at most half a bucket, and of each
    span up to ``step`` more that were not sampled, at most the other half.
    """
    step = max(_BUCKET_PEAKS // (2 * len(mz)), 1)
    sample = np.sort(np.concatenate([span[::step] for span in mz]))
    inside = (sample[0] < _OCTAVE_SIXTEENTHS) & (sample[-1] > _OCTAVE_SIXTEENTHS)
    every = max(_BUCKET_PEAKS // (2 * step), 1)
    values = np.concatenate((sample[every::every], _OCTAVE_SIXTEENTHS[inside]))
    return np.unique(values).astype(sample.dtype)
