from __future__ import annotations

import csv
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ionbox.simulation.section import DETECTION_LIMIT, draw_section
from ionbox.simulation.simulate import (
    INTENSITY_PER_COUNT,
    SimulatedDataset,
    simulate_dataset,
)
from ionbox_science.errors import InvalidConfig
from ionbox_science.theory.lipids import enumerate_lipids
from pyimzml.ImzMLParser import ImzMLParser

FORMULAS = [lipid.formula for lipid in enumerate_lipids()]
WEAKEST = DETECTION_LIMIT * INTENSITY_PER_COUNT


def simulate(path: Path, **changes: Any) -> SimulatedDataset:
    arguments = {
        "width": 20,
        "height": 16,
        "n_ions": 30,
        "n_noise_peaks": 100,
        "seed": 7,
        "formulas": FORMULAS,
    }
    return simulate_dataset(path, **{**arguments, **changes})


def read_spectra(dataset: SimulatedDataset) -> dict[tuple[int, int], tuple[Any, Any]]:
    with ImzMLParser(str(dataset.imzml_path)) as parser:
        return {
            (x, y): parser.getspectrum(index) for index, (x, y, _) in enumerate(parser.coordinates)
        }


def read_truth(dataset: SimulatedDataset) -> list[dict[str, str]]:
    with dataset.truth_path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def find_ion(spectra: dict[tuple[int, int], tuple[Any, Any]], mz: float) -> set[tuple[int, int]]:
    """Pixels with a peak within 3 ppm."""
    return {
        pixel
        for pixel, (mzs, _) in spectra.items()
        if (np.abs(np.asarray(mzs) - mz) <= 3e-6 * mz).any()
    }


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    first = simulate(tmp_path / "a" / "one.imzML")
    second = simulate(tmp_path / "b" / "two.imzML", formulas=FORMULAS[::-1] + FORMULAS)
    for name in ("imzml_path", "ibd_path", "truth_path", "config_path"):
        assert getattr(first, name).read_bytes() == getattr(second, name).read_bytes(), name


def test_another_seed_gives_other_data(tmp_path: Path) -> None:
    first = simulate(tmp_path / "one.imzML")
    second = simulate(tmp_path / "two.imzML", seed=8)
    assert first.ibd_path.read_bytes()[:16] != second.ibd_path.read_bytes()[:16]
    assert read_truth(first) != read_truth(second)


def test_header_and_arrays_are_read_by_pyimzml(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML")
    with ImzMLParser(str(dataset.imzml_path)) as parser:
        content = parser.metadata.file_description
        assert "processed" in content.param_by_name
        assert "centroid spectrum" in content.param_by_name
        assert parser.polarity == "positive"
        ibd = dataset.ibd_path.read_bytes()
        assert content.param_by_name["universally unique identifier"] == ibd[:16].hex()
        assert content.param_by_name["ibd SHA-1"] == hashlib.sha1(ibd).hexdigest()
        assert (parser.imzmldict["max count of pixels x"], len(parser.coordinates)) == (20, 320)
        assert sum(parser.mzLengths) == dataset.n_peaks
        assert parser.intensityOffsets[-1] + 4 * parser.intensityLengths[-1] == len(ibd)
        for index in range(len(parser.coordinates)):
            mzs, intensities = parser.getspectrum(index)
            assert len(mzs) == len(intensities)
            assert (np.diff(mzs) > 0).all()
            assert (intensities >= WEAKEST).all()


@pytest.mark.parametrize(
    ("analyzer", "term"),
    [("orbitrap", "MS:1000484"), ("fticr", "MS:1000079"), ("tof", "MS:1000084")],
)
def test_analyzer_stands_in_header_and_sidecar(tmp_path: Path, analyzer: str, term: str) -> None:
    dataset = simulate(tmp_path / "one.imzML", analyzer=analyzer, resolving_power=30_000)
    assert f'accession="{term}"' in dataset.imzml_path.read_text(encoding="utf-8")
    assert json.loads(dataset.config_path.read_text()) == {
        "polarity": "positive",
        "analyzer": analyzer,
        "resolving_power": 30_000,
    }


@pytest.mark.parametrize("seed", [7, 8, 9])  # the calibration error depends on the seed
def test_planted_ions_are_found_where_the_truth_table_says(tmp_path: Path, seed: int) -> None:
    dataset = simulate(tmp_path / "one.imzML", width=40, height=40, n_noise_peaks=20, seed=seed)
    spectra = read_spectra(dataset)
    truth = read_truth(dataset)
    assert len(truth) == dataset.n_ions == 30
    n_close = 0
    for row in truth:
        n_found = len(find_ion(spectra, float(row["mz"])))
        # a neighbour within the peak width may pull a merged peak away or add pixels
        n_close += abs(n_found - int(row["n_pixels"])) <= 0.05 * len(spectra)
    assert n_close >= 27


def test_ion_images_follow_their_patterns(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", width=40, height=40, n_noise_peaks=0, n_ions=40)
    spectra = read_spectra(dataset)
    tissue_u = {(x, y): (2 * x - 1) / 40 - 1 for x, y in spectra}
    tissue_v = {(x, y): (2 * y - 1) / 40 - 1 for x, y in spectra}
    halves = [row for row in read_truth(dataset) if row["pattern"] == "half"]
    assert halves
    for row in halves:
        found = find_ion(spectra, float(row["mz"]))
        inside = [pixel for pixel in found if tissue_u[pixel] < 0.3 * tissue_v[pixel]]
        assert len(inside) >= 0.9 * len(found)


def test_weak_isotope_peaks_sink_below_the_detection_limit(tmp_path: Path) -> None:
    dataset = simulate(
        tmp_path / "one.imzML", n_ions=1, n_noise_peaks=0, formulas=["C42H82NO8P"], adducts=["+H"]
    )
    (row,) = read_truth(dataset)
    first_mz = float(row["mz"])
    spectra = read_spectra(dataset)
    found = [len(find_ion(spectra, first_mz + shift)) for shift in (0, 1.00335, 3.0094)]
    assert found[0] >= found[1] > found[2]


def test_number_of_noise_peaks_is_near_the_request(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", n_ions=0, n_noise_peaks=200)
    assert dataset.n_peaks / dataset.n_pixels == pytest.approx(200, rel=0.05)


def test_dataset_without_any_peak_is_readable(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", n_ions=0, n_noise_peaks=0)
    assert dataset.n_peaks == 0
    assert len(read_spectra(dataset)) == 320
    assert dataset.ibd_path.stat().st_size == 16


def test_unresolved_peaks_are_merged(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", analyzer="tof", resolving_power=10_000)
    for mzs, _ in read_spectra(dataset).values():
        # merged neighbours move towards each other's middle, so a little below the peak width
        assert (np.diff(mzs) > 0.5e-4 * np.asarray(mzs)[1:]).all()


def test_corner_pixels_can_be_missing(tmp_path: Path) -> None:
    full = simulate(tmp_path / "full.imzML")
    sparse = simulate(tmp_path / "sparse.imzML", missing_corners=True)
    pixels = set(read_spectra(sparse))
    assert full.n_pixels == 320
    assert 0.85 * 320 < len(pixels) == sparse.n_pixels < 320
    assert not pixels & {(1, 1), (20, 1), (1, 16), (20, 16)}
    assert {x for x, _ in pixels} == set(range(1, 21))


def test_negative_mode_has_its_own_adducts(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", polarity="negative")
    with ImzMLParser(str(dataset.imzml_path)) as parser:
        assert parser.polarity == "negative"
    assert {row["adduct"] for row in read_truth(dataset)} == {"-H", "+Cl"}
    assert json.loads(dataset.config_path.read_text())["polarity"] == "negative"


def test_mz_can_be_single_precision(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", mz_dtype="f4")
    mzs, _ = next(iter(read_spectra(dataset).values()))
    assert np.asarray(mzs).dtype == np.float32


def test_ions_are_drawn_without_replacement(tmp_path: Path) -> None:
    dataset = simulate(tmp_path / "one.imzML", n_ions=6, formulas=FORMULAS[:2])
    ions = {(row["formula"], row["adduct"]) for row in read_truth(dataset)}
    assert len(ions) == 6


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 0}, "width is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"polarity": "both"}, "polarity is 'both'"),
        ({"analyzer": "quadrupole"}, "orbitrap, fticr, tof"),
        ({"resolving_power": 0}, "resolving_power is 0"),
        ({"n_ions": 7, "formulas": FORMULAS[:2]}, "2 formulas with adducts .* make 6"),
        ({"n_ions": 1, "formulas": ["C60"], "adducts": ["-H"]}, "make 0"),
    ],
)
def test_impossible_request_is_refused(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        simulate(tmp_path / "one.imzML", **changes)
    assert not list(tmp_path.iterdir())


def test_output_must_be_imzml(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"must end in \.imzML"):
        simulate(tmp_path / "one.ibd")


def test_stopped_simulation_leaves_nothing(tmp_path: Path) -> None:
    def stop(n_done: int, n_pixels: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "one.imzML", progress=stop)
    assert not list(tmp_path.iterdir())


def test_progress_ends_at_the_last_pixel(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    # many noise peaks make several blocks
    simulate(tmp_path / "one.imzML", n_noise_peaks=8_000, progress=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls[-1] == (320, 320)


def test_patterns_lie_on_the_tissue_except_matrix() -> None:
    section = draw_section(50, 40, np.random.default_rng(0))
    off_tissue = section.patterns["uniform"] == 0
    assert 0.2 < off_tissue.mean() < 0.6
    for name, pattern in section.patterns.items():
        assert pattern.max() == 1
        assert pattern.min() >= 0
        assert (pattern[off_tissue] > 0).any() == (name == "matrix"), name


def test_a_million_peaks_take_seconds(tmp_path: Path) -> None:
    started = time.perf_counter()
    dataset = simulate(tmp_path / "one.imzML", width=40, height=40, n_noise_peaks=600)
    assert dataset.n_peaks > 900_000
    assert time.perf_counter() - started < 20


def test_profiles_have_the_peaks_that_are_written_otherwise(tmp_path: Path) -> None:
    peaks = simulate(tmp_path / "peaks.imzML", n_noise_peaks=40)
    profile = simulate(tmp_path / "profile.imzML", n_noise_peaks=40, profile=True)
    assert "MS:1000128" in profile.imzml_path.read_text("utf-8")
    assert "MS:1000127" not in profile.imzml_path.read_text("utf-8")
    assert profile.truth_path.read_bytes() == peaks.truth_path.read_bytes()
    of_peaks, of_profile = read_spectra(peaks), read_spectra(profile)
    assert of_peaks.keys() == of_profile.keys()
    for pixel, (mz, intensity) in of_peaks.items():
        axis, height = of_profile[pixel]
        assert (np.diff(axis) > 0).all()
        nearest = np.abs(axis[:, None] - mz).argmin(axis=0)
        # a sample is at most half a step from the top; neighbours may add to it
        assert (height[nearest] > 0.98 * intensity).all()
        assert np.abs(axis[nearest] / mz - 1).max() < 2e-6
        assert (height[[0, -1]] == 0).all()
