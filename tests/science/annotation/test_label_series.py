"""Molecules with and without isotope labels: which belong together, which share is labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.annotation.annotations import Annotations
from ionbox_science.annotation.label_series import (
    LabelSeries,
    find_label_series,
    measure_label_fraction,
    natural_overlap,
    split_labels,
)
from ionbox_science.theory.formulas import build_ion_formula
from ionbox_science.theory.isotope_patterns import generate_patterns

from tests.builders import ORBITRAP, build_annotations

GLUCOSE = "C6H12O6"


def annotated(*formulas: str, adduct: str = "+H", **more: Any) -> Annotations:
    return build_annotations(
        [
            {
                "formula": formula,
                "adduct": adduct,
                "ion_formula": build_ion_formula(formula, adduct),
                **more,
            }
            for formula in formulas
        ]
    )


def patterns(*formulas: str) -> tuple[np.ndarray, np.ndarray]:
    return generate_patterns([build_ion_formula(f, "+H") for f in formulas], ORBITRAP)


def draw(amounts: np.ndarray, mz: np.ndarray, abundance: np.ndarray, ppm: float = 3) -> np.ndarray:
    """Return first isotope images of amounts of molecules, with what others put into windows."""
    images = np.zeros(amounts.shape)
    for ion in range(len(mz)):
        for other in range(len(mz)):
            for peak, share in zip(mz[other], abundance[other], strict=True):
                if abs(peak - mz[ion, 0]) <= mz[ion, 0] * ppm * 1e-6:
                    images[ion] += amounts[other] * share / abundance[other].sum()
    return images.astype(np.float32)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("C6H12O6", ("C6H12O6", "", 0)),
        ("Cx6H12O6", ("C6H12O6", "Cx", 6)),
        ("CCx5H12O6", ("C6H12O6", "Cx", 5)),
        ("C5Hx3H6NxO2S", ("C5H9NO2S", "NxHx", 4)),
        ("Sx", ("S", "Sx", 1)),
        ("XeF2", ("F2Xe", "", 0)),
    ],
)
def test_labels_become_elements(formula: str, expected: tuple[str, str, int]) -> None:
    assert split_labels(formula) == expected


def test_a_molecule_and_its_labelled_forms_are_a_series_across_databases() -> None:
    (series,) = find_label_series(
        [
            annotated(GLUCOSE, "C7H14O6"),
            annotated("Cx6H12O6", "C3Cx3H12O6", "Cx7H14O6", adduct="+H"),
        ]
    )[:1]
    assert series == LabelSeries(
        *(GLUCOSE, "", "", "+H", "Cx"),
        (GLUCOSE, "C3Cx3H12O6", "Cx6H12O6"),
        ("C6H13O6", "C3H13O6Cx3", "H13O6Cx6"),
        0.1,
    )


def test_other_adducts_and_other_labels_are_series_of_their_own() -> None:
    found = find_label_series(
        [
            annotated("C2H5NO2", "Cx2H5NO2", "C2H5NxO2", "Cx2H5NxO2", fdr=0.2),
            annotated("C2H5NO2", "Cx2H5NO2", adduct="+Na"),
            annotated("Cx3H7NO2"),  # only with labels
            annotated("C4H9NO2"),  # only without
            annotated("C2H5NO2", "C2H5NO2", fdr=0.05),  # again: the better one counts
        ]
    )
    assert [(each.adduct, each.label, each.formulas[1:]) for each in found] == [
        ("+H", "Cx", ("Cx2H5NO2",)),
        ("+H", "CxNx", ("Cx2H5NxO2",)),
        ("+H", "Nx", ("C2H5NxO2",)),
        ("+Na", "Cx", ("Cx2H5NO2",)),
    ]
    assert [each.fdr for each in found] == [0.2, 0.2, 0.2, 0.1]


def test_there_are_no_series_without_labels() -> None:
    assert find_label_series([annotated(GLUCOSE, "XeF2"), annotated()]) == []


def test_a_fraction_is_labelled_over_all() -> None:
    mz, abundance = patterns(GLUCOSE, "Cx6H12O6")
    amounts = np.array([[[300.0, 0, 50, 0]], [[100.0, 20, 0, 0]]])
    found = measure_label_fraction(draw(amounts, mz, abundance), mz, abundance, 3)
    np.testing.assert_allclose(found.image, [[0.25, 1, 0, np.nan]], atol=1e-6)
    assert found.image.dtype == np.float32
    assert found.n_pixels == 3
    assert found.mean == pytest.approx(1.25 / 3)
    assert found.overall == pytest.approx(120 / 470)


def test_what_nature_puts_into_the_window_of_a_label_is_taken_off() -> None:
    mz, abundance = patterns(GLUCOSE, "C5CxH12O6", "C4Cx2H12O6")
    leaked = natural_overlap(mz, abundance, 3)
    assert leaked[1, 0] == pytest.approx(6 * 0.0107 / 0.9893, rel=0.02)
    assert leaked[2, 1] == pytest.approx(5 * 0.0107 / 0.9893, rel=0.02)
    assert leaked[0, 1] == leaked[0, 2] == leaked[1, 1] == 0
    amounts = np.zeros((3, 1, 3))
    amounts[0] = 1000.0, 600, 0
    amounts[2] = 0.0, 400, 10
    images = draw(amounts, mz, abundance)
    assert images[1, 0, 0] > 60  # although there is no label
    found = measure_label_fraction(images, mz, abundance, 3)
    np.testing.assert_allclose(found.image, [[0, 0.4, 1]], atol=1e-3)


def test_nothing_at_all_has_no_fraction() -> None:
    mz, abundance = patterns(GLUCOSE, "Cx6H12O6")
    found = measure_label_fraction(np.zeros((2, 3, 4), np.float32), mz, abundance, 3)
    assert np.isnan(found.image).all() and np.isnan([found.mean, found.overall]).all()
    assert found.n_pixels == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_planted_amounts_come_back(seed: int, n_labelled: int) -> None:
    random = np.random.default_rng(seed)
    labels = [f"C{6 - n}Cx{n}H12O6" if n < 6 else "Cx6H12O6" for n in range(1, n_labelled + 1)]
    mz, abundance = patterns(GLUCOSE, *labels)
    amounts = np.floor(1e6 * random.random((1 + n_labelled, 3, 4)))
    amounts *= random.random(amounts.shape) < 0.7
    found = measure_label_fraction(draw(amounts, mz, abundance), mz, abundance, 3)
    total = amounts.sum(axis=0)
    assert (np.isnan(found.image) == (total == 0)).all()
    there = total > 0
    expected = amounts[1:].sum(axis=0)[there] / total[there]
    # of the third natural isotope peak on, patterns know only the four best
    np.testing.assert_allclose(found.image[there], expected, atol=2e-3)
