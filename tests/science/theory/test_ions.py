"""Targets, decoys and ion numbers against enumeration by hand."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.errors import InvalidFormula
from ionbox_science.theory import ions as ions_module
from ionbox_science.theory.compositions import Compositions, parse_compositions
from ionbox_science.theory.ion_rule import DecoyRule, IonRule, decoy_adducts
from ionbox_science.theory.ions import NO_ION, IonTable, build_ions, draw_decoys

from tests.oracles import obvious

FORMULAS = ["C10H16N5O13P3", "C2H6O", "C6H12O6", "C9H8O4", "CO2", "H2O"]
RULES: list[DecoyRule] = ["per-formula", "per-target-ion"]

some_formulas = st.lists(
    st.builds("C{}H{}O{}".format, st.integers(1, 9), st.integers(1, 20), st.integers(1, 6)),
    min_size=1,
    max_size=8,
    unique=True,
).map(sorted)
some_rules = st.builds(
    IonRule,
    st.sampled_from([("+H",), ("+H", "+Na", "+K"), ("+H", "[M]+"), ("-H", "+Cl")]),
    st.sampled_from([(), ("-H2O",), ("-H2O", "-CO2")]),
    st.sampled_from([(), ("-H+C",)]),
    st.integers(1, 20),
    st.sampled_from(RULES),
)


def test_there_are_eighty_decoy_adducts_in_the_known_order() -> None:
    assert decoy_adducts() == tuple(f"+{e}" for e in obvious.DECOY_ELEMENTS.split())
    assert len(set(decoy_adducts())) == 80


@pytest.mark.parametrize(
    ("rule", "n_left"),
    [
        (IonRule(("+H", "+Na")), 80),
        (IonRule(("+H", "+Li", "+Rb")), 78),
        (IonRule(("+H",), neutral_losses=("-H2O",), chem_mods=("+O", "+C")), 78),
        (IonRule(("+H",), neutral_losses=("-Cl",)), 80),
    ],
)
def test_what_is_asked_for_is_no_decoy(rule: IonRule, n_left: int) -> None:
    left = rule.decoy_candidates()
    assert len(left) == n_left
    assert not set(left) & {*rule.adducts, *rule.neutral_losses, *rule.chem_mods}
    assert list(left) == [adduct for adduct in decoy_adducts() if adduct in left]


def test_targets_are_all_combinations_with_and_without() -> None:
    rule = IonRule(("+H", "[M]+"), ("-H2O",), ("-H+C",))
    assert rule.target_parts() == [
        ("", "", "+H"),
        ("", "", "[M]+"),
        ("", "-H2O", "+H"),
        ("", "-H2O", "[M]+"),
        ("-H+C", "", "+H"),
        ("-H+C", "", "[M]+"),
        ("-H+C", "-H2O", "+H"),
        ("-H+C", "-H2O", "[M]+"),
    ]


@pytest.mark.parametrize("n_decoys", [1, 20, 80, 100])
def test_draws_are_those_of_numpys_frozen_shuffle(n_decoys: int) -> None:
    draws = draw_decoys(5, 80, n_decoys)
    expected = obvious.draw_decoys(5, [], n_decoys)
    assert draws.shape == (5, min(n_decoys, 80))
    assert [[decoy_adducts()[i] for i in draw] for draw in draws] == expected


def test_all_target_ions_of_a_formula_share_a_draw_in_v3_only() -> None:
    shared, single = (
        build_ions(FORMULAS, IonRule(("+H", "+Na"), decoy_rule=rule)) for rule in RULES
    )
    assert (shared.decoy_modifier[:, 0] == shared.decoy_modifier[:, 1]).all()
    assert (single.decoy_modifier[:, 0] != single.decoy_modifier[:, 1]).any(axis=1).all()


def test_decoys_of_losses_and_modifications_keep_them() -> None:
    table = build_ions(FORMULAS, IonRule(("+H",), ("-H2O",), ("-H+C",), n_decoys=3))
    for target, (chem_mod, loss, _) in enumerate(table.target_parts.tolist()):
        for modifier in table.modifiers[table.decoy_modifier[:, target]].ravel():
            assert modifier.startswith(chem_mod + loss)
            assert modifier[len(chem_mod + loss) :] in decoy_adducts()


@settings(max_examples=30)
@given(some_formulas, some_rules)
def test_each_target_and_decoy_has_the_ion_of_its_formula_and_modifier(
    formulas: list[str], rule: IonRule
) -> None:
    table = build_ions(formulas, rule)
    ion_formulas = table.ion_formulas(slice(None))
    assert len(set(ion_formulas)) == table.n_ions == len(ion_formulas)
    target_modifier = np.arange(table.target_ion.shape[1])[None, :]
    for ions, modifiers in (
        (
            table.target_ion[:, :, None],
            np.broadcast_to(target_modifier, table.target_ion.shape)[:, :, None],
        ),
        (table.decoy_ion, table.decoy_modifier),
    ):
        for row, formula in enumerate(formulas):
            for ion, modifier in zip(ions[row].ravel(), modifiers[row].ravel(), strict=True):
                expected = obvious.build_ion_formula(formula, str(table.modifiers[modifier]))
                assert (ion == NO_ION) == (expected is None)
                assert ion == NO_ION or ion_formulas[ion] == expected


@settings(max_examples=30)
@given(some_formulas, some_rules)
def test_an_ion_is_a_target_if_any_formula_forms_it_with_a_target_modifier(
    formulas: list[str], rule: IonRule
) -> None:
    table = build_ions(formulas, rule)
    targets = set(table.target_ion.ravel().tolist()) - {NO_ION}
    assert set(np.flatnonzero(table.is_target).tolist()) == targets


def test_ions_that_cannot_be_formed_have_no_number() -> None:
    table = build_ions(["CO2", "H2O"], IonRule(("+H", "-H", "[M]+"), ("-H2O",)))
    formed = table.target_ion != NO_ION
    # CO2 has no hydrogen to lose; water less water leaves only what is added
    assert formed.tolist() == [
        [True, False, True, False, False, False],
        [True, True, True, True, False, False],
    ]


def test_isomers_and_equal_sums_share_an_ion() -> None:
    table = build_ions(["C6H10O5", "C6H12O6"], IonRule(("+H",), ("-H2O",)))
    assert table.target_ion[0, 0] == table.target_ion[1, 1]
    assert table.n_ions < (table.target_ion.size + table.decoy_ion.size)


def test_ions_are_numbered_by_mass() -> None:
    table = build_ions(FORMULAS, IonRule(("+H", "+Na", "+K")))
    counts = [obvious.count_elements(f) for f in table.ion_formulas(slice(None))]
    mass = {
        "H": 1.008,
        "C": 12.011,
        "N": 14.007,
        "O": 15.999,
        "P": 30.974,
        "Na": 22.99,
        "K": 39.098,
    }
    known = [c for c in counts if set(c) <= set(mass)]
    masses = [sum(mass[e] * n for e, n in c.items()) for c in known]
    assert len(known) > 20
    assert masses == sorted(masses)


def test_an_unreadable_formula_is_refused() -> None:
    with pytest.raises(InvalidFormula, match="'C6H12X6'"):
        build_ions(["C6H12X6"], IonRule(("+H",)))


def test_a_table_survives_storage() -> None:
    table = build_ions(FORMULAS, IonRule(("+H",), ("-H2O",)))
    again = IonTable.from_arrays(table.to_arrays())
    for name, array in table.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])


def test_atoms_of_ions_are_those_of_their_formulas() -> None:
    formulas = ["C10000H2", "C6H12O6", "Cx2C4H9NO2", "H2O"]
    rule = IonRule(("+H", "-H", "[M]+"), ("-H2O",))
    table = build_ions(sorted(formulas), rule)
    everything = slice(0, table.n_ions)
    ours, theirs = (
        table.compositions(everything),
        parse_compositions(table.ion_formulas(everything)),
    )
    assert_same_atoms(ours, theirs)


def assert_same_atoms(ours: Compositions, theirs: Compositions) -> None:
    n_entries = theirs.starts[-1]
    for name in ("starts", "label_mass", "outcome"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
    for name in ("elements", "counts"):
        one, other = getattr(ours, name), getattr(theirs, name)
        np.testing.assert_array_equal(one[:n_entries], other[:n_entries], name)


def test_numbers_of_atoms_that_cpymspec_treats_apart_are_read_from_the_formula() -> None:
    table = build_ions(["C10001H2"], IonRule(("+H",)))
    ours = table.compositions(slice(0, table.n_ions))
    theirs = parse_compositions(table.ion_formulas(slice(0, table.n_ions)))
    assert_same_atoms(ours, theirs)


def test_more_modifiers_than_an_int16_counts_draw_the_same_decoys_as_few() -> None:
    """25 losses, 25 modifications and 3 adducts are 2,028 targets and 54,000 modifiers in all."""
    losses = tuple(f"-H{2 * i}" for i in range(1, 26))
    chem_mods = tuple(f"+C{i}" for i in range(1, 26))
    adducts = ("+H", "+Na", "+K")
    formulas = ["C30H60O6", "C6H12O6"]
    many = build_ions(formulas, IonRule(adducts, losses, chem_mods, n_decoys=5))
    assert len(many.modifiers) > np.iinfo(np.int16).max
    few = build_ions(formulas, IonRule(adducts, losses[-1:], chem_mods[-1:], n_decoys=5))
    n_few = few.target_ion.shape[1]
    place = {tuple(parts): i for i, parts in enumerate(many.target_parts.tolist())}
    same = [place[tuple(parts)] for parts in few.target_parts.tolist()]
    assert len(same) == n_few == 12
    drawn = many.modifiers[many.decoy_modifier[:, same]]
    assert drawn.tolist() == few.modifiers[few.decoy_modifier].tolist()
    many_formulas, few_formulas = many.ion_formulas(slice(None)), few.ion_formulas(slice(None))
    for row in range(len(formulas)):
        of_many, of_few = many.decoy_ion[row, same].ravel(), few.decoy_ion[row].ravel()
        assert ((of_many == NO_ION) == (of_few == NO_ION)).all()
        assert [many_formulas[i] for i in of_many if i != NO_ION] == [
            few_formulas[i] for i in of_few if i != NO_ION
        ]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("cells_at_once", [1, 400])
def test_formulas_in_blocks_make_the_table_that_one_block_makes(
    monkeypatch: pytest.MonkeyPatch, rule: DecoyRule, cells_at_once: int
) -> None:
    formulas = sorted(f"C{c}H{h}O{o}" for c, h, o in product(range(1, 4), range(1, 5), range(1, 3)))
    ion_rule = IonRule(("+H", "-H", "[M]+"), ("-H2O",), n_decoys=4, decoy_rule=rule)
    whole = build_ions(formulas, ion_rule).to_arrays()
    monkeypatch.setattr(ions_module, "CELLS_AT_ONCE", cells_at_once)
    for name, array in build_ions(formulas, ion_rule).to_arrays().items():
        np.testing.assert_array_equal(array, whole[name], name)
        assert array.dtype == whole[name].dtype


def test_an_ion_is_named_by_the_first_formula_and_modifier_that_make_it() -> None:
    # one molecule loses water as a modification or as a loss: two modifiers of the same ions
    rule = IonRule(("+H", "+Na"), ("-H2O",), ("-H2O",), n_decoys=40, decoy_rule="per-target-ion")
    table = build_ions(["C6H10O5", "C6H12O6"], rule)
    n_formulas, n_targets = table.target_ion.shape
    ion_of = np.concatenate([table.target_ion.ravel(), table.decoy_ion.ravel()])
    modifier_of = np.concatenate(
        [np.tile(np.arange(n_targets), n_formulas), table.decoy_modifier.ravel()]
    )
    formula_of = np.concatenate(
        [np.arange(n_formulas).repeat(n) for n in (n_targets, n_targets * 40)]
    )
    found, first = np.unique(ion_of, return_index=True)
    first = first[found != NO_ION]
    np.testing.assert_array_equal(table.ion_formula_index, formula_of[first])
    np.testing.assert_array_equal(table.ion_modifier_index, modifier_of[first])


def test_ions_are_built_in_little_more_memory_than_they_take() -> None:
    formulas = sorted(f"C{c}H{h}O{o}" for c, h, o in product(range(9, 29), range(9, 29), range(9)))
    rule = IonRule(("+H", "+Na", "+K", "+NH4", "+Li", "[M]+"))
    build_ions(formulas[:9], rule)  # what is cached
    tracemalloc.start()
    try:
        table = build_ions(formulas, rule)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * sum(array.nbytes for array in table.to_arrays().values())
