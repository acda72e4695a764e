"""Seeds are pooled, intervals are right, and what is written says the same."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox.calibration.difficulty import Difficulty, IonFigures
from ionbox.calibration.figures import (
    COLUMNS,
    summarise_difficulty,
    summarise_lines,
    write_json,
    write_table,
)
from ionbox.calibration.page import make_page, words_of_share
from ionbox.calibration.pooling import FEWEST_SEEDS, Share, pool, wilson
from ionbox.calibration.scenarios import Scenario
from ionbox.calibration.trials import LineErrors, Trial
from ionbox.calibration.truth import LEVELS, Counts

SOME = IonFigures(*(np.array([0.2, 0.4, 0.6]) for _ in range(7)))
NONE = IonFigures(*(np.zeros(0) for _ in range(7)))


def trial(seed: int, n_wrong: int, n: int = 20, *, name: str = "a", kept: bool = False) -> Trial:
    counts = {level: Counts(n, n_wrong, n_wrong // 2, n - n_wrong, 40) for level in LEVELS}
    fewer = {level: Counts(n - 5, 0, 0, n - n_wrong, 40) for level in LEVELS}
    return Trial(name, "msm", seed, counts, fewer if kept else {}, Difficulty(SOME, NONE))


def test_seeds_are_pooled_by_annotations_not_averaged() -> None:
    row, *_ = pool([trial(1, 1, 10), trial(2, 9, 30)])
    assert (row.n_seeds, row.n_annotations) == (2, 40)
    assert row.wrong.value == 10 / 40
    assert row.noise.value == (10 - 4) / (40 - 4)
    assert row.recall.value == (9 + 21) / 80
    assert row.alone is None
    assert row.interval == "wilson"


def test_scenarios_and_levels_come_in_order() -> None:
    rows = list(pool([trial(1, 1, name="b"), trial(1, 2, name="a"), trial(2, 3, name="b")]))
    assert [(row.scenario, row.claimed) for row in rows] == [
        (name, level) for name in "ba" for level in LEVELS
    ]


def test_from_some_seeds_on_the_interval_is_how_much_they_differ() -> None:
    alike = [trial(seed, 4) for seed in range(FEWEST_SEEDS)]
    row, *_ = pool(alike)
    assert row.interval == "bootstrap"
    assert (row.wrong.low, row.wrong.value, row.wrong.high) == (0.2, 0.2, 0.2)
    unlike = [trial(seed, wrong) for seed, wrong in enumerate((0, 2, 4, 6, 8))]
    wide, *_ = pool(unlike)
    assert wide.wrong.value == 0.2
    assert 0.02 < wide.wrong.low < 0.15 < 0.25 < wide.wrong.high < 0.38
    assert wide == next(pool(unlike))


def test_competition_is_pooled_where_tables_have_it() -> None:
    row, *_ = pool([trial(1, 4, kept=True), trial(2, 4, kept=True)])
    assert row.alone is not None
    assert row.alone_recall is not None
    assert (row.wrong.value, row.alone.value) == (0.2, 0)
    assert row.alone_recall.value == row.recall.value


def test_without_annotations_there_is_no_share() -> None:
    row, *_ = pool([trial(1, 0, 0)])
    assert math.isnan(row.wrong.value)
    assert row.recall.value == 0
    assert words_of_share(row.wrong) == "–"


def test_wilson_has_published_values() -> None:
    """Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share(total: int, part: float) -> None:
    hits = round(total * part)
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total + 1e-12
    assert hits / total - 1e-12 <= high <= 1


def test_table_has_all_columns_and_what_is_missing_is_empty() -> None:
    trials = [trial(1, 1), trial(1, 0, 0, name="none"), trial(1, 1, name="kept", kept=True)]
    rows = list(csv.DictReader(io.StringIO(write_table(pool(trials))), delimiter="\t"))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 * len(LEVELS)
    first, none, kept = rows[:: len(LEVELS)]
    assert (first["wrong"], first["recall"], first["alone"]) == ("0.0500", "0.4750", "")
    assert (none["wrong"], none["wrong_low"]) == ("", "")
    assert kept["alone"] == "0.0000"


def test_json_has_every_seed() -> None:
    value = json.loads(write_json([Scenario("a")], [trial(1, 1), trial(2, 3)]))
    assert [(each["seed"], each["counts"]["0.05"]["n_wrong"]) for each in value["trials"]] == [
        (1, 1),
        (2, 3),
    ]
    (scenario,) = value["scenarios"]
    assert scenario["database"] == "lipids"
    assert scenario["simulate"]["n_ions"] == 200
    (hard,) = value["difficulty"]
    assert (hard["msm"], hard["mz_error_width_ppm"], hard["decoy_spatial"]) == (0.4, 0.3, 0)


def test_lines_are_pooled_by_their_squares() -> None:
    first, second = (
        replace(trial(seed, 1), line=LineErrors(planted, left))
        for seed, planted, left in ((1, 0.6, 0.0), (2, 0.8, 0.2))
    )
    assert summarise_lines([trial(3, 1)]) == {}
    (errors,) = summarise_lines([first, second]).values()
    assert errors.planted_ppm == pytest.approx(0.5**0.5)
    assert errors.left_ppm == pytest.approx(0.02**0.5)
    text = "".join(parse(page_of([first, second])).itertext())
    assert "left by the run0.14" in text
    value = json.loads(write_json([], [first, trial(3, 1)]))
    assert [each["mz_line"] for each in value["trials"]] == [
        {"planted_ppm": 0.6, "left_ppm": 0.0},
        None,
    ]


def parse(page: str) -> ET.Element:
    """Read the page as XML, which it is but for the elements without an end."""
    text = re.sub(r"<(meta|link)\b([^>]*)>", r"<\1\2/>", page.partition("\n")[2])
    return ET.fromstring(text)


def page_of(trials: Sequence[Trial], title: str = "Calibration") -> str:
    return make_page(
        title, list(pool(trials)), summarise_difficulty(trials), summarise_lines(trials)
    )


def test_page_has_a_chart_and_a_table_of_each_scenario() -> None:
    root = parse(page_of([trial(1, 1), trial(1, 2, name="b", kept=True)]))
    sections = root.findall(".//section")
    assert [section.get("aria-label") for section in sections] == ["a", "b"]
    for section in sections:
        charts = section.findall(".//svg[@role='img']")
        assert [chart.get("aria-label") for chart in charts] == [
            f"{section.get('aria-label')}: observed against claimed FDR",
            f"{section.get('aria-label')}: recall against claimed FDR",
        ]
        for chart in charts:
            for mark in chart.iter("circle"):
                assert 0 <= float(mark.get("cy", "nan")) <= 250
    text = "".join(sections[0].itertext())
    assert "5.0% (0.9%–23.6%)" in text
    assert "no competition" not in text
    assert "no competition" in "".join(sections[1].itertext())


def test_page_asks_for_nothing_and_runs_nothing() -> None:
    page = page_of([trial(1, 1)])
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "default-src 'none'; style-src 'sha256-" in page


def test_names_are_no_markup() -> None:
    hostile = replace(trial(1, 1), scenario='<b>"%TITLE%', variant="<script>alert(1)</script>")
    page = page_of([hostile], title="<i>%STYLE%")
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    (section,) = parse(page).findall(".//section")
    assert section.get("aria-label") == '<b>"%TITLE%'


def test_page_without_any_annotation_has_no_numbers() -> None:
    page = page_of([trial(1, 0, 0)])
    assert "nan" not in page
    assert parse(page) is not None


def test_words() -> None:
    assert words_of_share(Share(0.1, 0.05, 0.2)) == "10.0% (5.0%–20.0%)"
    assert words_of_share(None) == "–"
