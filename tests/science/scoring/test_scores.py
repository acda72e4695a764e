"""Metrics against the obvious version, ion by ion, and the rules about what is not scored."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import (
    ORBITRAP,
    Dataset,
    build_grid,
    build_patterns,
    build_peaks,
    draw_blob,
    plant_dataset,
)
from tests.oracles import obvious
from tests.oracles.scores import measure_spatial, measure_spectral

EVERYTHING = (0.0, 10_000.0)

images = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.just(4), st.integers(1, 9)),
    elements=st.one_of(st.just(0.0), st.integers(1, 50)),
)
abundances = st.sampled_from(
    [[100, 20, 5, 1], [40, 100, 3, 0.1], [100, 10, 0, 0], [100, 0, 0, 0], [25, 25, 25, 25]]
)


def score(data: Dataset, patterns: Patterns, min_px: int = 1) -> IonScores:
    return score_ions(data.peaks, patterns, data.grid, ImageOptions(3.0, min_px), EVERYTHING)


def build_dataset(rows: list[tuple[float, float, int]], height: int = 3, width: int = 3) -> Dataset:
    """Make a dataset of (m/z, intensity, pixel) rows, ascending."""
    mz, intensity, pixel = zip(*rows, strict=True)
    return Dataset(build_peaks(mz, intensity, pixel), build_grid(height, width))


def plant_patterns(ions: list[str]) -> tuple[Dataset, Patterns]:
    mz, intensity = generate_patterns(ions, ORBITRAP)
    data = plant_dataset(
        (mz[i].tolist(), intensity[i].tolist(), (8, 4 + 5 * i, 3 + i, 0.3 + 0.5 * i))
        for i in range(len(ions))
    )
    return data, Patterns(mz, intensity, np.ones(len(ions), bool))


@settings(max_examples=150)
@given(images, abundances)
def test_spectral_agrees_with_the_obvious_version(
    stack: npt.NDArray[np.float32], abundance: list[float]
) -> None:
    shares = np.tile(np.array(abundance, np.float32), (len(stack), 1))
    expected = [obvious.measure_spectral(one, shares[0]) for one in stack]
    np.testing.assert_allclose(measure_spectral(stack, shares), expected, atol=1e-6)


@settings(max_examples=150)
@given(images, abundances)
def test_spatial_agrees_with_the_obvious_version(
    stack: npt.NDArray[np.float32], abundance: list[float]
) -> None:
    shares = np.tile(np.array(abundance, np.float32), (len(stack), 1))
    expected = [obvious.measure_spatial(one, shares[0]) for one in stack]
    np.testing.assert_allclose(measure_spatial(stack, shares), expected, atol=1e-6)


def test_spectral_of_images_too_faint_for_float32_squares_is_zero() -> None:
    """METASPACE squares sums in 32 bits: they vanish below about 1e-23, and so does the score."""
    faint = np.full((1, 4, 9), 1e-26, np.float32) * np.array([8, 4, 2, 1], np.float32)[:, None]
    shares = np.array([[100, 50, 25, 12]], np.float32)
    assert obvious.measure_spectral(faint[0], shares[0]) == 0.0
    assert measure_spectral(faint, shares)[0] == 0.0
    assert measure_spectral(faint * np.float32(1e20), shares)[0] > 0.99


def test_all_metrics_agree_with_the_obvious_version_on_planted_ions() -> None:
    data, patterns = plant_patterns(["C6H13O6", "C18H35O2", "C16H31O2Na", "C4H12Sn"])
    ours = score(data, patterns)
    assert ours.ion.tolist() == [0, 1, 2, 3]
    for row in range(4):
        pattern = list(zip(patterns.mz[row], patterns.intensity[row], strict=True))
        expected = obvious.score_ion(data.peaks, pattern, data.grid.mask)
        assert expected["msm"] > 0
        for name in ("chaos", "spatial", "spectral", "msm", "mz_error_abs", "mz_error_rel"):
            assert getattr(ours, name)[row] == pytest.approx(expected[name], abs=1e-6), name
        assert ours.total_intensity[row, 0] == pytest.approx(expected["total_intensity"])
        assert ours.max_intensity[row, 0] == expected["max_intensity"]


def test_perfect_agreement_with_nothing_to_compare_scores_zero() -> None:
    single = np.array([[[5, 0, 3], [0, 0, 0], [0, 0, 0], [0, 0, 0]]], np.float32)
    assert measure_spectral(single, np.array([[100, 0, 0, 0]], np.float32))[0] == 0.0


def test_one_pixel_has_no_spatial_score() -> None:
    one_pixel = np.zeros((1, 4, 9), np.float32)
    one_pixel[0, :, 4] = [8, 4, 2, 1]
    assert measure_spatial(one_pixel, np.array([[100, 50, 25, 12]], np.float32))[0] == 0.0


def test_opposite_images_score_zero_and_not_less() -> None:
    stack = np.array([[[1, 2, 3], [3, 2, 1], [3, 2, 1], [3, 2, 1]]], np.float32)
    assert measure_spatial(stack, np.array([[100, 50, 25, 12]], np.float32))[0] == 0.0


ROWS = [(100.0, 4.0, 0), (100.0, 9.0, 4), (101.0, 2.0, 0), (101.0, 5.0, 4)]


def test_an_ion_without_its_first_image_is_not_scored() -> None:
    data = build_dataset(ROWS)
    assert score(data, build_patterns([[99.0, 100.0]])).ion.size == 0


@pytest.mark.parametrize(("is_target", "n_scored"), [(True, 1), (False, 0)])
def test_an_ion_with_its_first_image_only_is_scored_if_it_is_a_target(
    is_target: bool, n_scored: int
) -> None:
    ours = score(build_dataset(ROWS[:2]), build_patterns([[100.0, 101.0]], is_target=is_target))
    assert len(ours.ion) == n_scored
    assert not ours.msm.any()


def test_decoys_stop_at_the_first_metric_that_is_zero_and_targets_do_not() -> None:
    # images that exclude each other: correlation below zero
    rows = [(100.0, 9.0, pixel) for pixel in (0, 1, 3)] + [(100.0, 1.0, 8), (101.0, 9.0, 8)]
    patterns = build_patterns([[100.0, 101.0]] * 2, is_target=[True, False])
    ours = score(build_dataset(rows), patterns)
    assert ours.spectral[0] == ours.spectral[1] > 0
    assert ours.spatial.tolist() == [0, 0]
    assert ours.chaos[0] > 0
    assert ours.chaos[1] == 0
    assert ours.msm.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("mz_range", "n_scored"),
    [((100.0, 101.0), 0), ((99.9, 101.0), 1), ((100.0, 101.1), 1), ((100.5, 100.9), 0)],
)
def test_an_ion_needs_one_isotope_peak_strictly_inside_the_data(
    mz_range: tuple[float, float], n_scored: int
) -> None:
    data = build_dataset(ROWS)
    patterns = build_patterns([[100.0, 101.0]])
    ours = score_ions(data.peaks, patterns, data.grid, ImageOptions(), mz_range)
    assert len(ours.ion) == n_scored


def test_small_images_count_as_missing() -> None:
    ours = score(
        build_dataset([*ROWS, (102.0, 3.0, 1)]), build_patterns([[100.0, 101.0, 102.0]]), 2
    )
    assert ours.total_intensity[0].tolist() == [13.0, 7.0, 0.0]
    assert ours.mz_mean[0, 2] == 102.0
    assert ours.mz_stddev[0, 2] == 0.0


def test_intensities_are_those_of_measured_pixels() -> None:
    grid = build_grid(1, 3, missing=[(0, 1)])
    peaks = build_peaks([100.0, 100.0, 101.0], [4.0, 6.0, 2.0], [0, 2, 2])
    ours = score_ions(peaks, build_patterns([[100.0, 101.0]]), grid, ImageOptions(), EVERYTHING)
    assert ours.total_intensity[0].tolist() == [10.0, 2.0]
    assert ours.min_intensity[0].tolist() == [4.0, 0.0]
    assert ours.max_intensity[0].tolist() == [6.0, 2.0]


def test_mz_errors_are_weighted_by_intensity_and_abundance() -> None:
    rows = [(100.0, 1.0, 0), (100.0002, 3.0, 1), (101.0001, 2.0, 0), (102.0002, 2.0, 1)]
    patterns = build_patterns([[100.0, 101.0, 102.0]], [[100.0, 30.0, 10.0]])
    ours = score(build_dataset(rows), patterns)
    assert ours.mz_error_abs[0] == pytest.approx(1.5e-4, abs=1e-12)
    relative = (30 * (1e-4 - 1.5e-4) + 10 * (2e-4 - 1.5e-4)) / 40
    assert ours.mz_error_rel[0] == pytest.approx(relative, abs=1e-12)
    assert ours.mz_stddev[0, 0] == pytest.approx(np.sqrt(0.75 * 0.25) * 2e-4, abs=1e-12)


@pytest.mark.parametrize("intensity", [np.inf, 3e38])
def test_intensities_beyond_float32_score_zero_without_a_warning(intensity: float) -> None:
    rows: list[tuple[float, float, int]] = [(100.0, intensity, p) for p in (0, 0, 1)]
    ours = score(build_dataset([*rows, (101.0, 1.0, 0)]), build_patterns([[100.0, 101.0]]))
    assert ours.msm.tolist() == [0.0]


def test_bright_ions_score_as_faint_ones() -> None:
    """METASPACE's engine loses ions near 1e10 counts: its float32 covariance overflows."""
    data, patterns = plant_patterns(["C16H33O2", "C18H37O2"])
    bright = dataclasses.replace(data.peaks, intensity=data.peaks.intensity * np.float32(2**24))
    assert bright.intensity.max() > 1e10
    faint, found = score(data, patterns), score(Dataset(bright, data.grid), patterns)
    assert (faint.msm > 0.1).all()
    for name in ("chaos", "spatial", "spectral", "msm"):
        np.testing.assert_allclose(getattr(found, name), getattr(faint, name), rtol=1e-12)


def test_measured_mz_keep_the_digits_of_the_file() -> None:
    """METASPACE's engine averages float32 m/z, which are 3e-5 Da apart at m/z 800."""
    mz = 800.00001, 800.00002
    data = build_dataset([(mz[0], 1.0, 0), (mz[1], 3.0, 1)])
    (mean,) = score(data, build_patterns([[800.0, 801.0]])).mz_mean[:, 0]
    assert mean == pytest.approx(800.0000175, abs=1e-9)


def test_runs_of_ions_score_as_all_together() -> None:
    data, patterns = plant_patterns(["C6H13O6", "C18H35O2", "C16H31O2Na", "C4H12Sn", "C9H9O4"])
    options = ImageOptions()
    together = score_ions(data.peaks, patterns, data.grid, options, EVERYTHING)
    parts = [
        score_ions(data.peaks, patterns.take(slice(a, b)), data.grid, options, EVERYTHING, a)
        for a, b in ((0, 2), (2, 2), (2, 5))
    ]
    for name, array in together.to_arrays().items():
        np.testing.assert_array_equal(IonScores.concatenate(parts).to_arrays()[name], array)


def test_no_ions_make_empty_scores() -> None:
    ours = score(build_dataset(ROWS), build_patterns([[100.0, 101.0]]).take(slice(0, 0)))
    assert all(len(array) == 0 for array in dataclasses.asdict(ours).values())
    assert ours.mz_mean.shape == (0, 2)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_metrics_stay_between_zero_and_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_peaks = 300
    peaks: Any = build_peaks(
        np.sort(random.integers(1000, 1030, n_peaks) / 10),
        random.integers(1, 100, n_peaks),
        random.integers(0, 30, n_peaks),
    )
    data = Dataset(peaks, build_grid(5, 6))
    pattern_mz = random.integers(1000, 1030, (10, 4)) / 10
    ours = score(data, build_patterns(pattern_mz.tolist()))
    for name in ("chaos", "spatial", "spectral", "msm"):
        values = getattr(ours, name)
        assert ((values >= 0) & (values <= 1)).all(), name
    np.testing.assert_allclose(ours.msm, ours.chaos * ours.spatial * ours.spectral)


def test_a_compact_object_beats_noise() -> None:
    pattern = generate_patterns(["C18H35O2"], ORBITRAP)
    masses, shares = pattern[0][0].tolist(), pattern[1][0].tolist()
    assert draw_blob(16, 20, 8, 8, 5).any()
    clear = plant_dataset([(masses, shares, (8, 8, 5, 0.1))])
    noisy = plant_dataset([(masses, shares, (8, 8, 5, 3.0))])
    patterns = Patterns(*pattern, np.array([True]))
    assert score(clear, patterns).msm[0] > 0.85
    assert score(noisy, patterns).msm[0] < 0.6
