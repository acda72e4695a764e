"""Isotope patterns: what an analyzer's resolving power, charge and labels do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.theory.isotope_model import (
    ANALYZERS,
    Analyzer,
    IsotopeModel,
    sigma_from_resolving_power,
)
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP
from tests.oracles import obvious

organic = st.builds(
    "C{}H{}N{}O{}S{}".format,
    st.integers(1, 60),
    st.integers(1, 120),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(1, 3),
)


@settings(max_examples=30)
@given(organic)
def test_patterns_agree_with_the_obvious_version(formula: str) -> None:
    mz, intensity = generate_patterns([formula], ORBITRAP)
    expected = obvious.generate_pattern(formula, ORBITRAP.sigma)
    np.testing.assert_allclose(mz[0], [m for m, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(intensity[0], [share for _, share in expected], rtol=1e-6)


@settings(max_examples=20)
@given(organic, st.sampled_from(ANALYZERS), st.integers(2, 9), st.sampled_from([1, -1]))
def test_masses_ascend_and_the_base_peak_is_100(
    formula: str, analyzer: Analyzer, n_peaks: int, charge: int
) -> None:
    mz, intensity = generate_patterns([formula], IsotopeModel(analyzer, 0.001, n_peaks, charge))
    n_real = np.count_nonzero(mz)
    assert mz.shape == intensity.shape == (1, n_peaks)
    assert (np.diff(mz[0, :n_real]) > 0).all()
    assert (intensity[0, :n_real] > 0).all()
    assert not intensity[0, n_real:].any()
    # the base peak is kept whatever is dropped
    assert intensity.max() == pytest.approx(100)


@pytest.mark.parametrize(
    ("formula", "mz", "base_peak"),
    [
        # the lightest of the four most intense peaks, not the base peak, comes first
        ("C6H13O6", 181.070665, 0),
        ("C2H6OBr2", 203.877994, 1),
        ("C4H12Sn", 175.9956, 3),
    ],
)
def test_first_peak_is_the_lightest_of_the_most_intense(
    formula: str, mz: float, base_peak: int
) -> None:
    masses, intensity = generate_patterns([formula], ORBITRAP)
    assert masses[0, 0] == pytest.approx(mz, abs=2e-3)
    assert intensity[0].argmax() == base_peak


def test_an_ion_has_the_same_pattern_in_any_company() -> None:
    ions = ["C6H13O6", "C20H40O2Na", "C45H79NO8P"]
    together = generate_patterns(ions, ORBITRAP)
    for row, ion in enumerate(ions):
        alone = generate_patterns([ion], ORBITRAP)
        np.testing.assert_array_equal(together[0][row], alone[0][0])
        np.testing.assert_array_equal(together[1][row], alone[1][0])


def test_no_ions_make_an_empty_table() -> None:
    mz, intensity = generate_patterns([], ORBITRAP)
    assert mz.shape == intensity.shape == (0, 4)


@pytest.mark.parametrize("formula", ["Cx6Hx12", "C60000H90000N900"])
def test_ions_without_a_pattern_are_rows_of_zeros(formula: str) -> None:
    mz, intensity = generate_patterns([formula, "C6H13O6"], ORBITRAP)
    assert not mz[0].any()
    assert not intensity[0].any()
    assert mz[1].all()


@pytest.mark.parametrize("charge", [1, -1])
def test_labels_shift_the_pattern_of_the_rest_by_their_mass(charge: int) -> None:
    model = IsotopeModel("orbitrap", 0.000619, charge=charge)
    (plain, labelled), (share, labelled_share) = generate_patterns(["C3H7O3", "C3H7O3Cx2Nx"], model)
    np.testing.assert_allclose(labelled - plain, 2 * 13.00335484 + 15.00010889, atol=1e-9)
    np.testing.assert_array_equal(labelled_share, share)


def test_wider_peaks_merge_fine_structure() -> None:
    # carbon-13 and sulfur-33, carbon-13 twice and sulfur-34: 6 and 11 mDa apart
    narrow, _ = generate_patterns(["C20H40S2O2"], IsotopeModel("orbitrap", 0.0002, n_peaks=16))
    wide, _ = generate_patterns(["C20H40S2O2"], IsotopeModel("orbitrap", 0.02, n_peaks=16))
    assert np.count_nonzero(narrow) > np.count_nonzero(wide)
    assert (np.diff(wide[0][wide[0] > 0]) > 0.9).all()


@pytest.mark.parametrize(
    ("analyzer", "at_400"), [("orbitrap", 1 / math.sqrt(2)), ("fticr", 0.5), ("tof", 1.0)]
)
def test_resolving_power_falls_with_mz_as_the_analyzer_does(
    analyzer: Analyzer, at_400: float
) -> None:
    at_200 = sigma_from_resolving_power(analyzer, 100_000)
    assert sigma_from_resolving_power(analyzer, 100_000 * at_400, 400) == pytest.approx(
        at_200, abs=1e-6
    )


@pytest.mark.parametrize("analyzer", ANALYZERS)
def test_sigma_and_resolving_power_at_200_are_inverse(analyzer: Analyzer) -> None:
    sigma = sigma_from_resolving_power(analyzer, 140_000)
    assert sigma == pytest.approx(200 / 140_000 / 2.35482, abs=5e-7)
    assert sigma == round(sigma, 6)
    assert IsotopeModel(analyzer, sigma).resolving_power == pytest.approx(140_000, rel=1e-3)
