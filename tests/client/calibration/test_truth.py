"""Annotations against what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ionbox.calibration.truth import (
    Annotation,
    Counts,
    Truth,
    count,
    read_annotations,
    read_truth,
    without_competition,
)

from tests.builders import ORBITRAP

TRUTH = Truth(
    ions=frozenset({"C6H13O6", "C6H12NaO6", "C6H11O5"}),
    seen=frozenset({"C6H13O6", "C6H12NaO6"}),
    peaks=np.array([163.0601, 181.0707, 182.0741, 203.0526]),
)


def test_right_wrong_kin_and_missed_ones_are_counted() -> None:
    annotations = [
        Annotation("C6H13O6", 181.0707, 0.01),  # right
        Annotation("C6H11O5", 163.0601, 0.02),  # right, and not the database's
        Annotation("C5H9O8", 182.0746, 0.04),  # an isotope peak of the first
        Annotation("C9H9O5", 197.0445, 0.04),  # nothing
        Annotation("C6H12NaO6", 203.0526, 0.3),  # too late
    ]
    assert count(annotations, TRUTH, 0.05, 3) == Counts(
        n=4, n_wrong=2, n_kin=1, n_found=1, n_seen=2
    )
    assert count(annotations, TRUTH, 0.5, 3) == Counts(n=5, n_wrong=2, n_kin=1, n_found=2, n_seen=2)
    assert count([], TRUTH, 0.5, 3) == Counts(n=0, n_wrong=0, n_kin=0, n_found=0, n_seen=2)


@pytest.mark.parametrize(("ppm", "is_kin"), [(1, 0), (3, 1)])
def test_kin_are_those_whose_windows_overlap(ppm: float, is_kin: int) -> None:
    wrong = [Annotation("C5H9O8", 182.0741 * (1 + 5e-6), 0.0)]
    assert count(wrong, TRUTH, 0.05, ppm).n_kin == is_kin


def test_fdr_without_competition_is_taken_where_the_table_has_it() -> None:
    rows = [Annotation("A", 1.0, 0.02, 0.01), Annotation("B", 1.0, 1.0, 0.03)]
    alone = without_competition(rows)
    assert alone is not None
    assert [each.fdr for each in alone] == [0.01, 0.03]
    assert without_competition([Annotation("A", 1.0, 0.0)]) is None
    assert without_competition([]) is None


@pytest.mark.parametrize("more", [False, True])
def test_tables_are_read(tmp_path: Path, more: bool) -> None:
    heads = "formula,adduct,chemMod,neutralLoss,ion,mz,fdr" + ",fdrAlone" * more
    rows = ["C6H12O6,M+Na,,,C6H12O6+Na+,203.05261,0.05" + ",0.01" * more]
    rows.append("C6H12O6,M+H,+C,-H2O,C7H10O5+H+,175.0601,0.2" + "," * more)
    path = tmp_path / "annotations.csv"
    path.write_text("\n".join(["# ionbox", heads, *rows, ""]))
    first, second = read_annotations(path)
    assert first == Annotation("C6H12O6Na", 203.05261, 0.05, 0.01 if more else None)
    assert second == Annotation("C7H11O5", 175.0601, 0.2, None)


@pytest.mark.parametrize("kinds", [False, True])
def test_truth_is_read_whether_plain_or_not(tmp_path: Path, kinds: bool) -> None:
    heads = "ion,mz,n_pixels" + ",kind,line_ppm" * kinds
    rows = ["C6H13O6,181.0707,40", "C6H12NaO6,203.0526,0", "C6H11O5,163.0601,9"]
    if kinds:
        more = (",target,-0.5", ",target,0.5", ",loss,-1")
        rows = [row + cells for row, cells in zip(rows, more, strict=True)]
    path = tmp_path / "truth.csv"
    path.write_text("\n".join([heads, *rows, ""]))
    truth = read_truth(path, ORBITRAP)
    assert truth.ions == {"C6H13O6", "C6H12NaO6", "C6H11O5"}
    assert truth.seen == ({"C6H13O6"} if kinds else {"C6H13O6", "C6H11O5"})
    assert (np.abs(truth.peaks - 181.0707) < 0.001).any()  # of glucose
    assert not (np.abs(truth.peaks - 203.0526) < 0.01).any()  # no pixel shows it
    assert (np.diff(truth.peaks) > 0).all()
    assert truth.line.tolist() == ([[181.0707, -0.5]] if kinds else [])
