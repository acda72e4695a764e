"""The table of annotations is the same, whichever way it is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ionbox.simulation.simulate import simulate_dataset
from ionbox_science.annotation.annotations import collect_annotations, rank_targets
from ionbox_science.annotation.table import AnnotatedDatabase, write_annotations
from ionbox_science.imzml.header import ImzmlHeader, read_header
from ionbox_science.imzml.spectra import Peaks
from ionbox_science.scoring.ion_images import Grid
from ionbox_science.scoring.options import ImageOptions
from ionbox_science.scoring.scores import IonScores, Patterns, score_ions
from ionbox_science.setting_table import FDR_METHODS, FdrMethod
from ionbox_science.sorting.peak_sorting import sort_in_memory
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import build_ions
from ionbox_science.theory.isotope_model import IsotopeModel, sigma_from_resolving_power
from ionbox_science.theory.isotope_patterns import generate_patterns_of
from ionbox_science.theory.lipids import enumerate_lipids

from tests.oracles import isotope_patterns as oracle_patterns
from tests.oracles import peak_sorting as oracle_sort
from tests.oracles import scores as oracle_scores

MODEL = IsotopeModel("orbitrap", sigma_from_resolving_power("orbitrap", 140_000))
MOLECULES = enumerate_lipids()[::14]
Score = Callable[[Peaks, Patterns, Grid, ImageOptions, tuple[float, float]], IonScores]
RULE = IonRule(("+H", "+Na"), n_decoys=5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImzmlHeader, bytes]:
    path = tmp_path_factory.mktemp("oracle") / "section.imzML"
    formulas = [lipid.formula for lipid in MOLECULES]
    simulate_dataset(
        path, width=24, height=20, n_ions=120, n_noise_peaks=150, seed=5, formulas=formulas
    )
    return read_header(path.read_bytes(), path.name), path.with_suffix(".ibd").read_bytes()


def annotate(dataset: tuple[ImzmlHeader, bytes], method: FdrMethod, *, with_kernels: bool) -> bytes:
    """The science from bytes to table, on kernels or on their obvious versions."""
    header, ibd = dataset

    def read_range(offset: int, n_bytes: int) -> bytes:
        return ibd[offset : offset + n_bytes]

    rows = "\n".join(f"{lipid.id}\t{lipid.name}\t{lipid.formula}" for lipid in MOLECULES)
    database = parse_database(f"id\tname\tformula\n{rows}\n".encode(), "lipids")
    rule = replace(RULE, decoy_rule="per-formula" if method == "metaspace-v3" else "per-target-ion")
    table = build_ions(database.unique_formulas(), rule)
    everything = slice(0, table.n_ions)
    if with_kernels:
        peaks = sort_in_memory(header, read_range).peaks
        mz, intensity = generate_patterns_of(table.compositions(everything), MODEL, str)
        score: Score = score_ions
    else:
        peaks, _ = oracle_sort.sort_spectra(header, read_range)
        mz, intensity = oracle_patterns.generate_patterns_with_cpymspec(
            table.ion_formulas(everything), MODEL
        )
        score = oracle_scores.score_ions
    patterns = Patterns(mz, intensity, table.is_target)
    mz_range = float(peaks.mz[0]), float(peaks.mz[-1])
    scores = score(peaks, patterns, Grid(header.mask), ImageOptions(), mz_range)
    ranked = rank_targets(table, scores, method)
    chosen = scores.ion[ranked.score_row]
    found = collect_annotations(table, scores, ranked, mz[chosen], intensity[chosen])
    return write_annotations("d", "i", "positive", 3.0, [AnnotatedDatabase(database, found)])


@pytest.mark.parametrize("method", FDR_METHODS)
def test_kernels_and_obvious_versions_give_the_same_bytes(
    dataset: tuple[ImzmlHeader, bytes], method: FdrMethod
) -> None:
    ours = annotate(dataset, method, with_kernels=True)
    assert ours == annotate(dataset, method, with_kernels=False)
    assert ours.count(b"\n") > 60
    assert np.unique([line.split(b",")[10] for line in ours.splitlines()[2:]]).size > 50
