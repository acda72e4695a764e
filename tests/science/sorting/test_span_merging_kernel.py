"""Merging sorted spans with the kernel, against numpy's stable sort of all their peaks."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.sorting.span_merging import merge_spans

from tests.builders import build_peaks
from tests.ibd_builder import ODD_MZ
from tests.oracles import peak_sorting as oracle

FEW = st.integers(0, 5).map(lambda i: 100 + i / 8)
MZ = [st.floats(50, 2000), FEW, st.sampled_from(ODD_MZ)]


def number_spans(mz: Sequence[npt.NDArray[np.float64]], dtype: str) -> list[Peaks]:
    """Make sorted spans whose peaks can be told apart, by pixel and intensity."""
    spans, n = [], 0
    with np.errstate(over="ignore", under="ignore"):
        for values in mz:
            number = np.arange(n, n + len(values))
            n += len(values)
            intensity = number.astype(np.float32) / np.float32(7)
            peaks = Peaks(values.astype(dtype), intensity, number.astype(np.uint32))
            spans.append(oracle.sort_peaks(peaks))
    return spans


def assert_merged_as_numpy_does(spans: list[Peaks], n_threads: int = 1, *others: int) -> None:
    expected = oracle.merge_spans(spans)
    for n in (n_threads, *others):
        merged = merge_spans(spans, n_threads=n)
        for name in ("mz", "intensity", "pixel"):
            one, other = getattr(merged, name), getattr(expected, name)
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes(), name


@given(
    data=st.data(),
    n_spans=st.integers(1, 9),
    mz=st.sampled_from(MZ),
    dtype=st.sampled_from(["f4", "f8"]),
    n_threads=st.sampled_from([1, 3]),
)
@settings(max_examples=300)
def test_small_runs_are_merged_as_numpy_sorts(
    data: st.DataObject, n_spans: int, mz: st.SearchStrategy[float], dtype: str, n_threads: int
) -> None:
    spans = data.draw(st.lists(st.lists(mz, max_size=8), min_size=n_spans, max_size=n_spans))
    assert_merged_as_numpy_does(number_spans(list(map(np.array, spans)), dtype), n_threads)


@functools.cache
def large_mz() -> dict[str, npt.NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    ulp = np.spacing(500.0)
    return {
        "many buckets": rng.uniform(100, 1200, 300_000),
        "a narrow segment": rng.uniform(500, 500.01, 300_000),
        "few values": rng.choice([500.0, 500.0 + ulp, 500.01, 700.0], 200_000),
        "one value": np.full(150_000, 500.0),
        "differing only in the last bits": np.concatenate(
            ([496.5, 530.0], 510.0 + ulp * rng.integers(0, 5000, 60_000))
        ),
        "more odd values than fit a bucket": rng.choice(ODD_MZ, 200_000),
        "any size": 10 ** rng.uniform(-30, 30, 100_000),
    }


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n_spans", [2, 20, 3000])
@pytest.mark.parametrize("kind", large_mz())
def test_large_spans_are_merged_as_numpy_sorts(kind: str, n_spans: int, dtype: str) -> None:
    rng = np.random.default_rng(4)
    mz = large_mz()[kind]
    cuts = np.sort(rng.integers(0, len(mz), n_spans - 1))  # spans of very different sizes
    spans = number_spans(np.split(mz, cuts), dtype)
    assert_merged_as_numpy_does(spans, 1, 3)


def test_runs_one_after_the_other_in_mz_are_joined() -> None:
    mz = np.split(np.linspace(100, 1000, 200_000), 8)
    assert_merged_as_numpy_does(number_spans(mz, "f8"))
    assert_merged_as_numpy_does(number_spans(mz[::-1], "f8"))


def test_nothing_is_merged_to_nothing() -> None:
    merged = merge_spans([])
    assert (len(merged), merged.mz.dtype) == (0, np.dtype(np.float64))
    empty = build_peaks([], dtype=np.float32)
    merged = merge_spans([empty, empty])
    assert (len(merged), merged.mz.dtype) == (0, np.dtype(np.float32))
    assert (merged.intensity.dtype, merged.pixel.dtype) == (
        np.dtype(np.float32),
        np.dtype(np.uint32),
    )


def test_one_run_with_peaks_is_not_copied() -> None:
    one, empty = build_peaks([1.0, 2.0]), build_peaks([])
    assert merge_spans([empty, one, empty]) is one


def test_columns_may_start_at_any_byte_and_be_read_only() -> None:
    spans = number_spans([np.linspace(100, 900, 50), np.linspace(200, 800, 70)], "f8")
    odd = []
    for span in spans:
        stored = [
            (b"\x55" + column.tobytes(), column.dtype)
            for column in (span.mz, span.intensity, span.pixel)
        ]
        odd.append(Peaks(*(np.frombuffer(raw, dtype, offset=1) for raw, dtype in stored)))
    assert not odd[0].mz.flags.aligned
    assert merge_spans(odd).mz.tobytes() == oracle.merge_spans(spans).mz.tobytes()
    assert merge_spans(odd).pixel.tobytes() == oracle.merge_spans(spans).pixel.tobytes()


def test_runs_of_different_types_are_refused() -> None:
    with pytest.raises(ValueError, match="m/z of different types: float32, float64"):
        merge_spans([build_peaks([1.0], dtype=np.float32), build_peaks([1.0])])


def test_a_run_that_is_seen_not_to_ascend_is_refused() -> None:
    descending = build_peaks(np.linspace(900, 100, 100_000))
    with pytest.raises(ValueError, match="m/z of a span do not ascend"):
        merge_spans([descending, build_peaks(np.linspace(100, 900, 100_000))])
