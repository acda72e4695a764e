"""Profile spectra whose peaks ionbox picks give the annotations of the centroided dataset."""

from __future__ import annotations

from pathlib import Path

from ionbox_cloud.report.report_file import read_report

from tests.cloud_builders import simulate
from tests.end_to_end.laptop import ACIDS, WAXES, Laptop, LaptopRun


def ions_within_10_percent(run: LaptopRun) -> set[tuple[str, str]]:
    return {(row["formula"], row["adduct"]) for row in run.rows if float(row["fdr"]) <= 0.1}


def segments(laptop: Laptop, run: LaptopRun) -> dict[str, bytes]:
    folder = laptop.work / "results" / "segments" / run.record["segments_id"]
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_picked_peaks_give_the_annotations_of_the_centroids(
    laptop: Laptop, tissue: Path, tmp_path: Path
) -> None:
    formulas = sorted({*ACIDS, *WAXES})
    profile = simulate(
        laptop.root / "profile.imzML",
        formulas,
        width=16,
        height=12,
        n_ions=60,
        n_noise_peaks=60,
        profile=True,
    )
    acids = [laptop.database("acids", ACIDS)]
    of_centroids = laptop.annotate(tissue, acids).succeeded()
    of_profile = laptop.annotate(profile, acids, {"centroid": True}).succeeded()
    assert ions_within_10_percent(of_profile) == ions_within_10_percent(of_centroids)
    assert len(ions_within_10_percent(of_profile)) > 10

    n_peaks = of_centroids.record["dataset"]["n_peaks"]
    dataset = of_profile.record["dataset"]
    assert of_centroids.record["dataset"]["picked"] is None
    assert dataset["picked"]["n_spectra"] == dataset["n_spectra"] == 192
    assert dataset["picked"]["n_points"] == dataset["n_peaks"] > 10 * n_peaks
    # two peaks within a width and a half have one top
    assert 0.98 * n_peaks < dataset["picked"]["n_peaks"] <= n_peaks
    report = read_report((of_profile.out / "report.html").read_bytes())
    assert report["dataset"]["picked"] == dataset["picked"]
    assert any("ionbox picks the peaks" in warning for warning in of_profile.record["warnings"])

    # another way of sorting picks the same peaks
    other = Laptop(tmp_path / "other")
    settings = {"centroid": True, "sort": "map"}
    by_map = other.annotate(profile, [other.database("acids", ACIDS)], settings).succeeded()
    assert by_map.table == of_profile.table
    assert segments(other, by_map) == segments(laptop, of_profile)
