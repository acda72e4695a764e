"""Parity with METASPACE's engine, FDR method metaspace-v1, on the reference data.

The engine's first analysis version takes its isotope patterns from cpyMSpec 0.3.5. With those,
which ionbox makes for this method, annotations are equal; with those of 0.4.2 they are not, and a
test says by how much.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ScoredIons, annotate
from tests.oracles import engine

RULE = IonRule(("+H", "+Na", "+K"), decoy_rule="per-target-ion")
METRICS = ["chaos", "spatial", "spectral", "msm"]
NEAR_TIE = 2e-6
"""Difference of two MSM below which the engine's float32 sums may put them in another order."""

NEAR_TIES = {
    "C14H10O6Er C21H32N2OAl",
    "C16H22O5Re C24H26O8P",
    "C17H27NO3Gd C13H22O4Co",
    "C26H52OSe C15H21N5O5Zn",
    "C41H83NO5Sm C28H38N8O5Tl",
    "C43H75O8PCd C43H83O8PRu",
    "C47H85O13PSm C31H36O7Xe",
    "C53H80O2Fe C17H26O6SHg",
}
"""All pairs of ions of synth40edge with hmdb2k, of 1,115 that score, that are so near."""

OLD = IsotopeModel("orbitrap", 0.000619, version="cpymspec-0.3.5")


def annotate_v1(reference: Path, dataset: str, database: str, model: IsotopeModel) -> ScoredIons:
    return annotate(
        engine.dataset(reference, dataset),
        engine.formulas(reference, database),
        RULE,
        method="metaspace-v1",
        options=ImageOptions(ppm=100.0 if dataset == "Example_Continuous" else 3.0),
        patterns_of=lambda ion_formulas: engine.patterns_of(ion_formulas, model),
    )


@pytest.fixture(scope="session")
def edge(reference: Path) -> ScoredIons:
    """synth40edge against hmdb2k."""
    return annotate_v1(reference, "synth40edge", "hmdb2k", OLD)


@pytest.fixture(scope="session")
def example(reference: Path) -> ScoredIons:
    """Nine profile spectra against small388, with windows wide enough for them."""
    model = IsotopeModel("orbitrap", 0.01, version="cpymspec-0.3.5")
    return annotate_v1(reference, "Example_Continuous", "small388", model)


@pytest.fixture(scope="session")
def small(reference: Path) -> dict[str, ScoredIons]:
    """Two datasets against small388, by the name of the engine's run."""
    return {
        "v1_edge_db5": annotate_v1(reference, "synth40edge", "small388", OLD),
        "v1_tiny_db5_fork": annotate_v1(reference, "Untreated_3_434_tiny", "small388", OLD),
    }


def assert_equal(both: pd.DataFrame, n: int) -> None:
    """Compare annotations: the same ions, the same levels, and metrics but for float32 sums."""
    assert Counter(both["_merge"].tolist()) == {"both": n}
    assert (both["fdr"] == both["fdr_engine"]).all()
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric


def test_all_18599_patterns_are_those_of_the_engine(reference: Path) -> None:
    """Nobody is asked for help: no ion of it is left to cpyMSpec."""
    ion_formulas, their_mz, their_intensity = engine.read_patterns(reference, "v1_edge_db5")
    mz, intensity = generate_patterns(ion_formulas, OLD)
    assert len(mz) == 18599
    np.testing.assert_allclose(mz, their_mz, rtol=1e-13)
    np.testing.assert_array_equal(intensity, their_intensity)


def test_all_388_fdr_levels_are_equal(edge: ScoredIons, reference: Path) -> None:
    both = engine.join_annotations(edge, engine.read_table(reference, "v1_edge_2k"))
    assert_equal(both, 388)
    assert both["fdr"].nunique() == 4


def test_near_ties_of_targets_and_decoys_stand_in_the_order_of_the_engine(
    edge: ScoredIons, reference: Path
) -> None:
    """Here they would make other levels, if any did; these are all there are, by ion formula."""
    both = engine.join_ions(edge, reference, "v1_edge_2k").sort_values("msm")
    near = np.diff(both["msm"].to_numpy()) <= NEAR_TIE
    names = both["ion_formula"].to_numpy()
    assert {f"{a} {b}" for a, b in zip(names[:-1][near], names[1:][near], strict=True)} == NEAR_TIES
    assert (np.diff(both["msm_engine"].to_numpy())[near] > 0).all()


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
    assert_equal(both, 151)
    assert example.ranked.n_dropped == 191 - 151


def test_all_ions_of_profile_spectra_are_scored_equally(
    example: ScoredIons, reference: Path
) -> None:
    both = engine.join_ions(example, reference, "v1_example_db5")
    assert Counter(both["_merge"].tolist()) == {"both": 2205}
    for metric in METRICS:
        assert (both[metric] - both[f"{metric}_engine"]).abs().max() < 1e-6, metric
    engine.assert_peak_columns_equal(both)


@pytest.mark.parametrize(("name", "n_annotations"), [("v1_edge_db5", 8), ("v1_tiny_db5_fork", 38)])
def test_annotations_from_the_small_database_are_equal(
    name: str, n_annotations: int, small: dict[str, ScoredIons], reference: Path
) -> None:
    both = engine.join_annotations(small[name], engine.read_table(reference, name))
    assert_equal(both, n_annotations)
    engine.assert_peak_columns_equal(both)


def test_patterns_of_the_other_method_change_a_few_annotations_and_most_scores(
    reference: Path,
) -> None:
    """Measured: of 392 annotations 10 are in one list only and 4 have another level."""
    current = annotate_v1(reference, "synth40edge", "hmdb2k", IsotopeModel("orbitrap", 0.000619))
    both = engine.join_annotations(current, engine.read_table(reference, "v1_edge_2k"))
    n_only_one = (both["_merge"] != "both").sum()
    shared = both[both["_merge"] == "both"]
    n_other_level = (shared["fdr"] != shared["fdr_engine"]).sum()
    msm_difference = (shared["msm"] - shared["msm_engine"]).abs()
    assert 5 <= n_only_one <= 15
    assert 2 <= n_other_level <= 8
    assert 0.8 < (msm_difference > 1e-4).mean() < 1.0
    assert 1e-3 < msm_difference.median() < 0.05
