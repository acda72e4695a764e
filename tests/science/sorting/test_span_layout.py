"""Sorted spans as bytes: every segment's peaks are where the layout says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.sorting.segments import cut_segments, encode_segment
from ionbox_science.sorting.span_layout import SpanLayout, bytes_per_peak, decode_block, encode_span
from ionbox_science.sorting.span_merging import merge_spans

from tests.builders import build_peaks

MASSES = st.lists(st.integers(0, 25).map(lambda i: 100 + i / 8), max_size=40).map(sorted)
BOUNDS = st.lists(st.floats(99, 104), max_size=5).map(sorted)
DTYPES = st.sampled_from([np.float32, np.float64])


@given(MASSES, BOUNDS, DTYPES)
def test_each_block_is_read_alone_and_whole(
    mz: list[float], bounds: list[float], dtype: type[np.floating]
) -> None:
    peaks = build_peaks(mz, np.arange(len(mz)) + 1, np.arange(len(mz)), dtype)
    columns, n_peaks = encode_span(peaks, np.array(bounds))
    assert len(columns) == 3 * (len(bounds) + 1)
    stored = b"".join(columns)
    assert len(stored) == len(mz) * bytes_per_peak(np.dtype(dtype))
    layout = SpanLayout(n_peaks, np.dtype(dtype))
    for index, segment in enumerate(cut_segments(peaks, np.array(bounds))):
        offset, length = layout.byte_range(index, index + 1)
        found = decode_block(stored[offset : offset + length], int(n_peaks[index]), np.dtype(dtype))
        for name in ("mz", "intensity", "pixel"):
            one, other = getattr(found, name), getattr(segment, name)
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()


@given(MASSES, BOUNDS, st.data(), DTYPES)
def test_blocks_of_neighbouring_segments_are_one_range(
    mz: list[float], bounds: list[float], data: st.DataObject, dtype: type[np.floating]
) -> None:
    peaks = build_peaks(mz, np.arange(len(mz)) + 1, np.arange(len(mz)), dtype)
    columns, n_peaks = encode_span(peaks, np.array(bounds))
    stored = b"".join(columns)
    layout = SpanLayout(n_peaks, np.dtype(dtype))
    start = data.draw(st.integers(0, len(n_peaks)))
    stop = data.draw(st.integers(start, len(n_peaks)))
    offset, length = layout.byte_range(start, stop)
    blocks = layout.cut_blocks(stored[offset : offset + length], start, stop)
    singly = [layout.byte_range(segment, segment + 1) for segment in range(start, stop)]
    assert blocks == [stored[place : place + size] for place, size in singly]
    with pytest.raises(ValueError, match="bytes of these blocks"):
        layout.cut_blocks(stored[offset : offset + length] + b"x", start, stop)


@given(st.lists(MASSES, min_size=1, max_size=5), BOUNDS, DTYPES)
def test_merged_blocks_are_the_segments_of_the_merged_runs(
    masses: list[list[float]], bounds: list[float], dtype: type[np.floating]
) -> None:
    spans = [
        build_peaks(mz, np.full(len(mz), i + 1), np.arange(len(mz)), dtype)
        for i, mz in enumerate(masses)
    ]
    encoded = [encode_span(span, np.array(bounds)) for span in spans]
    for index, segment in enumerate(cut_segments(merge_spans(spans), np.array(bounds))):
        blocks = []
        for columns, n_peaks in encoded:
            offset, length = SpanLayout(n_peaks, np.dtype(dtype)).byte_range(index, index + 1)
            block = b"".join(columns)[offset : offset + length]
            blocks.append(decode_block(block, int(n_peaks[index]), np.dtype(dtype)))
        merged = encode_segment(merge_spans(blocks))
        assert b"".join(merged) == b"".join(encode_segment(segment))


def test_nothing_is_copied() -> None:
    peaks = build_peaks([100.0, 200.0, 300.0])
    columns, n_peaks = encode_span(peaks, np.array([150.0]))
    assert n_peaks.tolist() == [1, 2]
    assert np.shares_memory(np.frombuffer(columns[3], np.float64), peaks.mz)
    stored = np.frombuffer(b"".join(columns), np.uint8)
    assert np.shares_memory(decode_block(stored[16:].data, 2, peaks.mz.dtype).pixel, stored)


def test_a_block_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes does not hold 2 peaks of float64"):
        decode_block(bytes(31), 2, np.dtype(np.float64))
