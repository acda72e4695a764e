"""Sorting by files on disk gives what sorting in memory gives, in the memory it is told."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting import disk_sorting
from ionbox_science.sorting.disk_sorting import sort_on_disk
from ionbox_science.sorting.peak_sorting import sort_in_memory, sort_open_span
from ionbox_science.sorting.segments import cut_segments, encode_segment

from tests import large_ibd, patience
from tests.ibd_builder import ODD_MZ, Dataset, datasets, lay_out, many

Bounds = npt.NDArray[np.float64]
MB = 1 << 20


class Segments(list[bytes]):
    """Segments as they are stored."""

    def write(self, index: int, peaks: Peaks) -> None:
        assert index == len(self)
        self.append(b"".join(encode_segment(peaks)))


@contextmanager
def only_peaks_count() -> Iterator[None]:
    """Take no memory for anything but peaks, so that little memory makes many spans."""
    names = [name for name in vars(disk_sorting) if name.endswith("_BYTES") and name[0] == "_"]
    assert len(names) == 5
    nothing: dict[str, Any] = dict.fromkeys(names, 0)
    with mock.patch.multiple(disk_sorting, **nothing):
        yield


@dataclass(frozen=True)
class ReadBy(Dataset):
    """A dataset whose ibd is read in another way."""

    reader: Callable[[int, int], bytes]

    def read_range(self, offset: int, length: int) -> bytes:
        return self.reader(offset, length)


def sort_at_once(dataset: Dataset, bounds: Bounds) -> tuple[list[bytes], bytes]:
    found = sort_in_memory(dataset.header, dataset.read_range)
    segments = [b"".join(encode_segment(peaks)) for peaks in cut_segments(found.peaks, bounds)]
    return segments, found.tic.tobytes()


def sort_in(
    dataset: Dataset,
    bounds: Bounds,
    memory_bytes: int,
    folder: Path,
    n_threads: int = 1,
    before: Callable[[int], None] = lambda index: None,
) -> tuple[list[bytes], bytes]:
    """Sort into segments as they are stored; ``before`` each is kept, it is told which."""
    segments = Segments()

    def write_segment(index: int, peaks: Peaks) -> None:
        before(index)
        segments.write(index, peaks)

    tic = sort_on_disk(
        dataset.header,
        dataset.read_range,
        bounds,
        write_segment,
        memory_bytes=memory_bytes,
        folder=folder,
        n_threads=n_threads,
    )
    return segments, tic.tobytes()


def sort_in_enough(
    dataset: Dataset, bounds: Bounds, memory_bytes: int, folder: Path, n_threads: int
) -> tuple[list[bytes], bytes]:
    """Take as much memory as is asked for: once for a spectrum, and once for a segment."""
    for _ in range(2):
        try:
            return sort_in(dataset, bounds, memory_bytes, folder, n_threads)
        except ValueError as error:
            wanted = re.search(r"too few to (?:sort|merge) .*: give at least ([\d,]+)$", str(error))
            assert wanted is not None, error
            assert not list(folder.iterdir())
            memory_bytes = int(wanted[1].replace(",", ""))
    return sort_in(dataset, bounds, memory_bytes, folder, n_threads)


@given(
    dataset=datasets(),
    bounds=st.lists(st.floats(0.5, 2100) | st.sampled_from(ODD_MZ[-6:]), max_size=4, unique=True),
    memory_bytes=st.integers(20, 600),
    n_threads=st.sampled_from([1, 3]),
)
@settings(max_examples=300)
def test_small_datasets_are_sorted_as_in_memory(
    dataset: Dataset,
    bounds: list[float],
    memory_bytes: int,
    n_threads: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "small"
    folder.mkdir(exist_ok=True)
    edges = np.array(sorted(bounds))
    with only_peaks_count():
        found = sort_in_enough(dataset, edges, memory_bytes, folder, n_threads)
    assert found == sort_at_once(dataset, edges)
    assert not list(folder.iterdir())


def ten_runs(*, share_mz: bool = False, gaps: list[int] | None = None) -> tuple[Dataset, int]:
    """Make a dataset, and say what memory cuts it into ten spans where only peaks count."""
    mz, intensity = many(100)
    mz = mz[:1] * 100 if share_mz else mz
    dataset = lay_out(mz, intensity, share_mz=share_mz, gaps=gaps)
    per_spectrum = 50 * (4.25 + 16) if share_mz else 50 * (12.75 + 16)
    return dataset, int(10.1 * per_spectrum * 16 / 15)


@contextmanager
def counted_spans() -> Iterator[list[slice]]:
    """Note which spectra are sorted together."""
    spans: list[slice] = []
    with mock.patch.object(disk_sorting, "sort_open_span", wraps=sort_open_span) as sort:
        yield spans
        spans.extend(call.args[1] for call in sort.call_args_list)


EIGHTY = np.arange(110.0, 900.0, 10)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("share_mz", [False, True])
def test_runs_are_as_large_as_memory_allows(share_mz: bool, n_threads: int, tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs(share_mz=share_mz)
    with only_peaks_count(), counted_spans() as spans:
        found = sort_in(dataset, EIGHTY, memory_bytes, tmp_path, n_threads)
    assert spans == [slice(start, start + 10) for start in range(0, 100, 10)]
    assert found == sort_at_once(dataset, EIGHTY)


def test_what_fits_as_one_run_goes_by_no_file(tmp_path: Path) -> None:
    dataset, _ = ten_runs()
    found = sort_in(dataset, EIGHTY, 64 * MB, tmp_path / "not there")
    assert found == sort_at_once(dataset, EIGHTY)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("share_mz", [False, True])
def test_every_byte_is_read_once_and_seen_in_order(
    share_mz: bool, n_threads: int, tmp_path: Path
) -> None:
    dataset, memory_bytes = ten_runs(share_mz=share_mz, gaps=[2] * 200)
    n_read = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_read
        n_read += length
        return dataset.read_range(offset, length)

    digest = PassingDigest("sha1", read_range)
    with only_peaks_count():
        sort_on_disk(
            dataset.header,
            read_range,
            EIGHTY,
            lambda index, peaks: None,
            memory_bytes=memory_bytes,
            folder=tmp_path,
            n_threads=n_threads,
            watch=digest,
        )
    assert digest.finish(len(dataset.ibd)) == hashlib.sha1(dataset.ibd).hexdigest()
    assert n_read == len(dataset.ibd)


def test_what_lies_far_apart_is_read_again_rather_than_kept(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs(gaps=[60] * 200)
    with only_peaks_count():
        found = sort_in(dataset, EIGHTY, memory_bytes, tmp_path, n_threads=2)
    assert found == sort_at_once(dataset, EIGHTY)


# --- files ----------------------------------------------------------------------------------------


def test_a_segments_file_is_removed_before_the_segment_is_written(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()
    n_files: list[int] = []

    def count_files(index: int) -> None:
        n_files.append(len(list(tmp_path.iterdir())))

    with only_peaks_count():
        sort_in(dataset, EIGHTY, memory_bytes, tmp_path, before=count_files)
    assert n_files == list(reversed(range(80)))


def test_what_an_earlier_sort_left_is_overwritten(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()
    (tmp_path / "segment-000003.spans").write_bytes(b"left by a process that was killed")
    with only_peaks_count():
        found = sort_in(dataset, EIGHTY, memory_bytes, tmp_path)
    assert found == sort_at_once(dataset, EIGHTY)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_a_failed_read_leaves_no_files(after: int, n_threads: int, tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()
    n_requests = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_requests
        n_requests += 1
        if n_requests > 15 * after:
            raise OSError("the network is down")
        return dataset.read_range(offset, length)

    failing = ReadBy(dataset.header, dataset.ibd, read_range)
    with only_peaks_count(), pytest.raises(OSError, match="the network is down"):
        sort_in(failing, EIGHTY, memory_bytes, tmp_path, n_threads)
    assert not list(tmp_path.iterdir())


def test_an_ibd_that_ends_early_is_refused_and_leaves_no_files(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()
    short = ReadBy(
        dataset.header, dataset.ibd, lambda offset, n: dataset.ibd[:-1][offset : offset + n]
    )
    with only_peaks_count(), pytest.raises(InvalidDataset, match="The ibd gave"):
        sort_in(short, EIGHTY, memory_bytes, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_segment_that_cannot_be_written_leaves_no_files(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()

    def refuse_third(index: int) -> None:
        if index == 3:
            raise OSError("the bucket is gone")

    with only_peaks_count(), pytest.raises(OSError, match="the bucket is gone"):
        sort_in(dataset, EIGHTY, memory_bytes, tmp_path, before=refuse_third)
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_shortened_is_noticed(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()

    def shorten(index: int) -> None:
        with next(tmp_path.glob("*44.spans")).open("r+b") as file:
            file.truncate(100)

    with (
        only_peaks_count(),
        pytest.raises(OSError, match=r"44.spans has 100 bytes, not the \d+ that"),
    ):
        sort_in(dataset, EIGHTY, memory_bytes, tmp_path, before=shorten)
    assert not list(tmp_path.iterdir())


# --- memory ---------------------------------------------------------------------------------------


def test_memory_that_is_too_little_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    dataset, memory_bytes = ten_runs()
    with pytest.raises(ValueError, match=r"^1,000 bytes of memory are too few to sort spectrum 0 "):
        sort_in(dataset, EIGHTY, 1000, tmp_path)
    with only_peaks_count(), pytest.raises(ValueError) as caught:
        sort_in(dataset, np.array([200.0]), memory_bytes, tmp_path)
    merging = (
        r"too few to merge segment 1 \(m/z 200 to inf\) of 4,3\d\d peaks: give at least 1\d\d,"
    )
    assert re.search(merging, str(caught.value))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is Linux's to tell")
def test_a_gigabyte_is_sorted_in_a_quarter_of_it(tmp_path: Path) -> None:
    """In a process of its own, whose memory is bounded altogether."""
    limit = 256 * MB
    large_ibd.write(tmp_path / "large.ibd")
    command = [sys.executable, large_ibd.__file__, str(tmp_path / "large.ibd"), str(limit)]
    done = patience.run(command)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["n_segments"] == found["n_right"] == large_ibd.N_SEGMENTS
    assert found["tic_is_right"]
    assert not list(tmp_path.glob("*.spans"))
    assert found["peak_bytes"] <= 1.2 * limit
