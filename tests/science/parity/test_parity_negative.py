"""Negative mode from planted ions to annotations; the reference data has none."""

from __future__ import annotations

import numpy as np
import pytest
from ionbox_science.config import FileWords, resolve_config
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ScoredIons, annotate, draw_blob, plant_dataset
from tests.oracles import obvious

NEGATIVE = IsotopeModel("orbitrap", 0.000619, charge=-1)
POSITIVE = IsotopeModel("orbitrap", 0.000619, charge=1)

ELECTRON = 0.00054857990924
FORMULAS = ["C10H16N5O13P3", "C16H32O2", "C18H34O2", "C6H12O6", "C6H8O7"]
PLANTED = [("C16H32O2", "-H"), ("C18H34O2", "-H"), ("C6H12O6", "+Cl"), ("C6H8O7", "-H")]


@pytest.fixture(scope="module")
def run() -> ScoredIons:
    patterns = [
        obvious.generate_pattern(build_ion_formula(*ion), NEGATIVE.sigma, -1) for ion in PLANTED
    ]
    data = plant_dataset(
        ([mz for mz, _ in pattern], [share for _, share in pattern], (8, 4 + 4 * i, 4 + i, 0.2))
        for i, pattern in enumerate(patterns)
    )
    config, _ = resolve_config(
        [("test", {"polarity": "negative", "isocalc_sigma": NEGATIVE.sigma})],
        FileWords(analyzer="orbitrap"),
    )
    return annotate(
        data,
        FORMULAS,
        config.ion_rule,
        method=config.fdr_method,
        patterns_of=lambda ions: generate_patterns(ions, config.isotope_model),
    )


def test_planted_anions_are_found_with_the_default_adducts(run: ScoredIons) -> None:
    found = run.annotations
    pairs = zip(found.formula.tolist(), found.adduct.tolist(), strict=True)
    assert sorted(pairs) == sorted(PLANTED)
    assert (found.msm > 0.7).all()
    assert np.abs(found.mz_error_abs / found.pattern_mz[:, 0]).max() < 1e-6


def test_planted_anions_are_missed_with_the_sign_of_cations() -> None:
    ion = build_ion_formula("C6H8O7", "-H")
    pattern = obvious.generate_pattern(ion, NEGATIVE.sigma, -1)
    hill = draw_blob(16, 20, 8, 8, 5)
    assert hill.any()
    data = plant_dataset([([m for m, _ in pattern], [s for _, s in pattern], (8, 8, 5, 0.2))])
    run = annotate(data, ["C6H8O7"], patterns_of=lambda ions: generate_patterns(ions, POSITIVE))
    assert not (run.scores.msm > 0).any()


@pytest.mark.parametrize(
    ("formula", "modifier", "known_mz"),
    [
        ("C6H8O7", "-H", 191.019726),
        ("C16H32O2", "-H", 255.232954),
        ("C6H12O6", "+Cl", 215.032792),
    ],
)
def test_anions_lie_at_their_known_mz(formula: str, modifier: str, known_mz: float) -> None:
    mz, _ = generate_patterns([build_ion_formula(formula, modifier)], NEGATIVE)
    assert mz[0, 0] == pytest.approx(known_mz, rel=1e-6)


def test_anions_are_two_electrons_heavier_than_cations_of_the_same_formula() -> None:
    ions = [build_ion_formula("C6H12O6", "+Cl"), "C16H31O2"]
    anion, _ = generate_patterns(ions, NEGATIVE)
    cation, _ = generate_patterns(ions, POSITIVE)
    np.testing.assert_allclose((anion - cation)[:, 0], 2 * ELECTRON, atol=1e-6)
