"""Which targets become annotations, and which ions can be confused with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.annotation.annotations import count_isobars, count_isomers, find_isobars
from ionbox_science.setting_table import FDR_METHODS, FdrMethod
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import NO_ION

from tests.builders import ScoredIons, annotate, plant_dataset
from tests.oracles import obvious

FORMULAS = ["C16H32O2", "C18H34O2", "C20H38O2", "C6H12O6"]


def plant_ions(ions: list[tuple[str, str]]) -> list[tuple[list[float], list[float]]]:
    patterns = [
        obvious.generate_pattern(str(obvious.build_ion_formula(*ion)), 0.000619) for ion in ions
    ]
    return [([mz for mz, _ in p], [share for _, share in p]) for p in patterns]


@pytest.fixture(scope="module")
def run() -> ScoredIons:
    """Three planted ions, and a decoy that beats the weakest: its FDR reaches 1."""
    rule = IonRule(("+H", "+Na"), ("-H2O",), n_decoys=1)
    decoys = [draw[0] for draw in obvious.draw_decoys(4, rule.adducts, 1)]
    ions = [("C16H32O2", "+H"), ("C18H34O2", "-H2O+H"), ("C20H38O2", "+Na")]
    places = [(8.0, 8.0, 6.0, 0.1), (6.0, 10.0, 5.0, 0.2), (8.0, 6.0, 4.0, 2.5)]
    better = ("C20H38O2", decoys[FORMULAS.index("C20H38O2")])
    planted = zip(plant_ions([*ions, better]), [*places, (8.0, 12.0, 6.0, 1.2)], strict=True)
    data = plant_dataset((mz, share, place) for (mz, share), place in planted)
    return annotate(data, FORMULAS, rule)


def test_annotations_are_the_targets_found_with_an_fdr_below_one(run: ScoredIons) -> None:
    msm = np.zeros(run.table.n_ions + 1)
    msm[run.scores.ion] = run.scores.msm
    found = msm[run.table.target_ion] > 0
    kept = found & (run.ranked.fdr < 1)
    pairs = zip(run.ranked.formula_index, run.ranked.target_index, strict=True)
    assert {*pairs} == {*zip(*np.nonzero(kept), strict=True)}
    assert run.ranked.n_dropped == (found & (run.ranked.fdr >= 1)).sum() >= 1
    assert (run.ranked.fdr[~found] == 1).all()


def test_annotations_carry_the_parts_of_their_modifier_and_their_metrics(run: ScoredIons) -> None:
    ours = run.annotations
    names = list(
        zip(
            ours.formula.tolist(),
            ours.chem_mod.tolist(),
            ours.neutral_loss.tolist(),
            ours.adduct.tolist(),
            ours.ion_formula.tolist(),
            strict=True,
        )
    )
    assert ("C16H32O2", "", "", "+H", "C16H33O2") in names
    assert ("C18H34O2", "", "-H2O", "+H", "C18H33O") in names
    row_of = {ion: row for row, ion in enumerate(run.scores.ion.tolist())}
    for i, ion in enumerate(ours.ion.tolist()):
        assert ours.msm[i] == run.scores.msm[row_of[ion]]
        np.testing.assert_array_equal(ours.pattern_mz[i], run.patterns.mz[ion])


def test_ions_that_do_not_exist_are_never_found() -> None:
    data = plant_dataset((*p, (8.0, 8.0, 6.0, 0.1)) for p in plant_ions([("CO2", "+Na")]))
    none = annotate(data, ["CO2", "H2O"], IonRule(("-H", "+Na"), ("-H2O",), n_decoys=2))
    assert (none.table.target_ion == NO_ION).sum() == 4
    # the last ion is where an index of -1 would lead to
    last = none.table.n_ions - 1
    scores = none.scores.take(slice(0, 1))
    scores.ion[0] = last
    ranked = ScoredIons(none.table, none.patterns, scores, "metaspace-v3").ranked
    assert (ranked.fdr[none.table.target_ion == NO_ION] == 1).all()
    assert (none.table.target_ion[ranked.formula_index, ranked.target_index] == last).all()


@pytest.mark.parametrize("method", FDR_METHODS)
def test_order_of_scores_does_not_matter(run: ScoredIons, method: FdrMethod) -> None:
    order = np.random.default_rng(0).permutation(len(run.scores.ion))
    straight = ScoredIons(run.table, run.patterns, run.scores, method)
    shuffled = ScoredIons(run.table, run.patterns, run.scores.take(order), method)
    for name, array in straight.annotations.to_arrays().items():
        np.testing.assert_array_equal(shuffled.annotations.to_arrays()[name], array)


def test_isomers_are_other_ions_of_the_same_ion_formula() -> None:
    ions = np.array(["C6H13O6", "C7H15O6", "C6H13O6", "C6H13O6", "C2H5"])
    assert count_isomers(ions).tolist() == [2, 0, 2, 2, 0]
    assert count_isomers(ions[:0]).tolist() == []


def count(mz: list[list[float]], ions: list[str] | None = None, ppm: float = 10.0) -> list[int]:
    masses = np.array(mz)
    names = ions or [f"C{i + 1}" for i in range(len(mz))]
    counts: list[int] = count_isobars(np.array(names), masses, ppm).tolist()
    return counts


def test_overlapping_first_windows_make_isobars() -> None:
    assert count([[200.0, 201.0], [200.003, 205.0], [210.0, 211.0]]) == [1, 1, 0]


def test_windows_of_ten_ppm_end_ten_ppm_from_their_middle() -> None:
    touching = 200.0 * (1 + 10e-6) / (1 - 10e-6)
    assert count([[200.0, 201.0], [touching * (1 - 1e-9), 205.0]]) == [1, 1]
    assert count([[200.0, 201.0], [touching * (1 + 1e-9), 205.0]]) == [0, 0]


def test_one_overlap_of_other_windows_is_not_enough_but_two_are() -> None:
    assert count([[200.0, 201.0, 202.0], [198.0, 200.001, 207.0]]) == [0, 0]
    assert count([[200.0, 201.0, 202.0], [198.0, 200.001, 201.001]]) == [1, 1]


def test_ions_of_the_same_formula_are_isomers_and_not_isobars() -> None:
    mz = [[200.0, 201.0], [200.0, 201.0], [200.001, 201.001]]
    assert count(mz, ["C6H13O6", "C6H13O6", "C7H15O6"]) == [1, 1, 2]


def test_padding_overlaps_nothing() -> None:
    assert count([[200.0, 0.0, 0.0], [300.0, 0.0, 0.0]]) == [0, 0]
    assert count_isobars(np.array([], np.str_), np.zeros((0, 4)), 3.0).tolist() == []


def obvious_isobars(ions: list[str], mz: npt.NDArray[np.float64], ppm: float) -> list[int]:
    counts = [0] * len(ions)
    for a in range(len(ions)):
        for b in range(len(ions)):
            overlaps = {
                (i, j)
                for i, one in enumerate(mz[a])
                for j, other in enumerate(mz[b])
                if one and other and abs(one - other) <= (one + other) * ppm * 1e-6
            }
            if ions[a] != ions[b] and ((0, 0) in overlaps or len(overlaps) > 1):
                counts[a] += 1
    return counts


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4))
def test_isobars_agree_with_a_look_at_every_pair(seed: int, n_ions: int, n_peaks: int) -> None:
    random = np.random.default_rng(seed)
    # distances of 0, 1, 2 ... mDa against windows of 3: all far from touching exactly
    mz = np.sort(200 + random.integers(0, 15, (n_ions, n_peaks)) / 1000, axis=1)
    mz[random.random(mz.shape) < 0.1] = 0
    ions = [f"C{i}" for i in random.integers(1, 6, n_ions)]
    assert count_isobars(np.array(ions), mz, 7.3).tolist() == obvious_isobars(ions, mz, 7.3)


def test_isobars_are_found_in_both_orders() -> None:
    names = np.array(["A", "B", "C", "A"])
    masses = np.array([[200.0, 201.0], [200.0005, 205.0], [300.0, 301.0], [200.0, 201.0]])
    one, other = find_isobars(names, masses, 3.0)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 3), (3, 1)]
