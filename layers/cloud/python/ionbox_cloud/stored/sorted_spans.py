"""Sorted spans of spectra as objects: what many calls leave, for further calls to merge.

SortSpans writes a span (peaks in order of m/z, a block per segment) and its summary; PlanMerge
gathers the summaries' counts and checksums, by which MergeSegments finds its blocks in each span
and checks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.block_checksums import checksum
from ionbox_science.sorting.span_layout import SpanLayout, decode_block, encode_span

from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, MissingOutput
from ionbox_cloud.planning.fan_out import cover
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.storage.array_bytes import Arrays
from ionbox_cloud.storage.side_by_side import map_in_order
from ionbox_cloud.store import Store
from ionbox_cloud.stored.segment_writing import WrittenSegment

_COUNTS, _CHECKSUMS, _TIC = "n_peaks", "checksums", "spectrum_tic"
_SEGMENTS = "segments"


def write_span(
    work: Store,
    plan: RunPlan,
    index: int,
    peaks: Peaks,
    spectrum_tic: npt.NDArray[np.float64],
) -> None:
    """Write a sorted span, then its summary, which says that it is there.

    Parameters
    ----------
    work : Store
        The work bucket, where spans are.
    plan : RunPlan
        The run, which has the identity of the sort and the bounds of segments.
    index : int
        Number of the span.
    peaks : Peaks
        m/z ascending.
    spectrum_tic : (n_spectra,) float64, counts
        Total ion current of each spectrum of the span.
    """
    columns, n_peaks = encode_span(peaks, np.array(plan.segment_bounds))
    work.write(keys.sorted_span(plan.sort_id, index), columns)
    # three columns to a block, which is read and checked as a whole
    checksums = [checksum(b"".join(block)) for block in zip(*[iter(columns)] * 3, strict=True)]
    work.write_arrays(
        keys.sorted_span_summary(plan.sort_id, index),
        {
            _COUNTS: n_peaks,
            _CHECKSUMS: np.array(checksums, np.uint32),
            _TIC: spectrum_tic,
        },
    )


def _read_summaries(work: Store, plan: RunPlan) -> list[Arrays]:
    """Read the summary of each span, in order: peaks per segment, and TIC per spectrum."""
    names = [
        keys.sorted_span_summary(plan.sort_id, index) for index in range(len(plan.span_cuts) - 1)
    ]
    return list(work.read_many_arrays(names))


def gather_counts(work: Store, plan: RunPlan) -> npt.NDArray[np.int64]:
    """Bring counts and checksums of all spans together in one object: each merge reads one.

    Returns
    -------
    (n_spans, n_segments) int64
        Peaks of each span in each segment.

    Raises
    ------
    MissingObject
        If a span is not sorted.
    """
    summaries = _read_summaries(work, plan)
    gathered = {
        name: np.stack([summary[name] for summary in summaries]) for name in (_COUNTS, _CHECKSUMS)
    }
    work.write_arrays(keys.sorted_span_counts(plan.sort_id), gathered)
    return gathered[_COUNTS]


def read_spectrum_tic(work: Store, plan: RunPlan) -> npt.NDArray[np.float64]:
    """Read the total ion current of all spectra, (n_spectra,) float64, counts."""
    return np.concatenate([summary[_TIC] for summary in _read_summaries(work, plan)])


def read_written_segments(work: Store, plan: RunPlan) -> list[WrittenSegment]:
    """Read what the calls of MergeSegments say of their segments, in order of m/z.

    Calls of an attempt that cut otherwise may have said it, too; what they say is the same.

    Raises
    ------
    MissingOutput
        If they do not say it of all segments.
    """
    listed = map(keys.range_of, work.list(keys.all_merged_segments(plan.sort_id)))
    ranges = cover(plan.n_segments, filter(None, listed))
    names = [keys.merged_segments(plan.sort_id, start, stop) for start, stop in ranges]
    written = [
        WrittenSegment.from_json(each)
        for record in work.read_many_sealed(names)
        for each in record[_SEGMENTS]
    ]
    if len(written) != plan.n_segments:
        raise MissingOutput(f"{len(written)} of {plan.n_segments} segments are merged; run again")
    return written


def write_merged(work: Store, key: str, written: Sequence[WrittenSegment]) -> None:
    """Write what an item of MergeSegments says of its segments; to be called after they are."""
    work.write_sealed(key, {_SEGMENTS: [segment.to_json() for segment in written]})


class SpanReader:
    """Reads the blocks of neighbouring segments from all sorted spans.

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
        gathered = work.read_arrays(keys.sorted_span_counts(plan.sort_id))
        self._counts, self._checksums = gathered[_COUNTS], gathered[_CHECKSUMS]

    def read(self, start: int, stop: int) -> Iterator[list[Peaks]]:
        """Read the blocks of segments ``start`` to ``stop``, with one request to each span.

        Yields
        ------
        list of Peaks
            Of the next segment, in order of the spans; empty blocks are left out.

        Raises
        ------
        MissingObject, DamagedObject
            If a span is not there, or a block of it is not what was written.
        """
        filled = np.flatnonzero(self._counts[:, start:stop].any(axis=1)).tolist()
        found = list(
            map_in_order(
                lambda span: self._read_blocks(span, start, stop), filled, self._work.at_once
            )
        )
        for index in range(stop - start):
            yield [blocks[index] for blocks in found if len(blocks[index])]

    def _read_blocks(self, span: int, start: int, stop: int) -> list[Peaks]:
        """Read what a span has of some segments: a block of each, which may be empty."""
        n_peaks = self._counts[span]
        layout = SpanLayout(n_peaks, self._mz_dtype)
        key = keys.sorted_span(self._sort_id, span)
        stored = self._work.read_range(key, *layout.byte_range(start, stop))
        try:
            blocks = layout.cut_blocks(stored, start, stop)
        except ValueError:
            raise DamagedObject.of(key, "it is too short") from None
        if [checksum(block) for block in blocks] != self._checksums[span, start:stop].tolist():
            raise DamagedObject.of(key, "a block of it has another checksum")
        counts = n_peaks[start:stop].tolist()
        return [
            decode_block(block, n, self._mz_dtype) for block, n in zip(blocks, counts, strict=True)
        ]
