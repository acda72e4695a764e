"""Sorting peaks with the kernel, against numpy's stable sort of peaks read one by one."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.ibd import PassingDigest
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.sorting.peak_sorting import (
    SortedSpectra,
    sort_in_memory,
    sort_span,
    sum_per_pixel,
)

from tests.ibd_builder import ODD_MZ, Dataset, datasets, lay_out, many
from tests.imzml_builder import build_pair, range_reader
from tests.oracles import peak_sorting as oracle


def assert_sorted_as_numpy_does(
    dataset: Dataset, found: SortedSpectra, *others: SortedSpectra
) -> None:
    """Compare bit by bit, so that zeros of different sign and kinds of NaN are not confused."""
    expected, tic = oracle.sort_spectra(dataset.header, dataset.read_range)
    for each in (found, *others):
        for name in ("mz", "intensity", "pixel"):
            one, other = getattr(each.peaks, name), getattr(expected, name)
            assert one.dtype == other.dtype
            assert one.dtype.isnative
            np.testing.assert_array_equal(one, other, err_msg=name)
            assert one.tobytes() == other.tobytes(), name
        assert each.tic.dtype == np.float64
        assert each.tic.tobytes() == tic.tobytes()


# --- every kind of small dataset ------------------------------------------------------------------


@given(
    dataset=datasets(),
    n_threads=st.sampled_from([1, 2, 4]),
    batch_bytes=st.integers(1, 200) | st.just(10**6),
    keep_bytes=st.integers(0, 500),
)
@settings(max_examples=500)
def test_small_datasets_are_sorted_as_numpy_does(
    dataset: Dataset, n_threads: int, batch_bytes: int, keep_bytes: int
) -> None:
    found = sort_in_memory(
        dataset.header,
        dataset.read_range,
        n_threads=n_threads,
        batch_bytes=batch_bytes,
        keep_bytes=keep_bytes,
    )
    assert_sorted_as_numpy_does(dataset, found)


@given(
    n_peaks=st.integers(1, 6000),
    n_spectra=st.integers(1, 12),
    n_ions=st.sampled_from([1, 3, 50, 10_000]),
    jitter_ppm=st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 100.0]),
    mz_type=st.sampled_from(["<f4", "<f8"]),
    zeros=st.sampled_from([0.0, 0.3]),
    n_threads=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
def test_noisy_ions_are_sorted_as_numpy_does(
    n_peaks: int,
    n_spectra: int,
    n_ions: int,
    jitter_ppm: float,
    mz_type: str,
    zeros: float,
    n_threads: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    ions = rng.uniform(50, 2000, n_ions)
    mz, intensity = [], []
    for _ in range(n_spectra):
        size = int(rng.integers(0, 2 * n_peaks // n_spectra + 1))
        exact = rng.choice(ions, size)
        mz.append((exact * (1 + rng.normal(0, 1e-6 * jitter_ppm, size))).astype(mz_type))
        mz[-1].sort()
        intensity.append(np.where(rng.random(size) < zeros, 0, rng.random(size)).astype("<f4"))
    dataset = lay_out(mz, intensity)
    found = sort_in_memory(dataset.header, dataset.read_range, n_threads=n_threads)
    assert_sorted_as_numpy_does(dataset, found)


# --- what large datasets have ---------------------------------------------------------------------


def spread_over_spectra(
    mz: npt.NDArray[np.float64], n_spectra: int, *, ascending: bool = True
) -> Dataset:
    rng = np.random.default_rng(5)
    pieces = np.array_split(mz, n_spectra)
    pieces = [np.sort(piece) for piece in pieces] if ascending else pieces
    return lay_out(pieces, [rng.random(len(piece)).astype("<f4") for piece in pieces])


@functools.cache
def large_mz() -> dict[str, npt.NDArray[np.float64]]:
    rng = np.random.default_rng(6)
    ulp = np.spacing(500.0)
    return {
        "many buckets": rng.uniform(50, 2000, 300_000),
        "more in one cell than fit a bucket": rng.uniform(500.0, 500.05, 150_000),
        "few values": rng.choice([500.0, 500.0 + ulp, 500.01, 700.0], 150_000),
        "one value": np.full(70_000, 500.0),
        "differing only in the last bits": np.concatenate(
            ([496.5, 530.0], 510.0 + ulp * rng.integers(0, 5000, 60_000))
        ),
        "descending in the last bits": 500.0 + ulp * np.arange(60_000, 0, -1),
        "more odd values than fit a bucket": rng.choice(ODD_MZ, 200_000),
        "zeros": np.concatenate((np.zeros(70_000), rng.uniform(-1, 1, 70_000))),
    }


@pytest.mark.parametrize("mz_type", ["<f4", "<f8"])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("kind", large_mz())
def test_large_datasets_are_sorted_as_numpy_does(kind: str, ascending: bool, mz_type: str) -> None:
    with np.errstate(over="ignore", under="ignore"):
        mz = large_mz()[kind].astype(mz_type)
    dataset = spread_over_spectra(mz, 40, ascending=ascending)

    def read_range(offset: int, length: int) -> bytes:
        assert length > 512  # tests/kernels/test_sanitized.py says what that is good for
        return dataset.read_range(offset, length)

    one = sort_in_memory(dataset.header, read_range)
    assert_sorted_as_numpy_does(dataset, one)
    for n_threads in (2, 4):
        more = sort_in_memory(dataset.header, read_range, n_threads=n_threads, batch_bytes=100_000)
        for name in ("mz", "intensity", "pixel"):
            assert getattr(more.peaks, name).tobytes() == getattr(one.peaks, name).tobytes()
        assert more.tic.tobytes() == one.tic.tobytes()


@pytest.mark.parametrize("intensity_type", ["<f4", "<f8", "<i4", "<i8"])
@pytest.mark.parametrize("mz_type", ["<f4", "<f8"])
@pytest.mark.parametrize("axis", ["ascending", "descending", "with ties", "one channel"])
def test_shared_axis_is_transposed(axis: str, mz_type: str, intensity_type: str) -> None:
    rng = np.random.default_rng(7)
    mz = {
        "ascending": np.linspace(100, 900, 1500),
        "descending": np.linspace(900, 100, 1500),
        "with ties": np.repeat(np.linspace(100, 900, 500), 3),
        "one channel": np.array([300.0]),
    }[axis].astype(mz_type)
    intensity = [
        np.maximum(rng.normal(2, 3, len(mz)) * 1e4, 0).astype(intensity_type) for _ in range(70)
    ]
    dataset = lay_out([mz] * 70, intensity, share_mz=True)
    found = [
        sort_in_memory(dataset.header, dataset.read_range, n_threads=n_threads, batch_bytes=50_000)
        for n_threads in (1, 2, 4)
    ]
    assert_sorted_as_numpy_does(dataset, *found)


def test_intensities_of_one_pixel_are_added_in_the_order_of_the_file() -> None:
    rng = np.random.default_rng(8)
    mz = [np.sort(rng.uniform(100, 900, 500)) for _ in range(40)]
    intensity = [10 ** rng.uniform(-8, 8, 500) for _ in range(40)]
    dataset = lay_out(mz, intensity, pixels=[0, 1] * 20)
    for n_threads in (1, 2, 4):
        found = sort_in_memory(dataset.header, dataset.read_range, n_threads=n_threads)
        assert_sorted_as_numpy_does(dataset, found)


# --- spans of spectra -----------------------------------------------------------------------------


@given(
    dataset=datasets(),
    cuts=st.lists(st.integers(0, 8), max_size=3).map(sorted),
    n_threads=st.sampled_from([1, 2]),
    batch_bytes=st.integers(2, 200),
)
@settings(max_examples=200)
def test_runs_are_sorted_as_their_spectra_alone_would_be(
    dataset: Dataset, cuts: list[int], n_threads: int, batch_bytes: int
) -> None:
    """Also where spectra share an m/z array, and spans have one spectrum or none."""
    header = dataset.header
    totals = oracle.sum_spectra(header, dataset.read_range)
    edges = [0, *(min(cut, header.n_spectra) for cut in cuts), header.n_spectra]
    spectrum_tic = []
    for start, stop in itertools.pairwise(edges):
        span = sort_span(
            header,
            dataset.read_range,
            slice(start, stop),
            n_threads=n_threads,
            batch_bytes=batch_bytes,
        )
        expected = oracle.sort_peaks(read_peaks(header, dataset.read_range, start, stop))
        for name in ("mz", "intensity", "pixel"):
            assert getattr(span.peaks, name).tobytes() == getattr(expected, name).tobytes(), name
        assert span.spectrum_tic.tobytes() == totals[start:stop].tobytes()
        spectrum_tic.append(span.spectrum_tic)
    whole = sort_in_memory(header, dataset.read_range)
    assert sum_per_pixel(header, np.concatenate(spectrum_tic)).tobytes() == whole.tic.tobytes()


def test_rows_of_a_run_may_be_counted_from_the_end() -> None:
    dataset = lay_out(*many(10))
    span = sort_span(dataset.header, dataset.read_range, slice(-2, None))
    assert set(span.peaks.pixel.tolist()) == {8, 9}
    assert span.spectrum_tic.shape == (2,)


def test_a_run_reads_its_own_spectra() -> None:
    mz, intensity = many(100)
    for share_mz, n_bytes in ((False, 10 * 600), (True, 400 + 10 * 200)):
        dataset = lay_out(mz[:1] * 100 if share_mz else mz, intensity, share_mz=share_mz)
        read = 0

        def read_range(offset: int, length: int, dataset: Dataset = dataset) -> bytes:
            nonlocal read
            read += length
            return dataset.read_range(offset, length)

        sort_span(dataset.header, read_range, slice(40, 50), keep_bytes=10**6)
        assert read == n_bytes


# --- whole files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_written_files_are_sorted(mode: str) -> None:
    axis = [100.0, 200.0, 300.0]
    intensities = [[1.0, 0.0, 2.0], [3.0, 4.0, 5.0], [0.0, 6.0, 7.0]]
    pair = build_pair([(axis, values) for values in intensities], mode=mode)
    header = read_header(pair.source, "a.imzML")
    assert header.mode == mode
    found = sort_in_memory(header, range_reader(pair.ibd))
    assert found.peaks.mz.tolist() == [100.0] * 2 + [200.0] * 2 + [300.0] * 3
    assert found.peaks.intensity.tolist() == [1.0, 3.0, 4.0, 6.0, 2.0, 5.0, 7.0]
    assert found.peaks.pixel.tolist() == [0, 1, 1, 2, 0, 1, 2]
    assert found.tic.tolist() == [3.0, 12.0, 13.0, 0.0]


def test_no_peak_above_zero() -> None:
    for share_mz in (True, False):
        dataset = lay_out([np.array([1.0])] * 3, [np.array([0.0])] * 3, share_mz=share_mz)
        found = sort_in_memory(dataset.header, dataset.read_range)
        assert len(found.peaks) == 0
        assert found.tic.tolist() == [0.0, 0.0, 0.0]


def test_ibd_that_ends_early_is_refused() -> None:
    dataset = spread_over_spectra(np.linspace(100, 900, 300), 3)
    with pytest.raises(InvalidDataset, match="The ibd gave 3599 of the 3600 bytes at offset 16; "):
        sort_in_memory(dataset.header, range_reader(dataset.ibd[:-1]))


def other_from(dataset: Dataset, after: int, other: bytes) -> Callable[[int, int], bytes]:
    """Read another file from the given request on."""
    n_requests = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_requests
        n_requests += 1
        return (other if n_requests > after else dataset.ibd)[offset : offset + length]

    return read_range


def assert_refused_as_changed(dataset: Dataset, after: int, other: bytes) -> None:
    with pytest.raises(InvalidDataset) as caught:
        sort_in_memory(dataset.header, other_from(dataset, after, other))
    assert str(caught.value) == (
        "The ibd changed while it was being read: upload imzML and ibd again, then run again."
    )


@pytest.mark.parametrize("intensity", [0.0, 1.0])
@pytest.mark.parametrize("mz", [np.array([300.0]), np.array([700.0]), np.array([900.0, np.nan])])
def test_peaks_that_change_between_the_passes_are_refused(
    mz: npt.NDArray[np.float64], intensity: float
) -> None:
    """More peaks than counted in a bucket, fewer, or where none was: nothing is overwritten."""
    before, size = np.array([100.0, 300.0, 500.0, 700.0] * 50), 200
    ones = [np.ones(size, "<f4")] * 3
    dataset = lay_out([before] * 3, ones)
    other = lay_out([np.resize(mz, size)] * 3, [np.full(size, intensity, "<f4")] * 3)
    assert_refused_as_changed(dataset, 1, other.ibd)


def test_a_peak_that_appears_where_none_was_counted_is_refused() -> None:
    mz = [np.array([100.0, 500.0])] * 3
    dataset = lay_out(mz, [np.array([1.0, 0.0], "<f4")] * 3)
    other = lay_out(mz, [np.array([1.0, 1.0], "<f4")] * 3)
    assert_refused_as_changed(dataset, 1, other.ibd)


@pytest.mark.parametrize("intensity", [0.0, 1.0])
def test_images_that_change_between_the_passes_are_refused(intensity: float) -> None:
    mz = np.linspace(100, 900, 300)
    rng = np.random.default_rng(9)
    dataset = lay_out(
        [mz] * 4, [(rng.random(300) > 0.5).astype("<f4") for _ in range(4)], share_mz=True
    )
    other = lay_out([mz] * 4, [np.full(300, intensity, "<f4")] * 4, share_mz=True)
    assert_refused_as_changed(dataset, 2, other.ibd)


def test_headers_that_would_mislead_the_kernel_are_refused() -> None:
    dataset = spread_over_spectra(np.linspace(100, 900, 300), 3)
    header = dataset.header
    unequal = replace(header, intensity_count=header.intensity_count + 1)
    with pytest.raises(ValueError, match="unequal length"):
        sort_in_memory(unequal, dataset.read_range)
    negative = replace(header, mz_count=-header.mz_count, intensity_count=-header.intensity_count)
    with pytest.raises(ValueError, match="negative length"):
        sort_in_memory(negative, dataset.read_range)
    with pytest.raises(ValueError, match="no kernel for m/z of >f8 with intensities of float32"):
        sort_in_memory(replace(header, mz_dtype=np.dtype(">f8")), dataset.read_range)


# --- requests -------------------------------------------------------------------------------------


def requests(dataset: Dataset, batch_bytes: int, keep_bytes: int = 0) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []

    def read_range(offset: int, length: int) -> bytes:
        made.append((offset, length))
        return dataset.read_range(offset, length)

    sort_in_memory(dataset.header, read_range, batch_bytes=batch_bytes, keep_bytes=keep_bytes)
    return made


def test_adjacent_arrays_are_read_together_and_twice() -> None:
    dataset = lay_out(*many(100))
    assert requests(dataset, 10**6) == [(16, 60_000)] * 2
    in_blocks = requests(dataset, 10_000)
    assert len(in_blocks) == 14
    assert in_blocks[:7] == in_blocks[7:]


def test_pieces_that_may_be_kept_are_read_once() -> None:
    dataset = lay_out(*many(100))
    assert requests(dataset, 10**6, keep_bytes=60_000) == [(16, 60_000)]
    assert len(requests(dataset, 10_000, keep_bytes=30_000)) == 7 + 4


def test_shared_mz_array_is_read_once() -> None:
    mz, intensity = many(100)
    dataset = lay_out([mz[0]] * 100, intensity, share_mz=True)
    made = requests(dataset, 6_000)
    assert made[0] == (16, 400)
    assert all(offset >= 416 for offset, _ in made[1:])
    assert sum(length for _, length in made) == 400 + 2 * 20_000


def test_no_request_is_larger_than_two_blocks() -> None:
    rng = np.random.default_rng(1)
    for gap in (0, 40, 400, 4000):
        dataset = lay_out(*many(60), order=rng.permutation(120).tolist(), gaps=[gap] * 120)
        for batch_bytes in (600, 5_000, 20_000):
            assert max(length for _, length in requests(dataset, batch_bytes)) <= 2 * batch_bytes


# --- checksum in passing --------------------------------------------------------------------------


@given(dataset=datasets(), n_threads=st.sampled_from([1, 3]), batch_bytes=st.integers(1, 200))
@settings(max_examples=100)
def test_checksum_is_that_of_the_whole_file(
    dataset: Dataset, n_threads: int, batch_bytes: int
) -> None:
    dataset = Dataset(dataset.header, dataset.ibd + b"trailer")
    digest = PassingDigest("sha1", dataset.read_range)
    options = {"n_threads": n_threads, "batch_bytes": batch_bytes}
    sort_in_memory(dataset.header, dataset.read_range, watch=digest, **options)
    assert digest.finish(len(dataset.ibd), 10) == hashlib.sha1(dataset.ibd).hexdigest()


@pytest.mark.parametrize("share_mz", [False, True])
def test_checksum_reads_nothing_twice_in_the_usual_layout(share_mz: bool) -> None:
    mz, intensity = many(100)
    dataset = lay_out(mz[:1] * 100 if share_mz else mz, intensity, share_mz=share_mz)
    n_bytes = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal n_bytes
        n_bytes += length
        return dataset.read_range(offset, length)

    digest = PassingDigest("md5", read_range)
    sort_in_memory(dataset.header, read_range, batch_bytes=5_000, keep_bytes=10**6, watch=digest)
    assert digest.finish(len(dataset.ibd)) == hashlib.md5(dataset.ibd).hexdigest()
    assert n_bytes == len(dataset.ibd)
