"""Parity with METASPACE's engine, FDR method metaspace-v1, on the reference data.

The engine's first analysis version takes its isotope patterns from cpyMSpec 0.3.5. Given those,
ionbox equals it; with the product's own cpyMSpec 0.4.2 it does not, and a test says by how much.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import Patterns, score_ions
from ionbox_science.theory.ion_rule import IonRule

from tests.builders import ScoredIons, annotate
from tests.oracles import engine
from tests.oracles.cpymspec_035 import generate_patterns_v1

RULE = IonRule(("+H", "+Na", "+K"), decoy_rule="per-target-ion")
METRICS = ["chaos", "spatial", "spectral", "msm"]
SIGMA = 0.000619


@pytest.fixture(scope="session")
def edge_new_patterns(reference: Path) -> ScoredIons:
    """synth40edge against hmdb2k with the product's own patterns."""
    return annotate(
        engine.dataset(reference, "synth40edge"),
        engine.formulas(reference, "hmdb2k"),
        RULE,
        method="metaspace-v1",
        patterns_of=engine.patterns_of,
    )


@pytest.fixture(scope="session")
def edge(edge_new_patterns: ScoredIons, reference: Path) -> ScoredIons:
    """Replace the patterns by cpyMSpec 0.3.5's and score again.

    For every ion would take a minute: all targets, all ions that score here or there, and every
    fiftieth of the others. The rest keep their score of zero.
    """
    data = engine.dataset(reference, "synth40edge")
    run = edge_new_patterns
    ion_formulas = run.table.ion_formulas(slice(None))
    scored = {ion_formulas[ion] for ion in run.scores.ion[run.scores.msm > 0]}
    scored |= set(engine.ion_formulas_scored(reference, "v1_edge_2k"))
    chosen = run.table.is_target | [f in scored for f in ion_formulas]
    chosen[::50] = True
    ions = np.flatnonzero(chosen)
    mz, intensity = generate_patterns_v1([ion_formulas[ion] for ion in ions], SIGMA)
    patterns = Patterns(mz, intensity, run.table.is_target[ions])
    scores = score_ions(data.peaks, patterns, data.grid, ImageOptions(), data.mz_range)
    scores = dataclasses.replace(scores, ion=ions[scores.ion].astype(np.int32))
    whole = Patterns(run.patterns.mz.copy(), run.patterns.intensity.copy(), run.patterns.is_target)
    whole.mz[ions], whole.intensity[ions] = mz, intensity
    return ScoredIons(run.table, whole, scores, "metaspace-v1")


@pytest.fixture(scope="session")
def example(reference: Path) -> ScoredIons:
    """Nine profile spectra against small388, with windows wide enough for them."""
    return annotate(
        engine.dataset(reference, "Example_Continuous"),
        engine.formulas(reference, "small388"),
        RULE,
        method="metaspace-v1",
        options=ImageOptions(ppm=100.0),
        patterns_of=lambda ion_formulas: generate_patterns_v1(ion_formulas, 0.01),
    )


def annotate_small(reference: Path, dataset: str) -> ScoredIons:
    """Annotate against small388 with the patterns that the engine itself wrote down."""
    listed, mz, intensity = engine.read_patterns(reference, "v1_edge_db5")
    row = {ion_formula: i for i, ion_formula in enumerate(listed)}

    def patterns_of(
        ion_formulas: Sequence[str],
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        rows = [row[ion_formula] for ion_formula in ion_formulas]
        return mz[rows], intensity[rows]

    return annotate(
        engine.dataset(reference, dataset),
        engine.formulas(reference, "small388"),
        RULE,
        method="metaspace-v1",
        patterns_of=patterns_of,
    )


def test_oracle_makes_the_patterns_of_the_engine(reference: Path) -> None:
    ion_formulas, their_mz, their_intensity = engine.read_patterns(reference, "v1_edge_db5")
    some = slice(None, None, 25)
    mz, intensity = generate_patterns_v1(ion_formulas[some], SIGMA)
    np.testing.assert_allclose(mz, their_mz[some], rtol=1e-12)
    np.testing.assert_array_equal(intensity, their_intensity[some])


def test_all_388_fdr_levels_are_equal(edge: ScoredIons, reference: Path) -> None:
    theirs = engine.read_table(reference, "v1_edge_2k")
    both = engine.join_annotations(edge, theirs)
    assert set(both["_merge"]) == {"both"}
    assert len(both) == 388
    assert (both["fdr"] == both["fdr_engine"]).all()
    assert both["fdr"].nunique() == 4
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric


def test_all_targets_and_decoys_are_scored_equally(edge: ScoredIons, reference: Path) -> None:
    both = engine.join_ions(edge, reference, "v1_edge_2k")
    assert set(both["_merge"]) == {"both"}
    assert len(both) == 1115
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric
    engine.assert_peak_columns_equal(both)


def test_151_of_191_targets_of_profile_spectra_are_kept(
    example: ScoredIons, reference: Path
) -> None:
    both = engine.join_annotations(example, engine.read_table(reference, "v1_example_db5"))
    assert Counter(both["_merge"].tolist()) == {"both": 151}
    assert example.ranked.n_dropped == 191 - 151
    assert (both["fdr"] == both["fdr_engine"]).all()
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric


def test_all_ions_of_profile_spectra_are_scored_equally(
    example: ScoredIons, reference: Path
) -> None:
    both = engine.join_ions(example, reference, "v1_example_db5")
    assert Counter(both["_merge"].tolist()) == {"both": 2205}
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric
    engine.assert_peak_columns_equal(both)


@pytest.mark.parametrize(
    ("dataset", "name", "n_annotations"),
    [("synth40edge", "v1_edge_db5", 8), ("Untreated_3_434_tiny", "v1_tiny_db5_fork", 38)],
)
def test_annotations_from_the_small_database_are_equal(
    dataset: str, name: str, n_annotations: int, reference: Path
) -> None:
    run = annotate_small(reference, dataset)
    both = engine.join_annotations(run, engine.read_table(reference, name))
    assert set(both["_merge"]) == {"both"}
    assert len(both) == n_annotations
    assert (both["fdr"] == both["fdr_engine"]).all()
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric
    engine.assert_peak_columns_equal(both)


def test_new_patterns_change_a_few_annotations_and_most_scores(
    edge_new_patterns: ScoredIons, reference: Path
) -> None:
    """Measured: of 392 annotations 10 are in one list only and 4 have another level."""
    both = engine.join_annotations(edge_new_patterns, engine.read_table(reference, "v1_edge_2k"))
    n_only_one = (both["_merge"] != "both").sum()
    shared = both[both["_merge"] == "both"]
    n_other_level = (shared["fdr"] != shared["fdr_engine"]).sum()
    msm_difference = (shared["msm"] - shared["msm_engine"]).abs()
    assert 5 <= n_only_one <= 15
    assert 2 <= n_other_level <= 8
    assert 0.8 < (msm_difference > 1e-4).mean() < 1.0
    assert 1e-3 < msm_difference.median() < 0.05
