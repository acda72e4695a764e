"""The real state machine, handlers and files: what a user gets."""

from __future__ import annotations

import csv
from pathlib import Path

from ionbox.annotate import annotate


def test_annotations_equal_those_of_metaspace(reference: Path, tmp_path: Path) -> None:
    config = {
        "polarity": "positive",
        "analyzer": "Orbitrap",
        "isocalc_sigma": 0.000619,
    }
    dataset = reference / "datasets" / "synth40edge.imzML"
    database = reference / "databases" / "hmdb2k.tsv"
    out = tmp_path / "out"
    assert annotate(dataset, [database], out, config, work=tmp_path / "work") == 0
    with (out / "annotations.csv").open(newline="") as file:
        next(file)
        ours = {(row["formula"], row["adduct"][1:]): row for row in csv.DictReader(file)}
    results = reference / "metaspace-engine" / "v3_edge_2k_msm" / "results.csv"
    with results.open(newline="") as file:
        theirs = {(row["formula"], row["adduct"]): row for row in csv.DictReader(file)}
    assert ours.keys() == theirs.keys()
    for ion, row in theirs.items():
        columns = (("msm", "msm"), ("rhoChaos", "chaos"), ("rhoSpatial", "spatial"))
        for our_name, their_name in (*columns, ("rhoSpectral", "spectral"), ("fdr", "fdr")):
            assert abs(float(ours[ion][our_name]) - float(row[their_name])) < 1e-4, (ion, our_name)
