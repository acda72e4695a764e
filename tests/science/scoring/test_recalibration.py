"""m/z recalibration: calibrants, the line, and windows that are moved by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.learned_score import rank_by
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.recalibration import (
    MAX_CALIBRANTS,
    MIN_CALIBRANTS,
    FirstPass,
    FittedLine,
    MzErrors,
    Recalibration,
    fit_line,
    fit_recalibration,
    measure_mz_errors,
    place_patterns,
    recalibrate_scores,
    sample_ions,
)
from ionbox_science.scoring.scores import Patterns, score_ions

from tests.science.scoring.published_ions import (
    count_annotations,
    read_published_ions,
    scores_of,
)

Float64s = npt.NDArray[np.float64]

LINE = Recalibration(-3.2, 4.1, 300.0, 900.0, 100)


def make_pass(mz: Float64s, error_ppm: Float64s, msm: float = 0.9, n_decoys: int = 50) -> FirstPass:
    """Targets of one score among decoys that were all found nowhere."""
    n = len(mz)
    found = MzErrors(mz, error_ppm, np.full(n, msm), np.ones(n, np.bool_))
    return FirstPass(found, n_targets=max(n, n_decoys), n_decoys=max(n, n_decoys))


def draw(n: int, seed: int = 1, spread: float = 0.3) -> tuple[Float64s, Float64s]:
    """m/z and errors of ions of an instrument that is off by `LINE`."""
    rng = np.random.default_rng(seed)
    mz = np.sort(rng.uniform(300, 900, n))
    return mz, LINE.expected_ppm(mz) + rng.normal(0, spread, n)


def test_the_line_goes_through_the_errors() -> None:
    mz, error_ppm = draw(400)
    fitted = fit_recalibration([make_pass(mz, error_ppm)])
    line = fitted.recalibration
    assert (line.offset_ppm, line.slope_ppm) == pytest.approx((-3.2, 4.1), abs=0.3)
    assert (line.mz_min, line.mz_max, line.n_calibrants) == (mz[0], mz[-1], 400)
    assert np.median(np.abs(fitted.error_ppm)) > 0.7
    assert np.median(np.abs(fitted.remaining_ppm)) < 0.25


def test_a_quarter_of_wrong_calibrants_does_not_turn_the_line() -> None:
    mz, error_ppm = draw(200)
    wrong = np.arange(200) % 4 == 0
    error_ppm = np.where(wrong, np.random.default_rng(2).uniform(-3, 3, 200), error_ppm)
    line = fit_recalibration([make_pass(mz, error_ppm)]).recalibration
    at_ends = np.array([300.0, 900.0])
    assert line.expected_ppm(at_ends) == pytest.approx(LINE.expected_ppm(at_ends), abs=0.25)


@pytest.mark.parametrize("n", [0, 20, MIN_CALIBRANTS - 1])
def test_few_calibrants_change_nothing_and_are_counted(n: int) -> None:
    fitted = fit_recalibration([make_pass(*draw(n))])
    assert fitted.recalibration == Recalibration(n_calibrants=n)
    assert not fitted.recalibration.changes_anything
    assert len(fitted.mz) == n


def test_targets_that_score_no_better_than_decoys_are_no_calibrants() -> None:
    mz, error_ppm = draw(200)
    n = len(mz)
    msm = np.random.default_rng(3).random(2 * n)
    is_target = np.repeat([True, False], n)
    found = MzErrors(np.tile(mz, 2), np.tile(error_ppm, 2), msm, is_target)
    fitted = fit_recalibration([FirstPass(found, n, n)])
    assert fitted.recalibration.n_calibrants < MIN_CALIBRANTS
    # the same targets, and decoys that score less than all of them
    found = replace(found, msm=np.where(is_target, msm + 1, msm))
    assert fit_recalibration([FirstPass(found, n, n)]).recalibration.n_calibrants == n


def test_decoys_count_by_how_many_were_looked_for() -> None:
    mz, error_ppm = draw(100)
    # 40 decoys score as well as the targets: of 40 that is too many, of 2,000 it is not
    found = MzErrors(
        np.concatenate([mz, mz[:40]]),
        np.concatenate([error_ppm, error_ppm[:40]]),
        np.full(140, 0.5),
        np.arange(140) < 100,
    )
    few = fit_recalibration([FirstPass(found, 100, 40)])
    many = fit_recalibration([FirstPass(found, 100, 2000)])
    assert (few.recalibration.n_calibrants, many.recalibration.n_calibrants) == (0, 100)


def test_an_ion_of_two_databases_is_one_calibrant() -> None:
    one = make_pass(*draw(40))
    both = fit_recalibration([one, one])
    assert both.recalibration == fit_recalibration([one]).recalibration


def test_of_many_calibrants_those_of_the_highest_score_are_taken() -> None:
    mz, error_ppm = draw(MAX_CALIBRANTS)
    good = make_pass(mz, error_ppm)
    worse = make_pass(mz + 0.01, error_ppm + 2, msm=0.5)
    fitted = fit_recalibration([good, worse])
    assert fitted.recalibration.n_calibrants == MAX_CALIBRANTS
    assert fitted.mz.tolist() == mz.tolist()


def test_the_error_beyond_the_calibrants_is_that_at_their_end() -> None:
    beyond = LINE.expected_ppm(np.array([1.0, 300.0, 900.0, 5000.0]))
    assert beyond[0] == beyond[1] == pytest.approx(-3.2 + 4.1 * 0.3)
    assert beyond[2] == beyond[3] == pytest.approx(-3.2 + 4.1 * 0.9)


def test_padding_stays_where_it_is() -> None:
    placed = LINE.place(np.array([[500.0, 501.0, 0.0]]))
    assert placed[0, 2] == 0
    assert placed[0, 0] == pytest.approx(500 * (1 + (-3.2 + 4.1 * 0.5) * 1e-6), rel=1e-15)


def test_a_line_that_changes_nothing_gives_back_what_it_was_given() -> None:
    mz = np.array([[500.0]])
    patterns = Patterns(mz, np.ones((1, 1), np.float32), np.ones(1, np.bool_))
    assert Recalibration().place(mz) is mz
    assert place_patterns(patterns, Recalibration(n_calibrants=7)) is patterns


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(50, 5000))
def test_what_is_placed_is_corrected_back(offset: float, slope: float, mz: float) -> None:
    line = Recalibration(offset, slope, 100, 2000, 50)
    there = line.correct(line.place(np.array([mz])))
    assert there == pytest.approx(np.array([mz]), rel=1e-8)  # a hundredth of a ppm


def test_a_line_reads_back_as_it_was_written() -> None:
    fitted = fit_recalibration([make_pass(*draw(64))])
    again = FittedLine.from_json(fitted.to_json())
    assert again.recalibration == fitted.recalibration
    assert again.mz.tobytes() == fitted.mz.tobytes()
    assert again.error_ppm.tobytes() == fitted.error_ppm.tobytes()


def test_the_line_of_points_that_lie_on_one() -> None:
    x = np.array([0.2, 0.5, 0.5, 0.9])
    assert fit_line(x, 1 - 2 * x) == pytest.approx((1, -2))
    assert fit_line(np.ones(3), np.array([1.0, 2.0, 5.0])) == (2.0, 0.0)


def test_a_sample_has_all_targets_and_one_decoy_in_so_many_however_ions_are_cut() -> None:
    is_target = np.arange(1000) % 21 == 0
    whole = sample_ions(is_target, 0, 20)
    parts = [sample_ions(is_target[a : a + 130], a, 20) for a in range(0, 1000, 130)]
    assert whole.tolist() == np.concatenate(parts).tolist()
    assert whole[is_target].all()
    assert np.count_nonzero(whole & ~is_target) == pytest.approx(50, abs=4)
    assert sample_ions(is_target, 0, 1).all()


# --- with peaks -----------------------------------------------------------------------------------


def measure(line: Recalibration, n_ions: int = 60) -> tuple[Peaks, Patterns, Grid]:
    """Ions of two isotope peaks, all over 6 x 5 pixels, measured by an instrument that is off."""
    theoretical = np.linspace(300, 900, n_ions)[:, None] + np.array([0.0, 1.00335])
    pixels = np.arange(30, dtype=np.uint32)
    mz = np.repeat(line.place(theoretical).ravel(), len(pixels))
    intensity = np.tile(np.repeat([100.0, 20.0], len(pixels)), n_ions).astype(np.float32)
    brightness = np.tile(1 + pixels % 7, 2 * n_ions).astype(np.float32)
    order = np.argsort(mz, kind="stable")
    pixel = np.tile(pixels, 2 * n_ions)
    peaks = Peaks(mz[order], (intensity * brightness)[order], pixel[order])
    abundance = np.tile(np.array([100, 20], np.float32), (n_ions, 1))
    patterns = Patterns(theoretical, abundance, np.ones(n_ions, np.bool_))
    return peaks, patterns, Grid(np.ones((5, 6), np.bool_))


def test_errors_are_measured_and_windows_moved_by_them() -> None:
    """An instrument off by up to 4 ppm: windows of 3 ppm miss ions, until they are moved."""
    off = Recalibration(4.4, -4.0, 0.0, 2000.0, 1)
    peaks, patterns, grid = measure(off)
    options, everywhere = ImageOptions(ppm=3.0), (1.0, 2000.0)
    before = score_ions(peaks, patterns, grid, options, everywhere)
    assert np.count_nonzero(before.is_found) < 60
    errors = measure_mz_errors(peaks, patterns, grid, options, everywhere)
    assert errors.error_ppm == pytest.approx(off.expected_ppm(errors.mz), abs=1e-6)
    line = fit_recalibration([FirstPass(errors, 60, 60)]).recalibration
    assert (line.offset_ppm, line.slope_ppm) == pytest.approx((4.4, -4.0), abs=1e-4)
    line = replace(line, mz_min=0.0)  # the ions that were missed lie beyond the calibrants
    placed = score_ions(peaks, place_patterns(patterns, line), grid, options, everywhere)
    after = recalibrate_scores(placed, line)
    assert np.count_nonzero(after.is_found) == 60
    assert np.abs(after.mz_error_abs / patterns.mz[:, 0] * 1e6).max() < 1e-3
    assert after.mz_mean == pytest.approx(patterns.mz, rel=1e-8)


# --- real data ------------------------------------------------------------------------------------


def test_real_data_have_more_annotations_when_recalibrated(reference: Path) -> None:
    """Ten FTICR datasets; without recalibration 1,231, 2,006 and 2,286 at 5, 10 and 20 %."""
    rows = read_published_ions(reference)
    scores = scores_of(rows)
    mz = np.array([float(row["theo_mz"].strip("[]").split()[0]) for row in rows])
    dataset = np.array([row["ds_id"] for row in rows])
    is_target = np.array([row["target"] == "1.0" for row in rows])
    error_abs = scores.mz_error_abs.copy()
    for name in np.unique(dataset):
        of_it = (dataset == name) & scores.is_found
        error_ppm = scores.mz_error_abs[of_it] / mz[of_it] * 1e6
        found = MzErrors(mz[of_it], error_ppm, scores.msm[of_it], is_target[of_it])
        line = fit_recalibration([FirstPass(found, 1, 20)]).recalibration
        assert line.changes_anything
        shift = line.expected_ppm(mz[dataset == name]) * mz[dataset == name] * 1e-6
        error_abs[dataset == name] -= shift
    scores = replace(scores, mz_error_abs=error_abs)
    ranked_by = rank_by(scores, "metaspace-ml-animal").msm
    assert count_annotations(rows, scores.is_found, ranked_by) == [1434, 2065, 2287]
