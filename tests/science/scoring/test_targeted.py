"""Targeted databases: all ions are kept, and ranked as METASPACE ranks them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ionbox_science.annotation.annotations import collect_annotations, rank_targets
from ionbox_science.annotation.quality import tally_scores
from ionbox_science.scoring.scores import lie_inside
from ionbox_science.scoring.targeted import MOST_FORMULAS, add_silent_ions, is_targeted
from ionbox_science.setting_table import FDR_METHODS, FdrMethod
from ionbox_science.theory.ion_rule import IonRule

from tests.builders import ScoredIons, annotate, plant_dataset
from tests.oracles import obvious

# two that are planted, two that are not, one that is heavier than anything measured
FORMULAS = ["C16H32O2", "C18H34O2", "C20H38O2", "C22H40O2", "C80H160O2"]
PLANTED = [("C16H32O2", "+H"), ("C18H34O2", "+H")]
RULE = IonRule(("+H",), n_decoys=3)


@pytest.fixture(scope="module")
def run() -> ScoredIons:
    places = [(8.0, 8.0, 6.0, 0.1), (6.0, 10.0, 5.0, 0.2)]
    # and the first decoy of each, weaker; the last makes the measured range wide enough for all but
    draws = obvious.draw_decoys(len(FORMULAS), RULE.adducts, RULE.n_decoys)
    ions = [*PLANTED, *((formula, draws[i][0]) for i, formula in enumerate(FORMULAS[:4]))]
    places += [(8.0, 6.0, 3.0, 2.0)] * 4
    planted = []
    for ion, place in zip(ions, places, strict=True):
        pattern = obvious.generate_pattern(str(obvious.build_ion_formula(*ion)), 0.000619)
        planted.append(([mz for mz, _ in pattern], [share for _, share in pattern], place))
    planted += [([mz], [100.0], (1.0, 1.0, 1.5, 0.0)) for mz in (90.0, 650.0)]
    data = plant_dataset(planted)
    found = annotate(data, FORMULAS, RULE)
    every = add_silent_ions(
        found.scores, found.patterns.mz, lie_inside(found.patterns.mz, data.mz_range)
    )
    return replace(found, scores=every)


def test_a_row_is_added_for_every_ion_that_could_be_seen(run: ScoredIons) -> None:
    heavy = {*run.table.target_ion[4].ravel().tolist(), *run.table.decoy_ion[4].ravel().tolist()}
    assert len(heavy) == 4
    assert run.scores.ion.tolist() == sorted(set(range(run.table.n_ions)) - heavy)
    silent = run.scores.take(run.scores.total_intensity[:, 0] == 0)
    assert len(silent.ion) > 2
    for name in ("msm", "chaos", "mz_error_abs", "max_intensity", "mz_stddev"):
        assert not getattr(silent, name).any()
    np.testing.assert_array_equal(silent.mz_mean, run.patterns.mz[silent.ion])


@pytest.mark.parametrize("method", FDR_METHODS)
def test_all_targets_that_could_be_seen_are_kept(run: ScoredIons, method: FdrMethod) -> None:
    ranked = rank_targets(run.table, run.scores, method, keep_all=True)
    assert ranked.n_dropped == 0
    chosen = run.patterns.take(run.scores.ion[ranked.score_row])
    rows = collect_annotations(run.table, run.scores, ranked, chosen.mz, chosen.intensity)
    assert rows.formula.tolist() == FORMULAS[:4]
    assert (rows.msm > 0).tolist() == [True, True, False, False]
    assert (rows.fdr <= 1).all()
    assert rows.fdr[0] < rows.fdr[2]
    some = rank_targets(run.table, run.scores, method)
    assert set(run.table.formulas[some.formula_index]) <= set(FORMULAS[:2])


@pytest.mark.parametrize("method", FDR_METHODS)
def test_ions_without_signal_rank_with_the_others(run: ScoredIons, method: FdrMethod) -> None:
    """In METASPACE's ranking of a targeted database an MSM of 0 is a score like any other."""
    msm = np.full(run.table.n_ions + 1, np.nan)
    msm[run.scores.ion] = run.scores.msm
    # the obvious versions take what scores more than 0: a constant changes no rank
    targets = pd.Series(msm[run.table.target_ion[:, 0]] + 1).fillna(0)
    decoys = pd.DataFrame(msm[run.table.decoy_ion[:, 0]] + 1).fillna(0)
    estimate = obvious.fdr_v1 if method == "metaspace-v1" else obvious.fdr_v3
    expected = estimate(targets, decoys)
    fdr = rank_targets(run.table, run.scores, method, keep_all=True).fdr
    np.testing.assert_allclose(fdr[expected.index, 0], expected.clip(upper=1), rtol=1e-12)
    if method == "metaspace-v3":
        # four targets with three decoys each: the last are below all of them
        assert fdr[3, 0] == pytest.approx((4 * 3 + 1) / 3 / (4 + 1))


def test_silent_ions_are_not_counted_as_measured(run: ScoredIons) -> None:
    tally = tally_scores(run.table, run.scores)
    assert (tally.n_targets, tally.n_measured) == (5, 2)


def test_a_database_of_up_to_1000_formulas_is_targeted_if_that_is_wanted() -> None:
    assert is_targeted("auto", MOST_FORMULAS)
    assert not is_targeted("auto", MOST_FORMULAS + 1)
    assert not is_targeted("off", 1)
