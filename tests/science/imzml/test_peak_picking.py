"""Peaks that are picked are those of the profile: where, how high, and how many."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_science.imzml.spectra import pick_stored, read_stored

from tests.golden.make_picked_peaks import NOISE, TABLE, build_profiles
from tests.ibd_builder import lay_out, pick_some
from tests.profile_builder import INSTRUMENTS, ORBITRAP, TOF, Instrument, build_profile

Floats = npt.NDArray[np.floating[Any]]


def pick(mz: Floats, intensity: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    dataset = pick_some(lay_out([mz], [intensity]), [True])
    stored = read_stored(dataset.header, dataset.read_range, slice(0, 1))
    found = pick_stored(dataset.header, slice(0, 1), stored, None)
    return found.mz, found.intensity


def pick_even(intensity: Sequence[float]) -> tuple[list[float], list[float]]:
    """Pick a spectrum whose points lie at 1, 2, 3 …"""
    mz, height = pick(np.arange(1.0, len(intensity) + 1), np.array(intensity))
    return mz.tolist(), height.tolist()


def nearest_ppm(found: Floats, wanted: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return for each m/z the nearest one found, and how far it is."""
    nearest = np.abs(found[:, None] - wanted).argmin(axis=0)
    return nearest, np.abs(found[nearest] / wanted - 1) * 1e6


# --- known peaks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
def test_gaussian_peaks_are_found_where_they_are(instrument: Instrument) -> None:
    profile = build_profile(instrument, cut=5)
    mz, height = pick(profile.mz, profile.intensity)
    np.testing.assert_allclose(mz, profile.true_mz, rtol=1e-11)
    np.testing.assert_allclose(height, profile.true_height, rtol=0.01)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
def test_noise_moves_peaks_little_and_is_mostly_left_out(instrument: Instrument) -> None:
    profile = build_profile(instrument, noise=NOISE)
    mz, height = pick(profile.mz, profile.intensity)
    nearest, off = nearest_ppm(mz, profile.true_mz)
    # all are found, also those of ten times the noise
    assert (off * 1e-6 * profile.true_mz / instrument.width(profile.true_mz)).max() < 0.1
    strong = profile.true_height > 20 * NOISE
    np.testing.assert_allclose(height[nearest][strong], profile.true_height[strong], rtol=0.15)
    is_top = (profile.intensity[1:-1] > profile.intensity[:-2]) & (
        profile.intensity[1:-1] > profile.intensity[2:]
    )
    assert len(mz) < 0.12 * np.count_nonzero(is_top)


def test_nothing_is_lost_where_the_instrument_cut_the_noise() -> None:
    profile = build_profile(ORBITRAP, cut=99)
    mz, height = pick(profile.mz, profile.intensity)
    assert len(mz) == len(profile.true_mz)
    assert height.min() < 0.01 * height.max()


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_overlapping_peaks_are_told_apart_where_there_is_a_valley(share: float) -> None:
    axis = ORBITRAP.axis(500, 501)
    width = float(ORBITRAP.width(np.array([500.5]))[0])
    true_mz = np.array([500.5, 500.5 + 2 * width])
    mz, _ = pick(axis, ORBITRAP.draw(axis, true_mz, 1000 * np.array([1, share])))
    np.testing.assert_allclose(mz, true_mz, rtol=0.05 * width / 500)
    merged, _ = pick(axis, ORBITRAP.draw(axis, true_mz - [0, 1.4 * width], np.array([1000, 1000])))
    assert len(merged) == 1


@pytest.mark.parametrize("name", build_profiles())
def test_peaks_are_those_that_openms_finds(name: str) -> None:
    profile = build_profiles()[name]
    with TABLE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["profile"] == name]
    openms_mz = np.array([float(row["mz"]) for row in rows])
    openms_height = np.array([float(row["intensity"]) for row in rows])
    mz, height = pick(profile.mz, profile.intensity)
    assert np.count_nonzero(height >= 10 * NOISE) == len(rows) == len(profile.true_mz)
    nearest, off = nearest_ppm(mz, openms_mz)
    # noise moves a spline and a parabola by unequal parts of a step
    steps = off * 1e-6 * openms_mz / np.diff(profile.mz).max()
    assert steps.max() < (0.02 if "cut" in name else 0.6)
    np.testing.assert_allclose(height[nearest], openms_height, rtol=0.02)


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intensity", "mz", "height"),
    [
        pytest.param([0, 1, 4, 1, 0], [3.0], [4.0], id="three points"),
        pytest.param([0, 1, 9, 9, 9, 9, 1, 0], [4.5], [9.0], id="flat top"),
        pytest.param([9, 9, 1, 0], [1.5], [9.0], id="flat top at the edge"),
        pytest.param([0, 0, 5, 0, 0], [3.0], [5.0], id="one point"),
        pytest.param([0, 3, 1, 0], [2.25], [3.0], id="two points"),
        pytest.param([3, 1, 0, 0], [1.25], [3.0], id="first point"),
        pytest.param([0, 0, 1, 3], [3.75], [3.0], id="last point"),
        pytest.param([0, 1, 4, 1, 1, 4, 1, 0], [3.0, 6.0], [4.0, 4.0], id="flat valley"),
        pytest.param([0, 1, 1, 2, 2, 3, 1, 0], [5.77], [3.0], id="steps"),
        pytest.param([0, 0, 0], [], [], id="zeros"),
        pytest.param([], [], [], id="nothing"),
        pytest.param([7], [1.0], [7.0], id="a single point"),
    ],
)
def test_shapes(intensity: list[float], mz: list[float], height: list[float]) -> None:
    found_mz, found_height = pick_even(intensity)
    np.testing.assert_allclose(found_mz, mz, atol=0.05)
    np.testing.assert_allclose(found_height, height, rtol=0.05)


def test_a_gap_ends_a_peak() -> None:
    mz = np.array([1.0, 2.0, 3.0, 9.0, 10.0, 11.0])
    found, _ = pick(mz, np.array([1.0, 2.0, 3.0, 4.0, 2.0, 1.0]))
    np.testing.assert_allclose(found, [2.6, 9.333], atol=0.001)


def test_points_that_are_no_counts_are_zeros() -> None:
    odd = [0, 1, 4, 1, np.nan, -5, 1, 4, 1, -np.inf]
    assert pick_even(odd) == pick_even([0, 1, 4, 1, 0, 0, 1, 4, 1, 0])


def test_infinity_is_kept_at_its_place() -> None:
    assert pick_even([0, 1, np.inf, 1, 0]) == ([3.0], [np.inf])


def test_the_order_of_points_does_not_matter() -> None:
    profile = build_profile(TOF, noise=NOISE)
    expected = pick(profile.mz, profile.intensity)
    places = np.random.RandomState(1).permutation(len(profile.mz))
    found = pick(profile.mz[places], profile.intensity[places])
    np.testing.assert_array_equal(found, expected)


def test_the_noise_of_a_quiet_and_of_a_loud_spectrum_is_its_own() -> None:
    profile = build_profile(ORBITRAP, noise=NOISE)
    quiet, _ = pick(profile.mz, profile.intensity)
    loud, _ = pick(profile.mz, profile.intensity * 1024)
    np.testing.assert_array_equal(quiet, loud)
