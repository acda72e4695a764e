"""Data as hard as real data: what is planted, and what the truth table says of it."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox.simulation.mass_errors import MassErrors, draw_mass_errors
from ionbox.simulation.real_section import add_everywhere, draw_real_ions
from ionbox.simulation.section import PlantedIons, Section, draw_section
from ionbox.simulation.simulate import SimulatedDataset, simulate_dataset
from ionbox.simulation.unknowns import MATRICES, draw_unknowns, list_matrix_clusters
from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.formulas import parse_formula
from ionbox_science.theory.isotope_model import IsotopeModel
from ionbox_science.theory.lipids import enumerate_lipids
from pyimzml.ImzMLParser import ImzMLParser

FORMULAS = sorted({lipid.formula for lipid in enumerate_lipids()})[::4]
MODEL = IsotopeModel("fticr", 0.0003)


def simulate(path: Path, **changes: Any) -> SimulatedDataset:
    arguments = {
        "width": 24,
        "height": 20,
        "n_ions": 60,
        "n_noise_peaks": 80,
        "seed": 3,
        "formulas": FORMULAS,
        "analyzer": "fticr",
        "resolving_power": 260_000,
        "realism": "real",
    }
    return simulate_dataset(path, **{**arguments, **changes})


def read_truth(dataset: SimulatedDataset) -> list[dict[str, str]]:
    with dataset.truth_path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    return simulate(tmp_path_factory.mktemp("real") / "one.imzML")


@pytest.fixture(scope="module")
def truth(dataset: SimulatedDataset) -> list[dict[str, str]]:
    return read_truth(dataset)


def draw(seed: int) -> tuple[PlantedIons, Section, MassErrors]:
    rng = np.random.default_rng(seed)
    section = add_everywhere(draw_section(24, 20, rng))
    ions = draw_real_ions(FORMULAS, ["+H", "+Na", "+K"], 40, 50, MODEL, section, rng)
    return ions, section, draw_mass_errors(ions, section, rng)


def test_equal_arguments_give_equal_bytes(tmp_path: Path, dataset: SimulatedDataset) -> None:
    again = simulate(tmp_path / "again.imzML", formulas=FORMULAS[::-1])
    for name in ("imzml_path", "ibd_path", "truth_path", "config_path"):
        assert getattr(dataset, name).read_bytes() == getattr(again, name).read_bytes(), name


def test_plain_is_the_default_and_another_dataset(
    tmp_path: Path, dataset: SimulatedDataset
) -> None:
    plain = simulate(tmp_path / "plain.imzML", realism="plain")
    assert plain.ibd_path.read_bytes()[:16] != dataset.ibd_path.read_bytes()[:16]
    default = simulate_dataset(
        tmp_path / "default.imzML",
        width=24,
        height=20,
        n_ions=60,
        n_noise_peaks=80,
        seed=3,
        formulas=FORMULAS,
        analyzer="fticr",
        resolving_power=260_000,
    )
    assert default.ibd_path.read_bytes() == plain.ibd_path.read_bytes()
    assert "kind" not in read_truth(default)[0]


def test_truth_names_what_the_database_has_and_what_it_has_not(
    truth: list[dict[str, str]],
) -> None:
    kinds = Counter(row["kind"] for row in truth)
    assert kinds["target"] == 60
    assert {*kinds} == {"target", "loss", "background", "matrix"}
    assert kinds["background"] > kinds["target"]  # most molecules are in no database
    for row in truth:
        assert (row["formula"] in FORMULAS) == (row["kind"] in ("target", "loss")), row
        if row["kind"] in ("target", "loss"):
            assert (row["kind"] == "loss") == (row["loss"] in ("-H2O", "-CO2"))


def test_ions_of_a_molecule_share_an_image(truth: list[dict[str, str]]) -> None:
    patterns, adducts = defaultdict(set), defaultdict(set)
    for row in truth:
        patterns[row["formula"]].add(row["pattern"])
        adducts[row["formula"]].add(row["adduct"])
    assert {len(each) for each in patterns.values()} == {1}
    assert np.mean([len(each) > 1 for each in adducts.values()]) > 0.2


def test_measured_mz_are_off_by_what_the_truth_says(
    tmp_path: Path,
) -> None:
    dataset = simulate(tmp_path / "one.imzML", n_noise_peaks=20, n_ions=30)
    with ImzMLParser(str(dataset.imzml_path)) as parser:
        spectra = [parser.getspectrum(index)[0] for index in range(len(parser.coordinates))]
    mz = np.sort(np.concatenate(spectra))
    off = []
    for row in read_truth(dataset):
        expected = float(row["mz"]) * (1 + 1e-6 * (float(row["line_ppm"]) + float(row["bias_ppm"])))
        near = mz[np.abs(mz / expected - 1) < 5e-6]
        if int(row["n_pixels"]) > 20 and len(near) < 1.2 * int(row["n_pixels"]):
            off.append(np.median(near) / expected * 1e6 - 1e6)
    assert len(off) > 10
    # what is left is of neighbours that an analyzer cannot tell apart, and of the drift
    assert np.median(np.abs(off)) < 0.15
    assert abs(np.median(off)) < 0.15


def test_half_of_the_datasets_have_a_slope() -> None:
    slopes = [draw(seed)[2].slope for seed in range(12)]
    assert {round(slope / 0.003) for slope in slopes} == {0, 1}


def test_the_line_is_near_zero_where_the_ions_are() -> None:
    for seed in range(4):
        ions, _, errors = draw(seed)
        targets = ions.mz[[kind == "target" for kind in ions.kind], 0]
        assert abs(errors.line_ppm(np.median(targets, keepdims=True))[0]) < 0.5


def test_pixels_with_more_ions_are_off_by_more() -> None:
    _, _, errors = draw(1)
    drift = errors.drift_ppm(errors.usual_tic * np.array([0.5, 1.0, 2.0]))
    assert drift[1] == 0
    assert np.diff(drift) == pytest.approx([errors.tic_ppm / 2, errors.tic_ppm])


def test_further_peaks_are_as_many_as_asked_for(tmp_path: Path) -> None:
    few = simulate(tmp_path / "few.imzML", n_ions=0, n_noise_peaks=60)
    many = simulate(tmp_path / "many.imzML", n_ions=0, n_noise_peaks=240)
    for dataset, wanted in ((few, 60), (many, 240)):
        assert dataset.n_peaks / dataset.n_pixels == pytest.approx(wanted, rel=0.3)


def test_nothing_at_all_is_readable(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "none.imzML", n_ions=0, n_noise_peaks=0)
    assert dataset.n_peaks == 0
    assert read_truth(dataset) == []


def test_negative_mode_and_profiles(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", polarity="negative", profile=True, n_noise_peaks=20)
    assert {row["adduct"] for row in read_truth(dataset)} == {"-H", "+Cl"}
    assert "MS:1000128" in dataset.imzml_path.read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"realism": "surreal"}, "realism is 'surreal', must be plain, real"),
        ({"formulas": FORMULAS[:2], "n_ions": 7}, "cannot plant 7 ions: 2 formulas with adducts"),
    ],
)
def test_impossible_request_is_refused(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        simulate(tmp_path / "one.imzML", **changes)
    assert not list(tmp_path.iterdir())


def test_made_up_molecules_are_possible_ones() -> None:
    made = draw_unknowns(300, FORMULAS, np.random.default_rng(0))
    assert 200 < len(made) == len(set(made)) <= 300
    for formula in made:
        counts = parse_formula(formula)
        assert counts["C"] >= 1
        valences = 2 * counts["C"] + counts.get("N", 0) + counts.get("P", 0) + 3
        assert 1 <= counts["H"] <= valences


def test_matrix_clusters_have_metals_for_protons() -> None:
    clusters = [parse_formula(formula) for formula in list_matrix_clusters(MATRICES[0])]
    assert {"C": 10, "H": 7, "N": 1, "O": 3} in clusters
    assert {"C": 20, "H": 13, "N": 2, "O": 6, "Na": 1} in clusters
    for counts in clusters:
        n = counts["C"] // 10
        assert counts["H"] + counts.get("Na", 0) + counts.get("K", 0) == 7 * n
        assert counts.get("Na", 0) + counts.get("K", 0) < n
