"""Datasets whose peaks are picked are sorted to the same bytes in every way, and in little memory.

Small ones are among `tests.ibd_builder.datasets`, which all ways of sorting are tested with.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_science.imzml.spectra import Peaks, read_peaks
from ionbox_science.sorting.disk_sorting import sort_on_disk
from ionbox_science.sorting.peak_sorting import SortedSpectra, sort_in_memory, sort_span
from ionbox_science.sorting.span_merging import merge_spans

from tests.ibd_builder import Dataset, lay_out, pick_some
from tests.oracles import peak_sorting as oracle
from tests.profile_builder import INSTRUMENTS, build_profile

N_SPECTRA = 12


def build_profiles(*, share_mz: bool = False) -> Dataset:
    """Return noisy profiles of three instruments, or of one, one of four of them no profile."""
    profiles = [
        build_profile(INSTRUMENTS[0 if share_mz else i % 3], noise=1 + i) for i in range(N_SPECTRA)
    ]
    dataset = lay_out(
        [profile.mz for profile in profiles],
        [profile.intensity.astype("<f4") for profile in profiles],
        share_mz=share_mz,
    )
    return pick_some(dataset, [i % 4 != 3 for i in range(N_SPECTRA)])


def columns(found: SortedSpectra) -> list[bytes]:
    return [*peak_columns(found.peaks), found.tic.tobytes()]


def peak_columns(peaks: Peaks) -> list[bytes]:
    return [peaks.mz.tobytes(), peaks.intensity.tobytes(), peaks.pixel.tobytes()]


@pytest.mark.parametrize("share_mz", [False, True])
def test_every_way_gives_the_bytes_of_the_obvious_one(share_mz: bool, tmp_path: Path) -> None:
    dataset = build_profiles(share_mz=share_mz)
    peaks, tic = oracle.sort_spectra(dataset.header, dataset.read_range)
    expected = [*peak_columns(peaks), tic.tobytes()]
    for n_threads, batch_bytes in ((1, 16 << 20), (1, 1), (3, 1 << 18)):
        found = sort_in_memory(
            dataset.header, dataset.read_range, n_threads=n_threads, batch_bytes=batch_bytes
        )
        assert columns(found) == expected, (n_threads, batch_bytes)
    rows = [slice(0, 5), slice(5, 6), slice(6, N_SPECTRA)]
    spans = [sort_span(dataset.header, dataset.read_range, each).peaks for each in rows]
    assert peak_columns(merge_spans(spans)) == expected[:3]
    segments: list[Peaks] = []
    tic = sort_on_disk(
        dataset.header,
        dataset.read_range,
        np.array([405.0]),
        lambda _, peaks: segments.append(Peaks(*(map(np.copy, vars(peaks).values())))),
        memory_bytes=24 << 20,
        folder=tmp_path,
    )
    joined = Peaks(*(np.concatenate([vars(s)[name] for s in segments]) for name in vars(peaks)))
    assert [*peak_columns(joined), tic.tobytes()] == expected


def test_a_sample_has_the_peaks_that_are_sorted() -> None:
    dataset = build_profiles()
    peaks = read_peaks(dataset.header, dataset.read_range)
    assert peak_columns(oracle.sort_peaks(peaks)) == peak_columns(
        sort_in_memory(dataset.header, dataset.read_range).peaks
    )


@pytest.mark.parametrize("is_profile", [True, False], ids=["profiles", "centroids"])
def test_memory_stays_within_what_is_planned_for_the_declared_points(is_profile: bool) -> None:
    """Centroids that are said to be profiles keep most of their points, the worst case."""
    random = np.random.RandomState(1)
    n, n_points = 40, 50_000
    mz: npt.NDArray[np.float64] = np.sort(random.uniform(100, 1000, n_points))
    shape = np.exp(-(np.arange(-5, 6) ** 2) / 8)
    if is_profile:
        mz = np.linspace(100, 1000, n_points)
    spectra = [random.random_sample(n_points) for _ in range(n)]
    if is_profile:
        spectra = [np.convolve(each * (each > 0.97), shape, "same") for each in spectra]
    dataset = pick_some(lay_out([mz] * n, [each.astype("<f4") for each in spectra]), [True] * n)
    planned = dataset.header.n_peaks * 16 + 2 * (4 << 20) + (3 << 20)
    tracemalloc.start()
    try:
        sort_in_memory(dataset.header, dataset.read_range, batch_bytes=4 << 20)
        assert tracemalloc.get_traced_memory()[1] < planned
    finally:
        tracemalloc.stop()
