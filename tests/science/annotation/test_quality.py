"""Figures of a run's quality count what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ionbox_science.annotation.quality import (
    N_BINS,
    ScoreTally,
    fdr_curve,
    histogram_msm,
    tally_scores,
)
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import build_ions

levels = arrays.arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([0.05, 0.1, 0.2]))


@given(levels)
def test_the_curve_counts_annotations_up_to_each_fdr(fdr: np.ndarray) -> None:
    curve = fdr_curve(fdr)
    assert [level for _, level in curve] == sorted(set(fdr.tolist()))
    for rank, level in curve:
        assert rank == np.count_nonzero(fdr <= level)


def test_a_long_curve_keeps_its_ends() -> None:
    fdr = np.linspace(0.01, 0.9, 10_000)
    curve = fdr_curve(fdr, 100)
    assert len(curve) == 100
    assert curve[0] == (1, 0.01)
    rank, level = curve[-1]
    assert rank == 10_000
    assert level == pytest.approx(0.9)


@given(st.integers(0, 2**32 - 1))
def test_histograms_count_every_target_and_the_mean_draw_of_decoys(seed: int) -> None:
    table = build_ions(["C10H20O2", "C12H24O2", "C6H12O6"], IonRule(("+H", "-H2O"), n_decoys=4))
    generator = np.random.default_rng(seed)
    ion = np.flatnonzero(generator.random(table.n_ions) < 0.7)
    scores = SimpleNamespace(ion=ion, msm=generator.random(len(ion)).round(1))
    of_ion = dict(zip(ion.tolist(), scores.msm.tolist(), strict=True))
    targets = [of_ion.get(i, 0) for i in table.target_ion.ravel().tolist()]
    decoys = [of_ion.get(i, 0) for i in table.decoy_ion.ravel().tolist()]
    found_targets, found_decoys = histogram_msm(table, scores)  # type: ignore[arg-type]
    assert len(found_targets) == N_BINS
    assert found_targets.sum() == sum(msm > 0 for msm in targets)
    assert found_decoys.sum() == pytest.approx(sum(msm > 0 for msm in decoys) / 4)
    assert found_targets[N_BINS // 2 :].sum() == sum(msm >= 0.5 for msm in targets)


@given(st.integers(0, 2**32 - 1))
def test_a_tally_counts_ions_and_keeps_the_best(seed: int) -> None:
    table = build_ions(["C10H20O2", "C12H24O2", "C6H12O6"], IonRule(("+H", "-H2O"), n_decoys=4))
    generator = np.random.default_rng(seed)
    ion = np.flatnonzero(generator.random(table.n_ions) < generator.random())
    signal = generator.random((len(ion), 2)).round(1)
    scores = SimpleNamespace(
        ion=ion, msm=generator.random(len(ion)).round(1), total_intensity=signal
    )
    of_ion = dict(zip(ion.tolist(), scores.msm.tolist(), strict=True))
    measured = set(ion[signal[:, 0] > 0].tolist())
    targets = {i for i in table.target_ion.ravel().tolist() if i >= 0}
    decoys = {i for i in table.decoy_ion.ravel().tolist() if i >= 0}
    tally = tally_scores(table, scores)  # type: ignore[arg-type]
    assert tally == ScoreTally(
        len(targets),
        len(targets & measured),
        max((of_ion.get(i, 0) for i in targets), default=0),
        max((of_ion.get(i, 0) for i in decoys), default=0),
    )
    assert ScoreTally.from_arrays({**tally.to_arrays(), "more": np.zeros(3)}) == tally
