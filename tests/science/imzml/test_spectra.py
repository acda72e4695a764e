"""Reading peaks from the ibd, against a loop that reads one spectrum after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import Peaks, read_peak_mz, read_peaks, read_spectrum

from tests.ibd_builder import Dataset, lay_out
from tests.imzml_builder import SPECTRA, build_pair, range_reader
from tests.oracles.peak_sorting import sum_intensity


def naive_peaks(dataset: Dataset, first: int, stop: int) -> Peaks:
    """One spectrum after the other, in the words of METASPACE's engine."""
    header = dataset.header
    columns: tuple[list[np.floating[Any]], list[np.generic], list[int]] = ([], [], [])
    for index in range(header.n_spectra)[first:stop]:
        mz, intensity = read_spectrum(header, index, dataset.read_range)
        kept = intensity > 0
        columns[0].extend(mz[kept])
        columns[1].extend(intensity[kept])
        columns[2].extend([header.pixel_index[index]] * int(kept.sum()))
    with np.errstate(over="ignore"):
        intensity_f4 = np.array(columns[1], header.intensity_dtype).astype(np.float32)
    return Peaks(np.array(columns[0], header.mz_dtype), intensity_f4, np.array(columns[2], "u4"))


def assert_same_peaks(one: Peaks, other: Peaks) -> None:
    np.testing.assert_array_equal(one.mz, other.mz)
    np.testing.assert_array_equal(one.intensity, other.intensity)
    np.testing.assert_array_equal(one.pixel, other.pixel)
    assert one.intensity.dtype == np.float32
    assert one.pixel.dtype == np.uint32
    assert one.mz.dtype == other.mz.dtype
    assert one.mz.dtype.isnative


FLOATS = [0.0, -1.0, 1.0, 2.5, 1e-300, 1e300, np.nan, np.inf, -np.inf]


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    n = draw(st.integers(1, 8))
    mz_type = draw(st.sampled_from(["<f4", "<f8"]))
    intensity_type = draw(st.sampled_from(["<f4", "<f8", "<i4", "<i8"]))
    share_mz = draw(st.booleans())
    sizes = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    sizes = [sizes[0]] * n if share_mz else sizes
    values = st.sampled_from(FLOATS if intensity_type[1] == "f" else [0, -1, 1, 7, 2**31 - 1])
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    mz = [rng.uniform(50, 500, size).astype(mz_type) for size in sizes]
    with np.errstate(over="ignore", under="ignore"):
        intensity = [
            np.array(draw(st.lists(values, min_size=size, max_size=size))).astype(intensity_type)
            for size in sizes
        ]
    return lay_out(
        mz,
        intensity,
        order=draw(st.permutations(range(2 * n))),
        gaps=draw(st.lists(st.integers(0, 20), min_size=2 * n, max_size=2 * n)),
        share_mz=share_mz,
    )


@given(
    dataset=datasets(),
    first=st.integers(0, 9),
    stop=st.none() | st.integers(0, 9),
    batch_bytes=st.integers(1, 200) | st.just(10**6),
)
@settings(max_examples=500)
def test_blocks_give_what_a_loop_over_spectra_gives(
    dataset: Dataset, first: int, stop: int | None, batch_bytes: int
) -> None:
    found = read_peaks(dataset.header, dataset.read_range, first, stop, batch_bytes)
    end = dataset.header.n_spectra if stop is None else stop
    assert_same_peaks(found, naive_peaks(dataset, first, end))


@given(dataset=datasets(), batch_bytes=st.integers(1, 200), data=st.data())
def test_chosen_spectra_give_what_a_loop_over_them_gives(
    dataset: Dataset, batch_bytes: int, data: st.DataObject
) -> None:
    header = dataset.header
    chosen = np.flatnonzero(
        data.draw(st.lists(st.booleans(), min_size=header.n_spectra, max_size=header.n_spectra))
    )
    chosen = chosen if len(chosen) else np.array([0])
    found = read_peak_mz(header, dataset.read_range, chosen, batch_bytes)
    each = [naive_peaks(dataset, index, index + 1).mz for index in chosen.tolist()]
    np.testing.assert_array_equal(found, np.concatenate(each))
    assert found.dtype == each[0].dtype


def test_peaks_keep_file_order_and_types() -> None:
    spectra = [([300.0, 100.0], [1.0, 2.0]), ([100.0], [3.0]), ([50.0, 60.0], [4.0, 5.0])]
    pair = build_pair(spectra, mz_dtype=np.float32, intensity_dtype=np.int64)
    peaks = read_peaks(read_header(pair.source, "a.imzML"), range_reader(pair.ibd))
    assert peaks.mz.tolist() == [300.0, 100.0, 100.0, 50.0, 60.0]
    assert peaks.intensity.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert peaks.pixel.tolist() == [0, 0, 1, 2, 2]
    assert peaks.mz.dtype == np.float32
    assert len(peaks) == 5


def test_only_intensities_above_zero_are_kept_as_tested_in_the_files_type() -> None:
    dataset = lay_out([np.arange(1.0, 10.0)], [np.array(FLOATS)])
    peaks = read_peaks(dataset.header, dataset.read_range)
    assert peaks.mz.tolist() == [3.0, 4.0, 5.0, 6.0, 8.0]
    assert peaks.intensity.tolist() == [1.0, 2.5, 0.0, np.inf, np.inf]


def test_spectrum_is_read_as_stored() -> None:
    pair = build_pair(intensity_dtype=np.int32)
    header = read_header(pair.source, "a.imzML")
    for index, (mz, intensity) in enumerate(SPECTRA):
        found_mz, found_intensity = read_spectrum(header, index, range_reader(pair.ibd))
        assert found_mz.tolist() == mz
        assert found_intensity.tolist() == intensity
        assert found_intensity.dtype == header.intensity_dtype


def test_empty_run_has_no_peaks() -> None:
    dataset = lay_out([np.array([1.0])], [np.array([1.0])])
    peaks = read_peaks(dataset.header, dataset.read_range, 1, 1)
    assert len(peaks) == 0
    assert sum_intensity(peaks, 3).tolist() == [0.0, 0.0, 0.0]


def test_intensity_is_summed_per_pixel_in_float64() -> None:
    peaks = Peaks(
        mz=np.ones(4),
        intensity=np.array([2**24, 1, 1, 5], np.float32),
        pixel=np.array([1, 1, 1, 2], np.uint32),
    )
    total = sum_intensity(peaks, 4)
    assert total.dtype == np.float64
    assert total.tolist() == [0.0, 2.0**24 + 2, 5.0, 0.0]


# --- requests -------------------------------------------------------------------------------------


def requests(
    dataset: Dataset, batch_bytes: int = 10**6, chosen: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """Which ranges are read, of the whole dataset or for the m/z of some spectra."""
    made: list[tuple[int, int]] = []

    def read_range(offset: int, length: int) -> bytes:
        made.append((offset, length))
        return dataset.read_range(offset, length)

    if chosen:
        read_peak_mz(dataset.header, read_range, np.array(chosen))
    else:
        read_peaks(dataset.header, read_range, batch_bytes=batch_bytes)
    return made


def many(
    n: int, size: int = 50
) -> tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.float32]]]:
    rng = np.random.default_rng(1)
    mz = [np.sort(rng.uniform(100, 900, size)) for _ in range(n)]
    return mz, [rng.uniform(1, 9, size).astype(np.float32) for _ in range(n)]


def test_adjacent_arrays_are_read_together() -> None:
    dataset = lay_out(*many(100))
    assert requests(dataset, 10**6) == [(16, 60_000)]
    assert len(requests(dataset, 10_000)) == 7


def test_of_chosen_spectra_nothing_between_them_is_read() -> None:
    dataset = lay_out(*many(100))
    assert requests(dataset, chosen=[0, 50, 51]) == [(16, 600), (30_016, 1200)]


def test_arrays_in_two_places_are_two_requests() -> None:
    order = [*range(0, 200, 2), *range(1, 200, 2)]
    gaps = [0] * 100 + [500_000] + [0] * 99
    dataset = lay_out(*many(100), order=order, gaps=gaps)
    assert requests(dataset, 10**7) == [(16, 40_000), (540_016, 20_000)]


def test_small_gaps_are_read_along() -> None:
    dataset = lay_out(*many(100), gaps=[300] * 200)
    assert len(requests(dataset, 10**6)) == 1


def test_shared_mz_array_is_read_once() -> None:
    mz, intensity = many(100)
    dataset = lay_out([mz[0]] * 100, intensity, share_mz=True)
    made = requests(dataset, 6_000)
    assert made[0] == (16, 400)
    assert all(offset >= 416 for offset, _ in made[1:])
    assert sum(length for _, length in made) == 20_400


def test_no_request_is_larger_than_two_blocks() -> None:
    rng = np.random.default_rng(1)
    for gap in (0, 40, 400, 4000):
        dataset = lay_out(*many(60), order=rng.permutation(120).tolist(), gaps=[gap] * 120)
        for batch_bytes in (600, 5_000, 20_000):
            assert max(length for _, length in requests(dataset, batch_bytes)) <= 2 * batch_bytes


def test_ibd_that_ends_early_is_refused() -> None:
    dataset = lay_out(*many(3))
    cut = range_reader(dataset.ibd[:-1])
    with pytest.raises(InvalidDataset) as caught:
        read_peaks(dataset.header, cut)
    assert str(caught.value) == (
        "The ibd gave 1799 of the 1800 bytes at offset 16; it is truncated or was replaced while"
        " being read: upload imzML and ibd again."
    )
    with pytest.raises(InvalidDataset, match="The ibd gave 599 of the 600 bytes at offset 1216"):
        read_spectrum(dataset.header, 2, cut)


def test_cost_per_spectrum_is_microseconds() -> None:
    small_mz, small_intensity = many(1, size=4)
    n = 20_000
    dataset = lay_out(small_mz * n, small_intensity * n)
    started = time.process_time()
    peaks = read_peaks(dataset.header, dataset.read_range)
    seconds = time.process_time() - started
    assert len(peaks) == 4 * n
    assert seconds / n < 40e-6  # about 3 µs; the limit only catches something quadratic
