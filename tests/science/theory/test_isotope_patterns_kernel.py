"""The kernel gives cpyMSpec's peak sets: on sampled ions here, on millions when it was written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidFormula
from ionbox_science.setting_table import PATTERN_VERSIONS, PatternVersion
from ionbox_science.theory import isotope_patterns
from ionbox_science.theory.compositions import DECLINED, Compositions, parse_compositions
from ionbox_science.theory.formulas import (
    ISOTOPE_LABELS,
    build_ion_formula,
    element_masses,
    format_formula,
    parse_formula,
)
from ionbox_science.theory.isotope_model import (
    ANALYZERS,
    FWHM_PER_SIGMA,
    Analyzer,
    IsotopeModel,
    peak_sigma,
)
from ionbox_science.theory.isotope_patterns import (
    ReferenceMissing,
    generate_patterns,
    generate_patterns_of,
)
from ionbox_science.theory.isotopes import read_isotopes

from tests.oracles.cpymspec_035 import generate_patterns_v1
from tests.oracles.isotope_patterns import cpymspec, generate_patterns_with_cpymspec

ELEMENTS = sorted(set(element_masses()) - set(ISOTOPE_LABELS))


def model_of(
    analyzer: Analyzer = "orbitrap",
    resolving_power: float = 140_000,
    n_peaks: int = 4,
    charge: int = 1,
) -> IsotopeModel:
    return IsotopeModel(analyzer, 200 / resolving_power / FWHM_PER_SIGMA, n_peaks, charge)


def assert_equal_to_cpymspec(ion_formulas: Sequence[str], model: IsotopeModel) -> None:
    mz, intensity = generate_patterns(ion_formulas, model)
    expected_mz, expected_intensity = generate_patterns_with_cpymspec(ion_formulas, model)
    np.testing.assert_array_equal(mz > 0, expected_mz > 0)
    np.testing.assert_allclose(mz, expected_mz, rtol=1e-9)
    np.testing.assert_allclose(intensity, expected_intensity, rtol=0, atol=1e-6)


@pytest.fixture
def never_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ion_formula: str, model: IsotopeModel) -> None:
        raise AssertionError(f"the kernel declined {ion_formula}")

    monkeypatch.setattr(isotope_patterns, "generate_pattern_with_cpymspec", refuse)


@pytest.fixture(scope="session")
def hmdb_ions(reference: Path) -> list[str]:
    """300 ions: HMDB's formulas with every element, and the common adducts, as adduct."""
    lines = (reference / "databases" / "hmdb_formulas.tsv").read_text().splitlines()[1:]
    formulas = [line.split("\t")[2] for line in lines]
    adducts = [f"+{element}" for element in ELEMENTS] + ["+H", "+Na", "+K", "-H", "+Cl", "+NH4"] * 6
    sample = random.Random(20)
    ions: list[str] = []
    while len(ions) < 300:
        try:
            ions.append(build_ion_formula(sample.choice(formulas), sample.choice(adducts)))
        except InvalidFormula:
            continue
    return ions


@pytest.mark.usefixtures("never_declined")
@pytest.mark.parametrize("resolving_power", [68_600, 161_000])
@pytest.mark.parametrize("analyzer", ANALYZERS)
def test_kernel_gives_cpymspecs_peaks(
    analyzer: Analyzer, resolving_power: float, hmdb_ions: list[str]
) -> None:
    assert_equal_to_cpymspec(hmdb_ions, model_of(analyzer, resolving_power, charge=1))
    assert_equal_to_cpymspec(hmdb_ions[::6], model_of(analyzer, resolving_power, charge=-1))


@pytest.mark.usefixtures("never_declined")
@pytest.mark.parametrize(
    ("analyzer", "resolving_power", "every"),
    [
        ("orbitrap", 1_000, 5),
        ("orbitrap", 1_000_000, 15),
        ("fticr", 1_000, 5),
        ("fticr", 1_000_000, 15),
        ("tof", 300, 5),
        ("tof", 10_000, 5),
        ("tof", 1_000_000, 30),
    ],
)
def test_kernel_gives_cpymspecs_peaks_at_extreme_resolving_powers(
    analyzer: Analyzer, resolving_power: float, every: int, hmdb_ions: list[str]
) -> None:
    assert_equal_to_cpymspec(hmdb_ions[::every], model_of(analyzer, resolving_power))


@pytest.mark.usefixtures("never_declined")
@pytest.mark.parametrize("n_peaks", [1, 2, 3, 5, 8, 16, 40])
def test_kernel_keeps_as_many_peaks_as_asked(n_peaks: int, hmdb_ions: list[str]) -> None:
    assert_equal_to_cpymspec(hmdb_ions[::5], model_of(n_peaks=n_peaks))
    assert_equal_to_cpymspec(hmdb_ions[::9], model_of("tof", 400_000, n_peaks))


ion_formulas = st.dictionaries(
    st.sampled_from(ELEMENTS) | st.sampled_from(["C", "H", "N", "O", "P", "S", "Cl"]),
    st.integers(1, 3) | st.integers(1, 40),
    min_size=1,
    max_size=4,
).map(
    # three dozen atoms of tin and the like are beyond what cpyMSpec does in a test's time
    lambda counts: format_formula(
        {e: n if e in ("C", "H", "N", "O", "P", "F") else min(n, 3) for e, n in counts.items()}
    )
)


@pytest.mark.usefixtures("never_declined")
@settings(max_examples=150)
@given(
    ion_formulas,
    st.sampled_from(ANALYZERS),
    st.floats(200, 500_000),
    st.integers(2, 16),
    st.sampled_from([-1, 1]),
)
def test_kernel_gives_cpymspecs_peaks_for_any_formula(
    ion_formula: str, analyzer: Analyzer, resolving_power: float, n_peaks: int, charge: int
) -> None:
    model = model_of(analyzer, resolving_power, n_peaks, charge)
    mass = sum(element_masses()[e] * n for e, n in parse_formula(ion_formula).items())
    # cpyMSpec takes long for light ions at high resolving power, and refuses beyond 1e8 samples
    assume(peak_sigma(model, np.array([mass]))[0] > 1e-4)
    assert_equal_to_cpymspec([ion_formula], model)


@pytest.mark.parametrize(
    ("sigma", "charge", "every"), [(0.000619, -1, 2), (0.00012, 1, 20), (0.01, 1, 2), (0.1, 1, 2)]
)
def test_kernel_gives_the_patterns_of_the_older_cpymspec(
    sigma: float, charge: int, every: int, hmdb_ions: list[str]
) -> None:
    some = hmdb_ions[::every]
    model = IsotopeModel("orbitrap", sigma, charge=charge, version="cpymspec-0.3.5")
    mz, intensity = generate_patterns(some, model)
    expected_mz, expected_intensity = generate_patterns_v1(some, sigma, charge)
    np.testing.assert_allclose(mz, expected_mz, rtol=1e-12)
    np.testing.assert_allclose(intensity, expected_intensity, rtol=1e-6)
    whatever = generate_patterns(some, replace(model, analyzer="fticr"))
    assert whatever[0].tobytes() == mz.tobytes()


def test_nobody_is_asked_about_the_patterns_of_the_older_cpymspec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the older one refused has none: too wide for m/z 0, too narrow, too many atoms."""
    monkeypatch.setitem(__import__("sys").modules, "cpyMSpec", None)
    for formula, sigma in (("CH4", 5.0), ("C6H12", 1e-7), ("C20000C20000", 0.001), ("Sn40", 1e-3)):
        model = IsotopeModel("tof", sigma, version="cpymspec-0.3.5")
        mz, intensity = generate_patterns([formula, "NaF"], model)
        assert not mz[0].any() and not intensity[0].any()


@pytest.mark.parametrize("element", ELEMENTS)
def test_isotopes_are_cpymspecs(element: str) -> None:
    isotopes = read_isotopes()
    index = ELEMENTS.index(element)
    rows = slice(isotopes.starts[index], isotopes.starts[index + 1])
    pattern = cpymspec().isotopePattern(element, 1e-9)
    mass, abundance = zip(
        *sorted(zip(pattern.masses, pattern.intensities, strict=True)), strict=True
    )
    np.testing.assert_array_equal(isotopes.masses[rows], mass)
    np.testing.assert_allclose(
        isotopes.abundances[rows] / isotopes.abundances[rows].max(), abundance, rtol=1e-12
    )


def test_isotopes_are_there_for_every_element() -> None:
    symbols = read_isotopes().symbols
    known = [symbols[i : i + 2].decode().rstrip("\0") for i in range(0, len(symbols), 2)]
    assert known == [*ELEMENTS, *ISOTOPE_LABELS]


def test_protonated_water() -> None:
    # the figures of METASPACE's own test
    mz, intensity = generate_patterns(["H3O"], model_of(resolving_power=140_000))
    np.testing.assert_allclose(mz[0], [19.018, 20.022, 20.024, 21.022], atol=1e-3)
    np.testing.assert_allclose(intensity[0], [100, 0.0383, 0.0348, 0.206], rtol=0.01)


def test_single_isotopologue_keeps_its_exact_mass() -> None:
    mz, intensity = generate_patterns(["Na", "F2"], model_of(charge=-1))
    electron = 0.00054857990924
    np.testing.assert_array_equal(mz[:, 0], [22.98976966 + electron, 37.9968064 + electron])
    assert (intensity[:, 0] == 100).all()
    assert not mz[:, 1:].any() and not intensity[:, 1:].any()


@pytest.mark.parametrize("charge", [-1, 1])
def test_labels_shift_the_pattern_of_the_rest(charge: int) -> None:
    model = model_of(charge=charge)
    labelled, _ = generate_patterns(["H13O6Cx6", "CCxH3NxHx2SxOx"], model)
    natural, _ = generate_patterns(["H13O6", "CH3"], model)
    masses = element_masses()
    np.testing.assert_allclose(labelled[0] - natural[0], 6 * masses["Cx"], rtol=1e-12)
    of_second = sum(masses[label] for label in ("Cx", "Nx", "Hx", "Hx", "Ox", "Sx"))
    present = natural[1] > 0
    np.testing.assert_allclose((labelled[1] - natural[1])[present], of_second, rtol=1e-12)
    assert_equal_to_cpymspec(["H13O6Cx6", "CCxH3NxHx2SxOx"], model)


@pytest.mark.parametrize(
    "ion_formula", ["Cx6", "Cx2Hx", "", "Sn40", "Sn3000", "Se9Xe9Hg9", "C30000", "H2C3000000000000"]
)
def test_ions_without_pattern_are_rows_of_zeros(ion_formula: str) -> None:
    mz, intensity = generate_patterns(["C6H7", ion_formula, "C6H7"], model_of())
    assert not mz[1].any() and not intensity[1].any()
    assert mz[0].any() and (mz[0] == mz[2]).all()


@pytest.mark.usefixtures("never_declined")
def test_elements_may_stand_twice_or_not_at_all() -> None:
    mz, intensity = generate_patterns(["CH3CH2OH", "C2H6O", "C2H6O01N0"], model_of())
    assert (mz == mz[0]).all() and (intensity == intensity[0]).all()


@pytest.mark.usefixtures("never_declined")
def test_large_molecules() -> None:
    assert_equal_to_cpymspec(["C2999H5000N800O900S20", "C500H900O200Sn2"], model_of("tof", 20_000))


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("C6H12Zz", "'Zz' is not an element"),
        ("C6H12O6+H", "cannot read"),
        ("C6\nH12", "cannot read"),
        ("C6é", "cannot read"),
        ("c6", "cannot read"),
        ("6C", "cannot read"),
        ("C0", "no atoms"),
    ],
)
def test_unreadable_formulas_are_refused(bad: str, what: str) -> None:
    with pytest.raises(InvalidFormula, match=what):
        generate_patterns(["CH4", "", bad, "CH4"], model_of())


def test_no_ions_no_patterns() -> None:
    mz, intensity = generate_patterns([], model_of(n_peaks=3))
    assert mz.shape == intensity.shape == (0, 3)
    assert mz.dtype == np.float64 and intensity.dtype == np.float32


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_do_not_change_the_result(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isotope_patterns, "IONS_PER_CALL", 7)
    ions = [f"C{c}H{2 * c + 2}O{c % 5}Sn" for c in range(1, 60)]
    one = generate_patterns(ions, model_of())
    several = generate_patterns(ions, model_of(), n_threads)
    assert one[0].tobytes() == several[0].tobytes()
    assert one[1].tobytes() == several[1].tobytes()


@pytest.mark.parametrize("resolving_power", [3_000, 68_600, 161_000, 2_000_000])
@pytest.mark.parametrize(
    ("analyzer", "version"),
    [*((analyzer, PATTERN_VERSIONS[0]) for analyzer in ANALYZERS), ("tof", "cpymspec-0.3.5")],
)
def test_what_the_processor_can_does_not_change_a_bit(
    analyzer: Analyzer, version: PatternVersion, resolving_power: float, hmdb_ions: list[str]
) -> None:
    model = replace(model_of(analyzer, resolving_power, n_peaks=8), version=version)
    compositions = parse_compositions(hmdb_ions)
    wide, plain = (
        generate_patterns_of(compositions, model, hmdb_ions.__getitem__, plain=plain)
        for plain in (False, True)
    )
    assert wide[0].tobytes() == plain[0].tobytes()
    assert wide[1].tobytes() == plain[1].tobytes()


def test_order_of_ions_does_not_change_patterns(hmdb_ions: list[str]) -> None:
    mz, intensity = generate_patterns(hmdb_ions, model_of())
    reverse_mz, reverse_intensity = generate_patterns(hmdb_ions[::-1], model_of())
    assert mz.tobytes() == reverse_mz[::-1].tobytes()
    assert intensity.tobytes() == reverse_intensity[::-1].tobytes()


def decline_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kernel leave the second ion to cpyMSpec."""

    def parse(ion_formulas: Sequence[str]) -> Compositions:
        compositions = parse_compositions(ion_formulas)
        compositions.outcome[1] = DECLINED
        return compositions

    monkeypatch.setattr(isotope_patterns, "parse_compositions", parse)


def test_declined_ions_are_left_to_cpymspec(monkeypatch: pytest.MonkeyPatch) -> None:
    decline_second(monkeypatch)
    assert_equal_to_cpymspec(["C6H12O6", "C6H13O6", "C6H12O6Cx"], model_of())


def test_declined_ions_without_cpymspec_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    decline_second(monkeypatch)
    monkeypatch.setitem(__import__("sys").modules, "cpyMSpec", None)
    with pytest.raises(ReferenceMissing, match=r"C6H13O6.*pip install cpyMSpec"):
        generate_patterns(["C6H12O6", "C6H13O6"], model_of())


@pytest.mark.parametrize(
    ("formula", "model"),
    [
        ("CH4", model_of(resolving_power=0.1)),  # so wide that the grid begins below m/z 0
        ("H2", model_of("fticr", 161_000)),  # so narrow that there are more than 1e8 samples
        ("C20000C20000", model_of()),  # too many atoms for its integers
    ],
)
def test_what_cpymspec_refuses_has_no_pattern(formula: str, model: IsotopeModel) -> None:
    mz, intensity = generate_patterns([formula], model)
    assert not mz[0].any()
    assert not intensity[0].any()
