"""Parity with METASPACE's engine, FDR method metaspace-v3, on the reference data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ionbox_science.scoring.ion_images import extract_images, find_windows
from ionbox_science.scoring.learned_score import rank_by
from ionbox_science.theory.ion_rule import IonRule

from tests.builders import ScoredIons, annotate
from tests.oracles import engine

METRICS = ["chaos", "spatial", "spectral", "msm"]


@pytest.fixture(scope="session")
def edge(reference: Path) -> ScoredIons:
    """synth40edge against hmdb2k with all defaults."""
    return annotate(
        engine.dataset(reference, "synth40edge"),
        engine.formulas(reference, "hmdb2k"),
        patterns_of=engine.patterns_of,
    )


@pytest.fixture(scope="session")
def edge_losses(reference: Path) -> ScoredIons:
    """synth40edge against small388 with losses, a modification and [M]+."""
    return annotate(
        engine.dataset(reference, "synth40edge"),
        engine.formulas(reference, "small388"),
        IonRule(("+H", "+Na", "[M]+"), ("-H2O", "-NH3"), ("-H+C",)),
        patterns_of=engine.patterns_of,
    )


@pytest.fixture(scope="session")
def tiny(reference: Path) -> ScoredIons:
    """Eight pixels of a real dataset against hmdb2k."""
    return annotate(
        engine.dataset(reference, "Untreated_3_434_tiny"),
        engine.formulas(reference, "hmdb2k"),
        patterns_of=engine.patterns_of,
    )


def test_same_ions_are_annotated(edge: ScoredIons, reference: Path) -> None:
    both = engine.join_annotations(edge, engine.read_table(reference, "v3_edge_2k_msm"))
    assert set(both["_merge"]) == {"both"}
    assert len(both) == 386


def test_metrics_of_annotations_are_equal(edge: ScoredIons, reference: Path) -> None:
    both = engine.join_annotations(edge, engine.read_table(reference, "v3_edge_2k_msm"))
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-4, metric


def test_fdr_is_equal_up_to_ties(edge: ScoredIons, reference: Path) -> None:
    both = engine.join_annotations(edge, engine.read_table(reference, "v3_edge_2k_msm"))
    difference = (both["fdr"] - both["fdr_engine"]).abs()
    assert difference.max() <= 0.005
    assert (difference > 1e-9).mean() <= 0.005


@pytest.mark.parametrize(
    ("run", "fixture", "n_ions"),
    [("v3_edge_2k_msm", "edge", 733), ("v3_edge_losses_db5", "edge_losses", 87)],
)
def test_all_targets_and_decoys_are_scored_equally(
    run: str, fixture: str, n_ions: int, reference: Path, request: pytest.FixtureRequest
) -> None:
    both = engine.join_ions(request.getfixturevalue(fixture), reference, run)
    assert set(both["_merge"]) == {"both"}
    assert len(both) == n_ions
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-5, metric
    engine.assert_peak_columns_equal(both)


def test_losses_and_modifications_give_the_same_annotations(
    edge_losses: ScoredIons, reference: Path
) -> None:
    theirs = engine.read_table(reference, "v3_edge_losses_db5")
    both = engine.join_annotations(edge_losses, theirs)
    assert set(both["_merge"]) == {"both"}
    for column in [*METRICS, "fdr"]:
        assert (both[column] - both[f"{column}_engine"]).abs().max() < 1e-5, column
    ours = edge_losses.annotations
    parts = {tuple(row) for row in zip(ours.chem_mod, ours.neutral_loss, ours.adduct, strict=True)}
    assert parts == set(theirs[["chem_mod", "neutral_loss", "adduct"]].itertuples(index=False))
    assert {"-H+C"} < set(ours.chem_mod.tolist()), "the reference has modified ions"


def test_metrics_of_real_spectra_are_equal_but_for_chaos(tiny: ScoredIons, reference: Path) -> None:
    both = engine.join_ions(tiny, reference, "v3_tiny_2k")
    assert set(both["_merge"]) == {"both"}
    assert len(both) == 272
    for metric in ("spatial", "spectral"):
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric
    engine.assert_peak_columns_equal(both)


@pytest.mark.parametrize(("run", "fixture"), [("v3_edge_2k", "edge"), ("v3_tiny_2k", "tiny")])
def test_the_learned_score_as_metaspace_serves_it_gives_its_annotations(
    run: str, fixture: str, reference: Path, request: pytest.FixtureRequest
) -> None:
    plain: ScoredIons = request.getfixturevalue(fixture)
    ours = replace(plain, scores=rank_by(plain.scores, "metaspace-ml-animal-as-served"))
    both = engine.join_annotations(ours, engine.read_table(reference, run))
    assert set(both["_merge"]) == {"both"}
    for column in ("msm", "fdr"):
        assert (both[column] - both[f"{column}_engine"]).abs().max() < 1e-9, column


def test_every_annotation_of_real_spectra_with_the_learned_score_is_found_by_msm(
    tiny: ScoredIons, reference: Path
) -> None:
    both = engine.join_annotations(tiny, engine.read_table(reference, "v3_tiny_2k"))
    assert set(both["_merge"]) == {"both"}


@pytest.mark.parametrize(
    ("run", "fixture"),
    [
        ("v3_edge_2k_msm", "edge"),
        ("v3_edge_losses_db5", "edge_losses"),
        ("v3_tiny_2k", "tiny"),
    ],
)
def test_raw_ion_images_are_equal(
    run: str, fixture: str, reference: Path, request: pytest.FixtureRequest
) -> None:
    ours: ScoredIons = request.getfixturevalue(fixture)
    name = "Untreated_3_434_tiny" if fixture == "tiny" else "synth40edge"
    data = engine.dataset(reference, name)
    theirs = engine.read_images(reference, run)
    np.testing.assert_array_equal(data.grid.mask, theirs.pop("mask"))
    number = {f: i for i, f in enumerate(ours.table.ion_formulas(slice(None)))}
    formula_of = engine.ion_formula_by_number(reference, run)
    ions = np.array([number[formula_of[int(key)]] for key in theirs])
    assert len(ions) >= 16
    windows = find_windows(data.peaks.mz, ours.patterns.mz[ions], 3.0)
    images = extract_images(data.peaks, windows, data.grid)
    np.testing.assert_allclose(images, np.stack(list(theirs.values())), rtol=2e-7)


def test_isotope_patterns_are_equal(edge: ScoredIons, reference: Path) -> None:
    ion_formulas, their_mz, their_intensity = engine.read_patterns(reference, "v3_edge_2k")
    assert sorted(ion_formulas) == sorted(edge.table.ion_formulas(slice(None)))
    mz, intensity = engine.patterns_of(ion_formulas)
    np.testing.assert_allclose(mz, their_mz, rtol=1e-9)
    np.testing.assert_array_equal(intensity, their_intensity)


def test_as_many_ions_are_targets(edge: ScoredIons, reference: Path) -> None:
    theirs = engine.read_table(reference, "v3_edge_2k", "centroids_all.csv.gz")
    assert edge.table.is_target.sum() == theirs.loc[theirs["target"], "formula_i"].nunique()
