"""The score kernel against numpy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions

from tests.oracles.scores import score_ions as oracle


@dataclass(frozen=True)
class Case:
    peaks: Peaks
    patterns: Patterns
    grid: Grid
    options: ImageOptions = field(default_factory=ImageOptions)
    mz_range: tuple[float, float] = (0.0, np.inf)

    def score(self, n_threads: int = 1) -> IonScores:
        return score_ions(
            self.peaks, self.patterns, self.grid, self.options, self.mz_range, 7, n_threads
        )

    def expect(self) -> IonScores:
        with np.errstate(all="ignore"):
            return oracle(self.peaks, self.patterns, self.grid, self.options, self.mz_range, 7)


# exact in float32 and their sums in float64; no two of them so close that a correlation is noise
ORDINARY = st.integers(1, 800).map(lambda n: n / 8)
WILD = st.floats(0, width=32) | st.sampled_from([0.0, np.nan, np.inf, 1e-45, 3e38]) | ORDINARY


@st.composite
def cases(draw: st.DrawFn, intensities: st.SearchStrategy[float]) -> Case:
    n_ions, n_peaks = draw(st.integers(1, 5)), draw(st.integers(1, 16))
    height, width = draw(st.sampled_from([(1, 1), (1, 9), (6, 1), (4, 5), (3, 3), (2, 4)]))
    mask = draw(stn.arrays(np.bool_, (height, width), fill=st.just(True)))
    mask.flat[draw(st.integers(0, mask.size - 1))] = True
    n_rows = draw(st.integers(0, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mz = np.sort(100 + 20 * rng.random((n_ions, 1)) + rng.random((n_ions, n_peaks)).cumsum(axis=1))
    abundance = draw(
        stn.arrays(np.float32, mz.shape, elements=st.integers(0, 100), fill=st.just(10.0))
    )
    padding = np.arange(n_peaks) >= draw(
        stn.arrays(np.int64, (n_ions, 1), elements=st.integers(0, n_peaks), fill=st.just(n_peaks))
    )
    mz[padding] = abundance[padding] = 0
    ppm = draw(st.sampled_from([3.0, 500.0]))
    # most peaks belong to the first images, and some lie exactly on bounds
    chosen = np.minimum(rng.integers(0, n_peaks, n_rows), rng.integers(0, n_peaks, n_rows))
    offset = rng.choice([-2, -1, -0.3, 0, 0.3, 0.5, 1], n_rows) * ppm * 1e-6
    mz_rows = mz[rng.integers(0, n_ions, n_rows), chosen] * (1 + offset)
    rows = np.argsort(mz_rows, kind="stable")
    intensity = draw(stn.arrays(np.float32, n_rows, elements=intensities))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    peaks = Peaks(
        mz_rows[rows].astype(dtype),
        intensity,
        rng.choice(np.flatnonzero(mask), n_rows).astype(np.uint32),
    )
    is_target = draw(stn.arrays(np.bool_, n_ions))
    low = draw(st.sampled_from([0.0, 110.0, 125.0]))
    return Case(
        peaks,
        Patterns(mz, abundance, is_target),
        Grid(mask),
        ImageOptions(ppm, draw(st.integers(0, 4))),
        (low, 130.0),
    )


def assert_exact_columns_equal(scores: IonScores, expected: IonScores) -> None:
    for name in ("ion", "min_intensity", "max_intensity", "mz_mean", "mz_stddev", "mz_error_abs"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(expected, name), name)
    assert {name: column.dtype for name, column in scores.to_arrays().items()} == {
        name: column.dtype for name, column in expected.to_arrays().items()
    }


def spectral_tolerance(case: Case) -> float:
    """Numpy sums eight float32 and more in another order."""
    return 1e-12 if case.patterns.mz.shape[1] < 8 else 1e-6


def same_spectral(scores: IonScores, expected: IonScores) -> np.ndarray:
    """Where images repeat the pattern exactly, 1 counts as 0 and rounding decides."""
    return np.maximum(scores.spectral, expected.spectral) < 1 - 1e-6


@given(cases(ORDINARY))
@settings(max_examples=400)
def test_equals_numpy(case: Case) -> None:
    scores, expected = case.score(), case.expect()
    assert_exact_columns_equal(scores, expected)
    np.testing.assert_array_equal(scores.total_intensity, expected.total_intensity)
    np.testing.assert_allclose(scores.mz_error_rel, expected.mz_error_rel, rtol=1e-12, atol=1e-15)
    scores, expected = (s.take(same_spectral(scores, expected)) for s in (scores, expected))
    np.testing.assert_array_equal(scores.chaos, expected.chaos)
    np.testing.assert_array_equal(scores.msm > 0, expected.msm > 0)
    rtol = spectral_tolerance(case)
    np.testing.assert_allclose(scores.spatial, expected.spatial, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scores.spectral, expected.spectral, rtol=rtol, atol=1e-14)
    np.testing.assert_allclose(scores.msm, expected.msm, rtol=rtol, atol=1e-14)


@given(cases(WILD))
@settings(max_examples=400)
def test_equals_numpy_on_what_should_not_occur(case: Case) -> None:
    scores, expected = case.score(), case.expect()
    assert_exact_columns_equal(scores, expected)
    np.testing.assert_allclose(scores.total_intensity, expected.total_intensity, rtol=2e-7)
    scores, expected = (s.take(same_spectral(scores, expected)) for s in (scores, expected))
    np.testing.assert_allclose(scores.spectral, expected.spectral, rtol=0, atol=1e-6)
    # correlations of nearly even images are rounding errors
    np.testing.assert_allclose(scores.spatial, expected.spatial, rtol=0, atol=1e-5)
    same_decision = (scores.spatial > 0) == (expected.spatial > 0)
    np.testing.assert_array_equal(scores.chaos[same_decision], expected.chaos[same_decision])


def simulate(seed: int, shape: tuple[int, int], n_ions: int = 60, n_peaks: int = 4) -> Case:
    """Return ions with few to all pixels filled, alike and unlike images, and noise."""
    rng = np.random.default_rng(seed)
    n_pixels = shape[0] * shape[1]
    mz = rng.uniform(100, 900, (n_ions, 1)) + np.arange(n_peaks) * 1.00335
    abundance = np.sort(rng.random(mz.shape) * 100, axis=1)[:, ::-1].astype(np.float32)
    columns = []
    for ion in range(n_ions):
        filled = rng.choice([0.0005, 0.01, 0.2, 0.9, 1.0])
        common = rng.gamma(2, 50, n_pixels)
        for k in range(n_peaks):
            pixel = np.flatnonzero(rng.random(n_pixels) < filled)
            own = rng.gamma(2, 50, pixel.size)
            alike = rng.random()
            intensity = (alike * common[pixel] + (1 - alike) * own) * abundance[ion, k]
            spread = mz[ion, k] * (1 + 1e-6 * rng.normal(0, 1, pixel.size))
            columns.append((spread, intensity, pixel))
    mz_rows, intensity, pixel = (np.concatenate(column) for column in zip(*columns, strict=True))
    rows = np.argsort(mz_rows)
    peaks = Peaks(mz_rows[rows], intensity[rows].astype(np.float32), pixel[rows].astype(np.uint32))
    patterns = Patterns(mz, abundance, rng.random(n_ions) < 0.3)
    return Case(peaks, patterns, Grid(np.ones(shape, np.bool_)))


@pytest.mark.parametrize(("shape", "n_peaks"), [((50, 41), 4), ((1, 700), 2), ((30, 30), 16)])
def test_equals_numpy_on_simulated_images(shape: tuple[int, int], n_peaks: int) -> None:
    case = simulate(n_peaks, shape, n_peaks=n_peaks)
    scores, expected = case.score(), case.expect()
    assert_exact_columns_equal(scores, expected)
    np.testing.assert_array_equal(scores.chaos, expected.chaos)
    np.testing.assert_array_equal(scores.msm > 0, expected.msm > 0)
    rtol = spectral_tolerance(case)
    np.testing.assert_allclose(scores.spatial, expected.spatial, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scores.spectral, expected.spectral, rtol=rtol)
    np.testing.assert_allclose(scores.msm, expected.msm, rtol=rtol, atol=1e-14)
    np.testing.assert_allclose(scores.mz_error_rel, expected.mz_error_rel, rtol=1e-12)


def test_does_not_depend_on_threads_or_batches() -> None:
    case = simulate(3, (20, 20))
    whole = case.score().to_arrays()
    for n_threads in (2, 5):
        for name, column in case.score(n_threads).to_arrays().items():
            assert column.tobytes() == whole[name].tobytes(), name
    parts = [
        replace(case, patterns=case.patterns.take(slice(at, at + 7))).score()
        for at in range(0, 60, 7)
    ]
    joined = IonScores.concatenate(parts).to_arrays()
    assert all(joined[name].tobytes() == whole[name].tobytes() for name in whole if name != "ion")


def test_uncorrelated_images_score_zero_whatever_the_order_of_sums() -> None:
    # the covariance of these is zero, but not in floating point
    pixels = [0, 1, 2, 3, 4, 5, 0, 1, 6, 7, 8, 9]
    mz = np.repeat([100.0, 101.0], 6)
    patterns = Patterns(
        np.array([[100.0, 101.0]]), np.array([[60, 40]], np.float32), np.array([True])
    )
    for scale in (0.1, 0.3, 0.7, 3.3):
        intensity = np.full(12, scale, np.float32)
        peaks = Peaks(mz, intensity, np.array(pixels, np.uint32))
        case = Case(peaks, patterns, Grid(np.ones((1, 18), np.bool_)))
        assert case.score().spatial == case.expect().spatial == 0


def test_no_ion_found() -> None:
    case = simulate(1, (3, 3), n_ions=2)
    case = replace(case, mz_range=(1.0, 2.0))
    assert len(case.score().ion) == len(case.expect().ion) == 0
    assert case.score().mz_mean.shape == (0, 4)


def test_refuses_pixels_outside_the_grid_and_too_many_isotope_peaks() -> None:
    case = simulate(1, (4, 4), n_ions=20)
    with pytest.raises(ValueError, match="out of range"):
        replace(case, grid=Grid(np.ones((4, 3), np.bool_))).score()
    with pytest.raises(ValueError, match="17 isotope peaks"):
        simulate(1, (2, 2), n_ions=1, n_peaks=17).score()


def test_a_perfect_spectral_match_counts_as_nothing_to_compare() -> None:
    patterns = Patterns(
        np.array([[100.0, 0.0]]), np.array([[100, 0]], np.float32), np.array([True])
    )
    peaks = Peaks(np.full(3, 100.0), np.ones(3, np.float32), np.arange(3, dtype=np.uint32))
    case = Case(peaks, patterns, Grid(np.ones((2, 2), np.bool_)))
    assert case.score().spectral == case.expect().spectral == 0
