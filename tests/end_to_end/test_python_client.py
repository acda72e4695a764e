"""The Python client against what METASPACE's engine answers on the reference data."""

from __future__ import annotations

import csv
from pathlib import Path

import ionbox
import numpy as np
import pytest
from ionbox.cli.main import main
from ionbox.compare.comparison import compare
from ionbox.compare.tables import read_side
from ionbox.run import Run

from tests.end_to_end.laptop import LIKE_METASPACE, Laptop

ENGINE = "metaspace-engine/v3_edge_2k_msm"
SETTINGS = {**LIKE_METASPACE, "isocalc_sigma": 0.000619, "resolving_power": None, "decoys": 20}


@pytest.fixture(scope="module")
def results(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    laptop = Laptop(tmp_path_factory.mktemp("client-parity"))
    database = reference / "databases" / "hmdb2k.tsv"
    dataset = reference / "datasets" / "synth40edge.imzML"
    return laptop.annotate(dataset, [database], SETTINGS, n_workers=2).succeeded().out


@pytest.fixture(scope="module")
def run(results: Path) -> Run:
    return ionbox.open(results)


def test_isotope_images_equal_those_of_the_engine(run: Run, reference: Path) -> None:
    with (reference / ENGINE / "results.csv").open(newline="") as file:
        of_formula = {row["formula_i"]: row for row in csv.DictReader(file)}
    with np.load(reference / ENGINE / "images_top.npz") as stored:
        names = [name for name in stored.files if name != "mask"]
        assert len(names) >= 60
        np.testing.assert_array_equal(run.mask, stored["mask"].astype(bool))
        for name in names:
            row = of_formula[name.removeprefix("formula_")]
            images = run.isotope_images(row["formula"], row["adduct"])
            expected = stored[name].reshape(-1, *run.mask.shape)
            np.testing.assert_allclose(np.stack(list(images)), expected, rtol=1e-6)


def test_nothing_differs_from_the_engines_results(results: Path, reference: Path) -> None:
    found = compare(read_side(str(reference / ENGINE / "results.csv")), read_side(str(results)))
    assert found.same
    assert found.n_common == 386
    assert max(difference.largest for difference in found.differences) < 1e-5


def test_the_command_says_so(
    results: Path, reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["compare", str(reference / ENGINE / "results.csv"), str(results)])
    assert end.value.code == 0
    assert "386" in capsys.readouterr().out
