"""Matched decoys: organic formulas that are not there, instead of adducts that cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ionbox_science.config import RunConfig
from ionbox_science.theory.formulas import build_ion_formula, parse_formula
from ionbox_science.theory.ion_rule import IonRule, matched_additions
from ionbox_science.theory.ions import NO_ION, build_ions

MASSES = {"C": 12.0, "H": 1.00782503, "N": 14.003074, "O": 15.9949146, "S": 31.9720707}


def test_matched_decoys_are_organic_ions_of_as_many_electrons_as_those_of_the_molecule() -> None:
    assert len(set(matched_additions())) == 80
    for addition in matched_additions():
        counts = parse_formula(addition)
        assert (counts.get("H", 0) + counts.get("N", 0)) % 2 == 0
        mass = sum(MASSES[element] * n for element, n in counts.items())
        assert 26 <= mass <= 150
        assert 0.0002 <= (mass - round(mass)) / mass <= 0.0009


def test_matched_decoys_are_no_targets() -> None:
    """A molecule, and another one that is heavier by what the first decoy adds."""
    addition = matched_additions()[0]
    lighter = "C20H30O4"
    heavier = build_ion_formula(lighter, f"+{addition}")
    rule = IonRule(("+H",), n_decoys=80, decoy_kind="matched")
    alone = build_ions([lighter], rule)
    both = build_ions(sorted([lighter, heavier]), rule)
    assert (alone.decoy_ion != NO_ION).all()
    row = both.formulas.tolist().index(lighter)
    left_out = both.decoy_ion[row, 0] == NO_ION
    assert np.count_nonzero(left_out) == 1
    modifier = both.modifiers[both.decoy_modifier[row, 0][left_out]].item()
    assert modifier == f"+{addition}+H"
    assert not both.is_target[both.decoy_ion[both.decoy_ion != NO_ION]].any()


@pytest.mark.parametrize(("carrier", "hydrogens"), [("+H", 31), ("-H", 29)])
def test_matched_decoys_have_the_charge_of_the_run(carrier: str, hydrogens: int) -> None:
    table = build_ions(["C20H30O4"], IonRule((carrier,), decoy_kind="matched", carrier=carrier))
    assert all(modifier.endswith(carrier) for modifier in table.modifiers.tolist())
    (target,) = table.ion_formulas(table.target_ion[0])
    assert parse_formula(target)["H"] == hydrogens


def test_the_kind_of_decoys_is_a_setting() -> None:
    config = RunConfig("negative", "orbitrap", 0.001, ("-H",), decoy_kind="matched")
    assert config.ion_rule.decoy_candidates()[0] == f"+{matched_additions()[0]}-H"
    metals = replace(config, decoy_kind="metals").ion_rule
    assert metals == replace(config.ion_rule, decoy_kind="metals")
