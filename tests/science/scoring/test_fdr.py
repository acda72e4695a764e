"""Laws of the false discovery rate, and both methods against counting in pandas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox_science.scoring.fdr import FDR_LEVELS, estimate_fdr
from ionbox_science.setting_table import FDR_METHODS, FdrMethod

from tests.oracles import obvious

Floats = npt.NDArray[np.float64]

# few values, so that ties are common
scores = st.integers(0, 8).map(lambda i: i / 8)


@st.composite
def rankings(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Draw MSM of targets (n, 2) and of their decoys (n, 2, n_decoys)."""
    n, n_decoys = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    values = draw(
        st.lists(scores, min_size=n * 2 * (1 + n_decoys), max_size=n * 2 * (1 + n_decoys))
    )
    array = np.array(values).reshape(n, 2, 1 + n_decoys)
    return array[:, :, 0].copy(), array[:, :, 1:].copy()


methods = st.sampled_from(FDR_METHODS)


@settings(max_examples=150)
@given(rankings())
def test_v1_agrees_with_the_obvious_version(ranking: tuple[Floats, Floats]) -> None:
    targets, decoys = ranking
    fdr = estimate_fdr(targets, decoys, "metaspace-v1")
    for column in range(2):
        expected = obvious.fdr_v1(pd.Series(targets[:, column]), pd.DataFrame(decoys[:, column]))
        np.testing.assert_array_equal(fdr[expected.index, column], expected)


@settings(max_examples=150)
@given(rankings())
def test_v3_agrees_with_the_obvious_version(ranking: tuple[Floats, Floats]) -> None:
    targets, decoys = ranking
    fdr = estimate_fdr(targets, decoys, "metaspace-v3")
    for column in range(2):
        expected = obvious.fdr_v3(pd.Series(targets[:, column]), pd.DataFrame(decoys[:, column]))
        np.testing.assert_allclose(fdr[expected.index, column], expected, rtol=1e-12)


@given(rankings(), methods)
def test_fdr_never_falls_as_msm_falls(ranking: tuple[Floats, Floats], method: FdrMethod) -> None:
    targets, decoys = ranking
    fdr = estimate_fdr(targets, decoys, method)
    for column in range(2):
        by_msm = np.argsort(-targets[:, column], kind="stable")
        assert (np.diff(fdr[by_msm, column]) >= 0).all()


@given(rankings(), methods)
def test_equal_msm_has_equal_fdr(ranking: tuple[Floats, Floats], method: FdrMethod) -> None:
    targets, decoys = ranking
    fdr = estimate_fdr(targets, decoys, method)
    for column in range(2):
        for msm in set(targets[:, column].tolist()):
            assert len(set(fdr[targets[:, column] == msm, column].tolist())) == 1


@given(rankings(), methods, st.randoms(use_true_random=False))
def test_order_of_formulas_does_not_matter(
    ranking: tuple[Floats, Floats], method: FdrMethod, random: object
) -> None:
    targets, decoys = ranking
    order = list(range(len(targets)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(
        estimate_fdr(targets[order], decoys[order], method),
        estimate_fdr(targets, decoys, method)[order],
    )


@given(rankings(), methods)
def test_fdr_is_above_zero_and_at_most_one(
    ranking: tuple[Floats, Floats], method: FdrMethod
) -> None:
    targets, decoys = ranking
    fdr = estimate_fdr(targets, decoys, method)
    assert ((fdr > 0) & (fdr <= 1)).all()
    assert (fdr[targets == 0] == 1).all()
    if method == "metaspace-v1":
        assert set(fdr.ravel().tolist()) <= {*FDR_LEVELS, 1.0}


@given(rankings(), methods)
def test_each_target_modifier_is_estimated_by_itself(
    ranking: tuple[Floats, Floats], method: FdrMethod
) -> None:
    targets, decoys = ranking
    together = estimate_fdr(targets, decoys, method)
    alone = estimate_fdr(targets[:, :1], decoys[:, :1], method)
    np.testing.assert_array_equal(together[:, :1], alone)


@given(rankings(), st.floats(0.1, 10), methods)
def test_only_the_ranking_matters(
    ranking: tuple[Floats, Floats], power: float, method: FdrMethod
) -> None:
    targets, decoys = ranking
    np.testing.assert_array_equal(
        estimate_fdr(targets**power, decoys**power, method), estimate_fdr(targets, decoys, method)
    )


def test_v3_is_clipped_where_metaspace_exceeds_one() -> None:
    targets, decoys = np.array([[0.1]]), np.full((1, 1, 1), 0.9)
    # (1 decoy + 1) / 1 draw / (1 target + 1) = 1; two draws of three formulas go beyond
    assert estimate_fdr(targets, decoys, "metaspace-v3")[0, 0] == 1.0
    targets, decoys = np.array([[0.1], [0.0], [0.0]]), np.full((3, 1, 2), 0.9)
    assert (6 + 1) / 2 / (1 + 1) > 1
    assert estimate_fdr(targets, decoys, "metaspace-v3")[0, 0] == 1.0


def test_v3_is_never_zero_even_without_decoys_above() -> None:
    targets, decoys = np.array([[0.9], [0.8]]), np.zeros((2, 1, 20))
    np.testing.assert_allclose(
        estimate_fdr(targets, decoys, "metaspace-v3")[:, 0], 1 / 20 / 3, rtol=1e-12
    )


def test_v1_takes_the_median_over_draws() -> None:
    targets = np.array([[0.9]])
    for n_bad, expected in ((0, 0.05), (1, 0.05), (2, 1.0), (3, 1.0)):
        decoys = np.array([[[0.95] * n_bad + [0.0] * (3 - n_bad)]])
        assert estimate_fdr(targets, decoys, "metaspace-v1")[0, 0] == expected


def test_v1_needs_the_median_strictly_below_a_level() -> None:
    # 1 decoy per 20 targets is 0.05 exactly: the next level
    targets = np.linspace(0.5, 0.9, 20)[:, None]
    decoys = np.zeros((20, 1, 1))
    decoys[0] = 0.5
    fdr = estimate_fdr(targets, decoys, "metaspace-v1")[:, 0]
    assert fdr.tolist() == [0.1] + [0.05] * 19


@pytest.mark.parametrize("method", FDR_METHODS)
def test_nothing_found_is_no_error(method: FdrMethod) -> None:
    fdr = estimate_fdr(np.zeros((3, 2)), np.zeros((3, 2, 4)), method)
    np.testing.assert_array_equal(fdr, np.ones((3, 2)))


def test_more_decoys_above_raise_the_fdr() -> None:
    targets = np.linspace(0.1, 0.9, 30)[:, None]
    few, many = np.zeros((30, 1, 10)), np.zeros((30, 1, 10))
    few[:3] = many[:20] = 0.5
    low, high = (estimate_fdr(targets, decoys, "metaspace-v3") for decoys in (few, many))
    assert (low <= high).all()
    assert low[0, 0] < high[0, 0]


def test_a_target_that_scores_nothing_takes_part_in_the_ranking() -> None:
    """A learned score is 0 where its model said less; METASPACE ranks such targets as well."""
    targets, decoys = np.array([[0.5], [0.0]]), np.array([[[0.7]], [[-1.0]]])
    fdr = estimate_fdr(targets, decoys, "metaspace-v3", absent=-1.0)
    assert fdr.tolist() == [[pytest.approx(2 / 3)], [pytest.approx(2 / 3)]]
    without = estimate_fdr(targets, decoys, "metaspace-v3")
    assert without[0, 0] == 1.0
