"""A molecule annotated with and without labels: its fraction, from the dataset to the page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import ionbox
import numpy as np
import pytest
from ionbox.errors import DamagedResults, NotInResults
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP, draw_blob, join_peaks, plant_ion
from tests.end_to_end.laptop import Laptop, LaptopRun
from tests.imzml_builder import build_pair

HEIGHT, WIDTH = 12, 14
NATURAL, LABELLED, HALF = "C16H32O2", "Cx16H32O2", "C8Cx8H32O2"
OTHERS = ["C18H34O2", "C20H38O2", "Cx18H34O2"]  # the first without labels is not there


def planted_fraction() -> tuple[np.ndarray, np.ndarray]:
    """Amounts of the molecule, and which share of it is labelled: none on the left, all right."""
    amount = np.floor(draw_blob(HEIGHT, WIDTH, 6, 7, 6) * 100)
    share = np.broadcast_to(np.linspace(0, 1, WIDTH), amount.shape)
    return amount, share


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LaptopRun:
    laptop = Laptop(tmp_path_factory.mktemp("labels"))
    amount, share = planted_fraction()
    images = {
        NATURAL: amount * (1 - share),
        LABELLED: amount * share * 0.75,
        HALF: amount * share * 0.25,
        OTHERS[2]: amount,
    }
    parts = [plant_ion(([60.0, 900.0], [1.0, 1.0]), np.ones((HEIGHT, WIDTH)))]
    for formula, image in images.items():
        mz, abundance = generate_patterns([build_ion_formula(formula, "+H")], ORBITRAP)
        parts.append(plant_ion((mz[0], 100 * abundance[0] / abundance[0].sum()), image))
    peaks = join_peaks(parts)
    spectra = [
        (peaks.mz[peaks.pixel == pixel], peaks.intensity[peaks.pixel == pixel])
        for pixel in range(HEIGHT * WIDTH)
    ]
    places = [(1 + pixel % WIDTH, 1 + pixel // WIDTH) for pixel in range(HEIGHT * WIDTH)]
    pair = build_pair(spectra, places)
    imzml = laptop.root / "labels.imzML"
    imzml.write_bytes(pair.source)
    imzml.with_suffix(".ibd").write_bytes(pair.ibd)
    # as they come: what is known already, and a table of what was fed
    plain = laptop.database("plain", [NATURAL, *OTHERS[:2]])
    fed = laptop.database("fed", [LABELLED, HALF, OTHERS[2]])
    settings = {"adducts": ["+H"], "isocalc_sigma": ORBITRAP.sigma, "resolving_power": None}
    return laptop.annotate(imzml, [plain, fed], settings).succeeded()


def test_the_fraction_is_what_was_planted(run: LaptopRun) -> None:
    found = ionbox.open(run.out)
    table = found.label_fractions()
    assert len(table) == 1
    row = table.iloc[0]
    assert row[["formula", "adduct", "label", "ion"]].tolist() == [
        *(NATURAL, "+H", "Cx", f"{NATURAL}+H+")
    ]
    assert row["labelledIons"] == [f"{HALF}+H+", f"{LABELLED}+H+"]
    amount, share = planted_fraction()
    image = found.label_fraction_image(NATURAL, "+H")
    assert image.dtype == np.float32
    there = amount > 0
    np.testing.assert_allclose(image[there], share[there], atol=2e-3)
    assert np.isnan(image[~there]).all()
    assert row["pixels"] == there.sum()
    assert row["meanFraction"] == pytest.approx(share[there].mean(), abs=2e-3)
    assert row["overallFraction"] == pytest.approx((amount * share).sum() / amount.sum(), abs=2e-3)
    np.testing.assert_array_equal(found.label_fraction_image(LABELLED, "M+H", label="Cx"), image)
    with pytest.raises(NotInResults, match=r"not annotated both with isotope labels and without"):
        found.label_fraction_image(OTHERS[2], "+H")
    with pytest.raises(NotInResults, match=r"not annotated both with Nx and without"):
        found.label_fraction_image(NATURAL, "+H", label="Nx")


def test_table_and_images_are_files_of_the_results(run: LaptopRun) -> None:
    lines = (run.out / "label_fractions.csv").read_text("utf-8").splitlines()
    assert lines[1] == (
        "formula,adduct,chemMod,neutralLoss,label,ion,labelledIons,fdr,meanFraction,"
        "overallFraction,pixels"
    )
    assert lines[2].startswith(f'{NATURAL},M+H,,,Cx,{NATURAL}+H+,"{HALF}+H+, {LABELLED}+H+",')
    files = run.record["files"]
    assert {"label_fractions.csv", "ion_images.zarr/label_fractions/c/0/0/0"} <= files.keys()


def test_a_lost_fraction_is_never_read_as_zeros(run: LaptopRun, tmp_path: Path) -> None:
    copy = shutil.copytree(run.out, tmp_path / "results")
    (copy / "ion_images.zarr" / "label_fractions" / "c" / "0" / "0" / "0").unlink()
    with pytest.raises(DamagedResults, match=r"ion_images\.zarr is not whole"):
        ionbox.open(copy).label_fraction_image(NATURAL, "+H")


def test_the_page_has_the_fraction(run: LaptopRun) -> None:
    page = (run.out / "report.html").read_text("utf-8")
    (block,) = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page)
    (described,) = json.loads(block)["labelFractions"]
    assert described["ions"][0] == f"{NATURAL}+H+"
    assert described["label"] == "Cx" and described["image"]
    assert described["mean"] == pytest.approx(
        ionbox.open(run.out).label_fractions().meanFraction[0]
    )
