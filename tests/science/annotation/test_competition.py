"""Competition of isobars and isotopologues for their peaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_science.annotation.annotations import rank_targets
from ionbox_science.annotation.competition import (
    EXPLAINED_SHARE,
    NOBODY,
    Competitors,
    explain_ions,
    settle,
)
from ionbox_science.annotation.ranked_database import (
    RankedDatabase,
    find_competitors,
    find_target_ions,
)
from ionbox_science.config import RunConfig
from ionbox_science.scoring.scores import IonScores, Patterns
from ionbox_science.theory.ion_rule import IonRule
from ionbox_science.theory.ions import build_ions

PPM = 3.0
STEP = 1.00335  # Da from one isotope peak to the next


def compete(*rows: tuple[str, float, float, float]) -> Competitors:
    """Annotations: name, score, m/z of the first isotope peak, counts of it; 10 % isotope peaks."""
    names, scores, mz, totals = zip(*rows, strict=True)
    first = np.array(mz)
    return Competitors(
        np.array(names, np.str_),
        np.array(scores, np.float64),
        np.stack([first, first + STEP], 1),
        np.tile(np.array([100, 10], np.float32), (len(first), 1)),
        np.array(totals, np.float32),
    )


def explain(ions: list[tuple[float, float, float]], competitors: Competitors) -> list[str]:
    """Who explains each ion of an m/z, a score, and counts; with the isotope peak if a further."""
    mz, score, total = (np.array(column, float) for column in zip(*ions, strict=True))
    found = explain_ions(mz, score, total.astype(np.float32), competitors, PPM)
    return [
        "" if by == NOBODY else f"{competitors.name[by]}{peak or ''}"
        for by, peak in zip(found.by.tolist(), found.isotope.tolist(), strict=True)
    ]


def test_of_ions_whose_first_windows_overlap_the_best_keeps_its_claim() -> None:
    one = compete(("A", 0.9, 500.0, 1000))
    ions = [(500.0025, 0.8, 1000.0), (500.0025, 0.95, 1000.0), (500.0031, 0.8, 1000.0)]
    # 5 ppm apart: windows of 3 ppm to both sides overlap; 6.2 ppm apart they do not
    assert explain(ions, one) == ["A", "", ""]


def test_an_isotope_peak_explains_what_it_should_be_a_fair_part_of() -> None:
    one = compete(("A", 0.9, 500.0, 1000))  # so its isotope peak has 100 counts
    most = 100 / EXPLAINED_SHARE
    ions = [(500.0 + STEP, 0.99, most * 0.99), (500.0 + STEP, 0.1, most * 1.01)]
    assert explain(ions, one) == ["A1", ""]


def test_an_ion_does_not_compete_with_itself_in_another_database() -> None:
    one = compete(("A", 0.9, 500.0, 1000))
    assert explain([(500.0, 0.5, 1000.0)], one) == [""]


def test_of_several_the_best_is_named() -> None:
    both = compete(("A", 0.7, 500.0, 1000), ("B", 0.9, 500.001, 1000))
    assert explain([(500.0005, 0.1, 1000.0)], both) == ["B"]


def test_who_has_lost_its_claim_takes_none_from_others() -> None:
    chain = compete(("A", 0.9, 500.0, 50), ("B", 0.8, 500.002, 50), ("C", 0.7, 500.004, 50))
    assert settle(chain, PPM).name.tolist() == ["A", "C"]


def test_isotope_peaks_of_whoever_is_left_count() -> None:
    """B is heavier by an isotope peak of A; C, an isobar of B, stays without B."""
    rows = compete(
        ("A", 0.9, 500.0, 1000), ("B", 0.8, 500.0 + STEP, 150), ("C", 0.7, 501.0045, 5000)
    )
    assert settle(rows, PPM).name.tolist() == ["A", "C"]


def test_nobody_competes_where_nothing_is_annotated() -> None:
    none = compete(("A", 0.9, 500.0, 1000)).take(np.zeros(0, np.int64))
    assert len(settle(none, PPM).name) == 0
    assert explain([(500.0, 0.5, 1.0)], none) == [""]


ION = st.tuples(st.floats(500, 500.02), st.floats(0.01, 1), st.floats(1, 1e6))


@given(st.lists(ION, min_size=1, max_size=8), st.lists(ION, min_size=1, max_size=8))
def test_explanations_are_those_of_the_rules(
    ions: list[tuple[float, float, float]], rivals: list[tuple[float, float, float]]
) -> None:
    rows = compete(*((f"R{i}", score, mz, total) for i, (mz, score, total) in enumerate(rivals)))
    found = explain(ions, rows)
    for (mz, score, total), name in zip(ions, found, strict=True):
        claims = []
        for i, (other, better, counts) in enumerate(rivals):
            if abs(mz - other) <= 1e-9 * mz:
                continue
            reach = mz * PPM * 2e-6
            if abs(mz - other) <= reach and better > score:
                claims.append((better, f"R{i}"))
            wide = abs(mz - (other + STEP)) <= reach
            if wide and 0.1 * np.float32(counts) >= EXPLAINED_SHARE * np.float32(total):
                claims.append((better, f"R{i}1"))
        best = max((score for score, _ in claims), default=None)
        assert name in {claim for score, claim in claims if score == best} or (
            not claims and not name
        )


@given(st.lists(ION, min_size=1, max_size=10))
def test_settling_leaves_somebody_and_nobody_that_another_one_explains(
    rivals: list[tuple[float, float, float]],
) -> None:
    rows = compete(*((f"R{i}", score, mz, total) for i, (mz, score, total) in enumerate(rivals)))
    left = settle(rows, PPM)
    assert len(left.name) >= 1
    again = explain_ions(left.mz[:, 0], left.score, left.total, left, PPM)
    assert (again.by == NOBODY).all()


# --- what it makes of a database ------------------------------------------------------------------

FORMULAS = ["C10H16O2", "C11H20O", "C12H24", "C9H12O3"]
TABLE = build_ions(FORMULAS, IonRule(("+H",), n_decoys=2))


def ranked(msm: dict[int, float], mz: dict[int, float], **config: Any) -> RankedDatabase:
    """Targets, by row of the formula, that were found; at m/z that the test chooses."""
    ions = np.array(sorted(TABLE.target_ion[row, 0] for row in msm), np.int32)
    of = {int(TABLE.target_ion[row, 0]): row for row in msm}
    rows = [of[ion] for ion in ions.tolist()]
    n = len(ions)
    at = np.array([[mz[row], mz[row] + STEP] for row in rows])
    score = np.array([msm[row] for row in rows])
    counts = np.full((n, 2), 1000, np.float32)
    scores = IonScores(
        ion=ions, chaos=score, spatial=np.ones(n), spectral=np.ones(n), msm=score,
        mz_error_abs=np.zeros(n), mz_error_rel=np.zeros(n),
        total_intensity=counts, min_intensity=counts, max_intensity=counts,
        mz_mean=at, mz_stddev=np.zeros((n, 2)),
    )  # fmt: skip
    first = rank_targets(TABLE, scores, "metaspace-v3")
    patterns = Patterns(at, np.tile(np.array([100, 5], np.float32), (n, 1)), np.ones(n, np.bool_))
    assert len(find_target_ions(TABLE, scores)) == n
    return RankedDatabase("acids", TABLE, scores, first, patterns)


CONFIG = RunConfig("positive", "orbitrap", 0.001, ("+H",), ppm=PPM)


def test_an_explained_target_has_fdr_1_and_says_by_whom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ionbox_science.annotation.ranked_database.COMPETITOR_FDR", 0.5)
    database = ranked({0: 0.9, 1: 0.8, 2: 0.7}, {0: 500.0, 1: 500.001, 2: 600.0})
    competitors = find_competitors([database], CONFIG)
    annotations, again = database.annotate(competitors, CONFIG)
    by_formula = dict(
        zip(
            annotations.formula.tolist(),
            zip(
                annotations.fdr.tolist(),
                annotations.fdr_alone.tolist(),
                annotations.explained_by.tolist(),
                strict=True,
            ),
            strict=True,
        )
    )
    fdr, alone, by = by_formula["C11H20O"]
    assert (fdr, by) == (1.0, "C10H16O2+H+")
    assert alone < 1
    assert by_formula["C10H16O2"][2] == by_formula["C12H24"][2] == ""
    assert by_formula["C10H16O2"][0] < 1
    assert again.fdr[1, 0] == 1


def test_without_competition_there_is_one_fdr() -> None:
    database = ranked({0: 0.9, 1: 0.8}, {0: 500.0, 1: 500.001})
    annotations, again = database.annotate(None, CONFIG)
    assert again is database.ranked
    assert annotations.fdr.tolist() == annotations.fdr_alone.tolist()
    assert set(annotations.explained_by.tolist()) == {""}


def test_a_database_competes_with_the_others_of_its_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ionbox_science.annotation.ranked_database.COMPETITOR_FDR", 0.5)
    one = ranked({0: 0.6, 2: 0.5}, {0: 500.0, 2: 700.0})
    other = ranked({1: 0.9, 3: 0.8}, {1: 500.001, 3: 800.0})
    competitors = find_competitors([one, other], CONFIG)
    annotations, _ = one.annotate(competitors, CONFIG)
    assert "C11H20O+H+" in annotations.explained_by.tolist()
