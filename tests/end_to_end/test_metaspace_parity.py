"""Reference datasets through the whole machine, against what METASPACE's engine answers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.client.ion_images import open_array
from tests.end_to_end.laptop import LIKE_METASPACE, Laptop, LaptopRun

SETTINGS = {**LIKE_METASPACE, "isocalc_sigma": 0.000619, "resolving_power": None, "decoys": 20}

Rows = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """One for all: the isotope patterns are the same."""
    return Laptop(tmp_path_factory.mktemp("parity"))


def ours(run: LaptopRun) -> Rows:
    return {(row["formula"], row["adduct"].removeprefix("M")): row for row in run.rows}


def theirs(reference: Path, name: str) -> Rows:
    path = reference / "metaspace-engine" / name / "results.csv"
    with path.open(newline="") as file:
        return {(row["formula"], row["adduct"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("method", "name", "n_annotations"),
    [("metaspace-v3", "v3_edge_2k_msm", 386), ("metaspace-v1", "v1_edge_2k", 388)],
)
def test_annotations_equal_those_of_metaspace(
    method: str, name: str, n_annotations: int, reference: Path, laptop: Laptop
) -> None:
    database = reference / "databases" / "hmdb2k.tsv"
    dataset = reference / "datasets" / "synth40edge.imzML"
    settings = {**SETTINGS, "fdr_method": method}
    found = ours(laptop.annotate(dataset, [database], settings, n_workers=2).succeeded())
    expected = theirs(reference, name)
    assert found.keys() == expected.keys()
    assert len(found) == n_annotations
    columns = {
        "msm": "msm",
        "rhoChaos": "chaos",
        "rhoSpatial": "spatial",
        "rhoSpectral": "spectral",
        "fdr": "fdr",
    }
    for ion, row in expected.items():
        for our_name, their_name in columns.items():
            error = abs(float(found[ion][our_name]) - float(row[their_name]))
            assert error < 1e-4, (ion, our_name)


def test_a_real_dataset_runs_through(reference: Path, laptop: Laptop) -> None:
    database = reference / "databases" / "hmdb2k.tsv"
    dataset = reference / "datasets" / "Untreated_3_434_tiny.imzML"
    run = laptop.annotate(dataset, [database], SETTINGS, n_workers=2).succeeded()
    assert run.record["dataset"]["n_spectra"] == 8
    assert open_array(run.out).shape[2:] == (4, 2)
    found, expected = ours(run), theirs(reference, "v3_tiny_2k")
    common = found.keys() & expected.keys()
    assert len(common) > 50
    for ion in common:
        for our_name, their_name in (("rhoSpatial", "spatial"), ("rhoSpectral", "spectral")):
            wanted = pytest.approx(float(expected[ion][their_name]), abs=1e-4)
            assert float(found[ion][our_name]) == wanted, (ion, our_name)
