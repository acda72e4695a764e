"""Formula arithmetic against counting by hand, and laws over random formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.errors import InvalidFormula
from ionbox_science.theory.formula_tables import tabulate_elements, tabulate_modifiers
from ionbox_science.theory.formulas import (
    build_ion_formula,
    element_masses,
    format_formula,
    join_modifier,
    parse_formula,
    parse_modifier,
    read_adduct,
)

from tests.oracles import obvious

ELEMENTS = ["C", "H", "N", "O", "P", "S", "Na", "Cl", "Br", "Se", "Cx", "Nx"]

counts = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 300), min_size=1)
formulas = counts.map(format_formula)
steps = st.tuples(
    st.sampled_from("+-"),
    st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 4), min_size=1, max_size=3),
).map(lambda step: step[0] + format_formula(step[1]))
modifiers = st.lists(steps, max_size=3).map("".join)


@given(counts)
def test_formatted_counts_are_read_back(element_counts: dict[str, int]) -> None:
    assert parse_formula(format_formula(element_counts)) == element_counts


@given(formulas)
def test_reading_agrees_with_the_obvious_version(formula: str) -> None:
    assert parse_formula(formula) == dict(obvious.count_elements(formula))


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        ("H2OC6", "C6H2O"),
        ("CH3CH2OH", "C2H6O"),
        ("CH3COOH", "C2H4O2"),  # CHO to METASPACE, where the last count of an element wins
        ("C6H12O6Cl0", "C6H12O6"),
        ("SPONHC", "CHNOPS"),
        ("ZnBrAgC", "CAgBrZn"),
        ("C1H1", "CH"),
    ],
)
def test_elements_are_joined_and_put_in_chnops_order(formula: str, written: str) -> None:
    assert format_formula(parse_formula(formula)) == written


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("", "no atoms"),
        ("C0", "no atoms"),
        ("C6H12O6XYZ", "'X' is not an element"),
        ("c6h12", "cannot read 'c6h12'"),
        ("C6 H12", "cannot read ' H12'"),
        ("(CH2)4", r"cannot read '\(CH2\)4'"),
        ("C6H5(OH)2", r"cannot read '\(OH\)2'"),  # METASPACE takes it, and misreads it
        ("D2O", "'D2O': 'D' is not an element; write Hx for deuterium$"),
        ("4Sn", "cannot read '4Sn'"),
        ("C6H12O6+", r"cannot read '\+'"),
        ("C-3", "cannot read '-3'"),
        ("C999999C2", "more atoms of C than 1,000,000"),
        ("H" + "9" * 5000, "more atoms of H than 1,000,000"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_place(formula: str, reason: str) -> None:
    with pytest.raises(InvalidFormula, match=reason):
        parse_formula(formula)


@pytest.mark.parametrize(
    ("parts", "modifier"),
    [
        (("", "", "+H"), "+H"),
        (("-H+C", "-H2O", "+Na"), "-H+C-H2O+Na"),
        (("", "-H2O", "[M]+"), "-H2O"),
        (("", "", "[M]-"), ""),
    ],
)
def test_modifier_is_modification_then_loss_then_adduct(
    parts: tuple[str, str, str], modifier: str
) -> None:
    assert join_modifier(*parts) == modifier


@pytest.mark.parametrize("modifier", ["H", "Na+", "+", "+-H", "+H-", "+Xy", "[M]+", "+H [M]"])
def test_what_is_no_modifier_is_refused(modifier: str) -> None:
    with pytest.raises(InvalidFormula):
        parse_modifier(modifier)


@pytest.mark.parametrize(
    ("formula", "modifier", "ion_formula"),
    [
        ("C6H12O6", "+H", "C6H13O6"),
        ("C6H12O6", "-H2O+Na", "C6H10O5Na"),
        ("C6H12O6", "-H+C+K", "C7H11O6K"),
        ("C6H12O6", "", "C6H12O6"),
        ("H2O", "-H2O+Na", "Na"),
        ("C2H6O", "+H10-H10", "C2H6O"),
    ],
)
def test_modifiers_are_applied(formula: str, modifier: str, ion_formula: str) -> None:
    assert build_ion_formula(formula, modifier) == ion_formula


@pytest.mark.parametrize(
    ("formula", "modifier", "reason"),
    [
        ("C2H6O", "-H10+H10", "too few H"),
        ("C4", "-H", "too few H"),
        ("CO2", "-H2O+Na", "too few H"),
        ("H2O", "-H2O", "leaves nothing"),
    ],
)
def test_impossible_ions_are_refused_even_if_a_later_step_would_repair_them(
    formula: str, modifier: str, reason: str
) -> None:
    with pytest.raises(InvalidFormula, match=reason):
        build_ion_formula(formula, modifier)


@given(formulas, modifiers)
def test_ions_agree_with_the_obvious_version(formula: str, modifier: str) -> None:
    expected = obvious.build_ion_formula(formula, modifier)
    if expected is None:
        with pytest.raises(InvalidFormula):
            build_ion_formula(formula, modifier)
    else:
        assert build_ion_formula(formula, modifier) == expected


@given(st.lists(formulas, min_size=1, max_size=6), st.lists(modifiers, min_size=1, max_size=6))
def test_tables_say_the_same_as_one_ion_at_a_time(
    formula_list: list[str], modifier_list: list[str]
) -> None:
    needs = {e for m in modifier_list for step in parse_modifier(m) for e, _ in step}
    table = tabulate_elements(formula_list, needs)
    change, needed = tabulate_modifiers(modifier_list, table.elements)
    for formula, present in zip(formula_list, table.counts, strict=True):
        for row, modifier in enumerate(modifier_list):
            left = present + change[row]
            possible = bool((present >= needed[row]).all() and left.sum() > 0)
            assert possible == (obvious.build_ion_formula(formula, modifier) is not None)
            if possible:
                written = format_formula(dict(zip(table.elements, left.tolist(), strict=True)))
                assert written == build_ion_formula(formula, modifier)


def test_masses_of_elements_are_average_masses() -> None:
    masses = element_masses()
    assert masses["C"] == pytest.approx(12.011, abs=1e-3)
    assert masses["Cl"] == pytest.approx(35.45, abs=1e-2)
    assert masses["Cx"] == pytest.approx(13.00335484, abs=1e-8)
    assert np.min(list(masses.values())) > 1


@pytest.mark.parametrize(
    ("label", "mass"),
    [
        ("Cx", 13.00335484),
        ("Nx", 15.00010889),
        ("Hx", 2.014101778),
        ("Ox", 17.99915961),
        ("Sx", 33.96786700),
    ],
)
def test_labels_have_the_mass_of_their_heavy_isotope(label: str, mass: float) -> None:
    assert element_masses()[label] == pytest.approx(mass, abs=1e-8)


@pytest.mark.parametrize(
    ("written", "adduct"),
    [
        *[("+H", "+H"), ("M+H", "+H"), ("[M+H]+", "+H"), (" [M-H]- ", "-H"), ("-H2O+H", "-H2O+H")],
        *[("[M]+", "[M]+"), ("M+", "[M]+"), ("M-", "[M]-"), ("[M-H2O+H]+", "-H2O+H")],
        *[("[M+H]", "+H"), ("[M + H]+", "+H"), ("M + Na", "+Na"), ("M \N{MINUS SIGN} H", "-H")],
    ],
)
def test_adducts_are_read_as_people_write_them(written: str, adduct: str) -> None:
    assert read_adduct(written) == adduct


@pytest.mark.parametrize(
    "written", ["", "M", "H", "+", "M++", "+ H", "[M]", "+H]", "[M+H", "+Na (1)", None, 7]
)
def test_what_is_no_adduct_is_refused(written: object) -> None:
    with pytest.raises(InvalidFormula, match=r"adduct: .*such as \+H"):
        read_adduct(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        *[(each, "more than one charge") for each in ("[M+2H]2+", "[M+H]2+", "[M-2H]2-")],
        *[(each, "more than one charge") for each in ("[M+2H]+2", "[M+2H]++", "[M+Ca]--")],
        *[(each, "several molecules") for each in ("2M+H", "[2M+Na]+", "[ 3M-H]-")],
        *[(each, "one adduct at a time") for each in ("+H,+Na", "+H +Na", "M+H, M+Na", "-H;+Cl")],
    ],
)
def test_adducts_of_other_kinds_are_named(written: str, reason: str) -> None:
    with pytest.raises(InvalidFormula, match=reason) as caught:
        read_adduct(written)
    assert f"adduct '{written}'" in str(caught.value)


@pytest.mark.parametrize(
    ("modifier", "hint"),
    [
        ("-H+2Na", "write Na2"),
        ("+2H", "write H2"),
        ("-2H2O", "write H4O2"),
        ("+3CH3OH", "write C3H12O3"),
        ("+D", "write Hx for deuterium"),
        ("+[13C]", "write [13C] as Cx"),
        ("+[15N]H3", "write [15N] as Nx"),
        ("+H[2H]", "write [2H] as Hx"),
        ("+[18O]", "write [18O] as Ox"),
    ],
)
def test_what_is_written_otherwise_here_is_answered_with_how(modifier: str, hint: str) -> None:
    with pytest.raises(InvalidFormula) as caught:
        parse_modifier(modifier)
    assert str(caught.value).endswith(hint)


@pytest.mark.parametrize("formula", ["[14C]6", "2", "2Qq", "[13C", "13", "C6[", "(CH3)2"])
def test_no_hint_is_given_where_there_is_none(formula: str) -> None:
    with pytest.raises(InvalidFormula) as caught:
        parse_formula(formula)
    assert "write" not in str(caught.value)
