"""Expected figures that come with the sources: parity for whoever has no reference data.

Where they come from, and how they are made again, stands in each file of ``tests/golden``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ionbox_science.errors import InvalidFormula
from ionbox_science.scoring.fdr import estimate_fdr
from ionbox_science.setting_table import FDR_METHODS, FdrMethod, PatternVersion
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.ion_rule import DecoyRule, IonRule
from ionbox_science.theory.ions import build_ions
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP, annotate
from tests.golden import planted

DECOY_RULES: dict[FdrMethod, DecoyRule] = {
    "metaspace-v1": "per-target-ion",
    "metaspace-v3": "per-formula",
}


@pytest.fixture(scope="module")
def small_values() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((planted.GOLDEN / "small_values.json").read_text("utf-8"))
    return value


@pytest.mark.parametrize(
    ("case", "method"),
    [
        ("fdr_two_decoys", "metaspace-v1"),
        ("fdr_two_decoys", "metaspace-v3"),
        ("fdr_one_decoy", "metaspace-v1"),
    ],
)
def test_fdr_of_a_few_ions(case: str, method: FdrMethod, small_values: dict[str, Any]) -> None:
    value = small_values[case]
    targets = np.array(value["targets"])[:, None]
    decoys = np.array(value["decoys"])[:, None, :]
    fdr = estimate_fdr(targets, decoys, method, tuple(value["levels"]))
    np.testing.assert_allclose(fdr[:, 0], value[method], rtol=1e-12)


def test_pattern_of_protonated_water(small_values: dict[str, Any]) -> None:
    expected = small_values["pattern_of_protonated_water"]
    mz, intensity = generate_patterns([build_ion_formula("H2O", "+H")], ORBITRAP)
    np.testing.assert_allclose(mz[0], expected["mz"], atol=1e-3)
    np.testing.assert_allclose(intensity[0], expected["intensity"], atol=5e-4)


def test_impossible_ions_are_refused(small_values: dict[str, Any]) -> None:
    assert len(small_values["impossible_ions"]) == 4
    for formula, modifier in small_values["impossible_ions"]:
        with pytest.raises(InvalidFormula):
            build_ion_formula(formula, modifier)


def test_small_ions_have_four_entries_even_where_there_are_fewer_peaks(
    small_values: dict[str, Any],
) -> None:
    pairs = small_values["ions_with_four_entries"]
    mz, intensity = generate_patterns([build_ion_formula(*pair) for pair in pairs], ORBITRAP)
    assert mz.shape == intensity.shape == (2, 4)
    assert np.count_nonzero(mz, axis=1).tolist() == [2, 4]
    np.testing.assert_array_equal(mz > 0, intensity > 0)


def test_labelled_ions(small_values: dict[str, Any]) -> None:
    for formula, modifier, ion_formula in small_values["ion_formulas"]:
        assert build_ion_formula(formula, modifier) == ion_formula
    natural, labelled = (build_ion_formula(f, "+H") for f in ("C6H12O6", "Cx6H12O6"))
    (natural_mz, labelled_mz), _ = generate_patterns([natural, labelled], ORBITRAP)
    # the labelled ion has no carbon-13 satellite, and the grid leaves 0.1 ppm
    expected = natural_mz[0] + small_values["label_shift_of_glucose"]
    assert labelled_mz[0] == pytest.approx(expected, rel=3e-7)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("isotope_patterns.csv", "cpymspec-0.4.2"),
        ("isotope_patterns_v1.csv", "cpymspec-0.3.5"),
    ],
)
def test_isotope_patterns_of_the_engine(name: str, version: PatternVersion) -> None:
    rows = planted.read_rows(name)
    assert len(rows) == 40
    model = replace(ORBITRAP, version=version)
    mz, intensity = generate_patterns([row["ion_formula"] for row in rows], model)
    for row, ours_mz, ours_intensity in zip(rows, mz, intensity, strict=True):
        theirs = [float(row[f"mz_{k}"]) for k in range(4)]
        np.testing.assert_allclose(ours_mz, theirs, rtol=1e-9, err_msg=row["ion_formula"])
        theirs = [float(row[f"intensity_{k}"]) for k in range(4)]
        np.testing.assert_allclose(ours_intensity, theirs, rtol=1e-6, err_msg=row["ion_formula"])


@pytest.mark.parametrize("rule", ["per-formula", "per-target-ion"])
def test_decoys_of_the_engine(rule: DecoyRule) -> None:
    value = json.loads((planted.GOLDEN / "decoys.json").read_text("utf-8"))
    table = build_ions(["C2H6O", "C6H12O6", "C9H8O4"], IonRule(planted.ADDUCTS, decoy_rule=rule))
    ours = table.modifiers[table.decoy_modifier[:2]]
    theirs = [[draw.split() for draw in formula] for formula in value["draws"][rule]]
    assert ours.tolist() == theirs


@pytest.mark.parametrize("method", FDR_METHODS)
def test_annotations_of_a_made_up_dataset(method: FdrMethod) -> None:
    expected = [
        row for row in planted.read_rows("expected_annotations.csv") if row["method"] == method
    ]
    assert len(expected) == 21
    rule = IonRule(planted.ADDUCTS, n_decoys=planted.N_DECOYS, decoy_rule=DECOY_RULES[method])
    ours = annotate(planted.read_planted(), planted.FORMULAS, rule, method=method).annotations
    order = np.lexsort((ours.adduct, ours.formula))
    ours = ours.take(order)
    assert list(zip(ours.formula.tolist(), ours.adduct.tolist(), strict=True)) == [
        (row["formula"], row["adduct"]) for row in expected
    ]
    for column in ("fdr", "chaos", "spatial", "spectral", "msm", "mz_error_abs", "mz_error_rel"):
        theirs = [float(row[column]) for row in expected]
        np.testing.assert_allclose(getattr(ours, column), theirs, atol=1e-6, err_msg=column)
    for column in ("total_intensity", "max_intensity"):
        theirs = [float(row[column]) for row in expected]
        np.testing.assert_allclose(getattr(ours, column)[:, 0], theirs, rtol=1e-6)
