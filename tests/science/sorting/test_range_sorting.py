"""Sorting range by range of m/z: the segments that sorting at once makes, in the memory given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.peak_sorting import sort_in_memory
from ionbox_science.sorting.range_sorting import sort_in_ranges
from ionbox_science.sorting.segments import cut_segments, encode_segment

from tests.ibd_builder import ODD_MZ, Dataset, datasets, lay_out, many

Bounds = npt.NDArray[np.float64]


def sort_at_once(dataset: Dataset, bounds: Bounds) -> tuple[list[bytes], bytes]:
    found = sort_in_memory(dataset.header, dataset.read_range)
    segments = [b"".join(encode_segment(peaks)) for peaks in cut_segments(found.peaks, bounds)]
    return segments, found.tic.tobytes()


def sort_by_range(
    dataset: Dataset,
    bounds: Bounds,
    range_bytes: int,
    n_threads: int = 1,
    see: Callable[[Peaks], None] = lambda peaks: None,
) -> tuple[list[bytes], bytes]:
    segments: list[bytes] = []

    def write_segment(index: int, peaks: Peaks) -> None:
        assert index == len(segments)
        see(peaks)
        segments.append(b"".join(encode_segment(peaks)))

    tic = sort_in_ranges(
        dataset.header,
        dataset.read_range,
        bounds,
        write_segment,
        range_bytes=range_bytes,
        n_threads=n_threads,
    )
    return segments, tic.tobytes()


@given(
    dataset=datasets(),
    bounds=st.lists(st.floats(0.5, 2100) | st.sampled_from(ODD_MZ[-6:]), max_size=4, unique=True),
    range_bytes=st.integers(0, 400),
    n_threads=st.sampled_from([1, 3]),
)
@settings(max_examples=300)
def test_small_datasets_are_sorted_as_at_once(
    dataset: Dataset, bounds: list[float], range_bytes: int, n_threads: int
) -> None:
    edges = np.array(sorted(bounds))
    found = sort_by_range(dataset, edges, range_bytes, n_threads)
    assert found == sort_at_once(dataset, edges)


def reads_of(dataset: Dataset, bounds: Bounds, range_bytes: int) -> tuple[float, list[Peaks]]:
    """Say how often all of the ibd is read, and what segments are handed on."""
    n_bytes, handed = 0, []

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_bytes
        n_bytes += length
        return dataset.read_range(offset, length)

    sort_in_ranges(
        dataset.header,
        read_range,
        bounds,
        lambda index, peaks: handed.append(peaks),
        range_bytes=range_bytes,
    )
    return n_bytes / len(dataset.ibd), handed


EIGHTY = np.arange(110.0, 900.0, 10)


@pytest.mark.parametrize("share_mz", [False, True])
def test_the_ibd_is_read_once_to_count_and_once_for_each_range(*, share_mz: bool) -> None:
    mz, intensity = many(100)
    dataset = lay_out(mz[:1] * 100 if share_mz else mz, intensity, share_mz=share_mz)
    n_reads, handed = reads_of(dataset, EIGHTY, 10**9)
    assert n_reads == pytest.approx(2, rel=0.02)
    n_peaks = sum(len(peaks) for peaks in handed)
    for n_ranges in (2, 5):
        # what is held of a segment, and cells that do not fit, take room of a range
        range_bytes = int(n_peaks * 16 / (n_ranges - 0.4))
        n_reads, handed = reads_of(dataset, EIGHTY, range_bytes)
        assert 0.97 * (1 + n_ranges) <= n_reads <= 1.02 * (2 + n_ranges)
        owners = {id(peaks.mz.base) for peaks in handed}
        assert len(owners) == 1  # the memory of the first range serves all
        base = handed[0].mz.base
        assert isinstance(base, np.ndarray)
        assert base.nbytes <= range_bytes // 2


def test_memory_grows_for_a_segment_that_does_not_fit_and_for_no_more() -> None:
    mz, intensity = many(100)
    dataset = lay_out(mz, intensity)
    bounds = np.array([300.0, 700.0])
    largest = 0

    def see(peaks: Peaks) -> None:
        nonlocal largest
        assert isinstance(peaks.mz.base, np.ndarray)
        largest = max(largest, peaks.mz.base.nbytes)

    found = sort_by_range(dataset, bounds, 3200, see=see)
    assert found == sort_at_once(dataset, bounds)
    longest = max(len(peaks) for peaks in reads_of(dataset, bounds, 10**9)[1])
    assert 8 * longest <= largest <= 8 * longest + 3200


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("range_bytes", [3200, 10**9])
def test_the_checksum_is_complete_however_many_ranges(range_bytes: int, n_threads: int) -> None:
    mz, intensity = many(100)
    dataset = lay_out(mz, intensity)
    n_bytes = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_bytes
        n_bytes += length
        return dataset.read_range(offset, length)

    digest = PassingDigest("sha1", read_range)
    sort_in_ranges(
        dataset.header,
        dataset.read_range,
        EIGHTY,
        lambda index, peaks: None,
        range_bytes=range_bytes,
        n_threads=n_threads,
        batch_bytes=5000,
        watch=digest,
    )
    expected = PassingDigest("sha1", dataset.read_range).finish(len(dataset.ibd))
    assert digest.finish(len(dataset.ibd)) == expected
    assert n_bytes == 16  # what stands before the first array


@pytest.mark.parametrize("share_mz", [False, True])
def test_an_ibd_that_changes_between_two_ranges_is_refused(*, share_mz: bool) -> None:
    mz, intensity = many(20)
    dataset = lay_out(mz[:1] * 20 if share_mz else mz, intensity, share_mz=share_mz)
    emptied = lay_out(
        mz[:1] * 20 if share_mz else mz, [values * 0 for values in intensity], share_mz=share_mz
    )
    assert len(emptied.ibd) == len(dataset.ibd)
    current = dataset

    def write_segment(index: int, peaks: Peaks) -> None:
        nonlocal current
        current = emptied

    with pytest.raises(InvalidDataset, match="The ibd changed while it was being read"):
        sort_in_ranges(
            dataset.header,
            lambda offset, length: current.read_range(offset, length),
            EIGHTY,
            write_segment,
            range_bytes=3200,
        )


def test_what_is_wrong_with_the_checksum_is_raised() -> None:
    dataset = lay_out(*many(20))

    def watch(offset: int, piece: memoryview) -> None:
        raise RuntimeError("wrong")

    with pytest.raises(RuntimeError, match="wrong"):
        sort_in_ranges(
            dataset.header,
            dataset.read_range,
            EIGHTY,
            lambda index, peaks: None,
            range_bytes=10**9,
            n_threads=2,
            watch=watch,
        )
