"""How many ions a run may look for: counted as `build_ions` makes them, and refused by name."""

from __future__ import annotations

import pytest
from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.databases import MoleculeDatabase
from ionbox_science.theory.ion_limit import MOST_IONS, check_ion_count
from ionbox_science.theory.ion_rule import IonRule, count_modifiers, count_pairs
from ionbox_science.theory.ions import build_ions

FORMULAS = ("C10H16N5O13P3", "C6H12O6", "C9H8O4")


def database(n: int) -> MoleculeDatabase:
    formulas = tuple(f"CH{i}" for i in range(1, n + 1))
    return MoleculeDatabase("some", formulas, formulas, formulas)


def modifiers(sign: str, n: int) -> tuple[str, ...]:
    return tuple(f"{sign}C{i}" for i in range(1, n + 1))


@pytest.mark.parametrize(
    "rule",
    [
        IonRule(("+H", "+Na"), ("-H2O",), ("-H+C", "+O"), n_decoys=3),
        IonRule(("+H", "[M]+"), n_decoys=80),
        IonRule(("+H",), ("-Cl",), ("+Li", "+Rb"), n_decoys=80),  # two candidates fewer
    ],
)
def test_ions_are_counted_as_they_are_made(rule: IonRule, monkeypatch: pytest.MonkeyPatch) -> None:
    table = build_ions(FORMULAS, rule)
    assert len(FORMULAS) * count_pairs(rule) == table.target_ion.size + table.decoy_ion.size
    assert table.n_ions <= len(FORMULAS) * count_modifiers(rule)
    n_ions = table.target_ion.size + table.decoy_ion.size
    molecules = MoleculeDatabase("some", FORMULAS, FORMULAS, FORMULAS)
    monkeypatch.setattr("ionbox_science.theory.ion_limit.MOST_IONS", n_ions)
    check_ion_count([molecules], rule)
    monkeypatch.setattr("ionbox_science.theory.ion_limit.MOST_IONS", n_ions - 1)
    with pytest.raises(InvalidConfig, match=f"are {n_ions:,} ions"):
        check_ion_count([molecules], rule)


def test_a_refusal_names_all_factors_and_the_limit() -> None:
    rule = IonRule(modifiers("+", 40), modifiers("-", 40), modifiers("+O", 40))
    with pytest.raises(InvalidConfig) as refused:
        check_ion_count([database(154)], rule)
    text = str(refused.value)
    for number in ("154 formulas", "67,240 modifiers", "20 decoys", "217,454,160 ions"):
        assert number in text
    assert f"{MOST_IONS:,}" in text
    assert "41 chemical modifications x 41 neutral losses" in text
    assert "x 40 adducts" in text


def test_all_databases_of_a_run_count() -> None:
    rule = IonRule(("+H",), n_decoys=20)
    most = MOST_IONS // 21
    whole, half = database(most), database(most // 2 + 1)
    check_ion_count([whole], rule)
    with pytest.raises(InvalidConfig, match="ions"):
        check_ion_count([half, half], rule)
