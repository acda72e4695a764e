"""What was computed once is not computed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.laptop import ACIDS, BITTERS, Laptop, LaptopRun

EVERY_RUN = {"PlanRun": 1, "PublishResults": 1}
EVERY_NEW_RUN = EVERY_RUN | {
    "BuildIons": 1,
    "PlanRecalibration": 1,
    "PlanAnnotation": 1,
    "EstimateFdr": 1,
    "RenderImages": 1,
}


@pytest.fixture(scope="module")
def used(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Laptop, LaptopRun]:
    """A laptop on which one database was run, and that run."""
    laptop = Laptop(tmp_path_factory.mktemp("used"))
    return laptop, laptop.annotate(tissue, [laptop.database("acids", ACIDS)]).succeeded()


def test_the_first_run_computes_everything(used: tuple[Laptop, LaptopRun]) -> None:
    _, first = used
    n_chunks = first.n_calls["GenerateIsotopePatterns"]
    assert first.outcome.status.reused is False
    assert first.n_calls == EVERY_NEW_RUN | {
        "SegmentSpectra": 1,
        "GenerateIsotopePatterns": n_chunks,
        "MeasureMzErrors": 1,
        "AnnotateSegments": 1,
    }


def test_an_unchanged_run_is_reused_and_says_so(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, first = used
    again = laptop.annotate(tissue, [laptop.database("acids", ACIDS)]).succeeded()
    assert again.outcome.status.reused is True
    assert again.n_calls == EVERY_RUN
    assert again.record == first.record
    assert again.table == first.table


def test_adding_a_database_computes_that_database_only(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, first = used
    databases = [laptop.database("acids", ACIDS), laptop.database("bitters", BITTERS)]
    more = laptop.annotate(tissue, databases).succeeded()
    assert more.n_calls == EVERY_NEW_RUN | {
        "GenerateIsotopePatterns": 1,
        "MeasureMzErrors": 1,
        "AnnotateSegments": 1,
    }
    assert more.record["states"]["AnnotateSegments"]["items"] == 1
    assert [row for row in more.rows if row["database"] == "acids"] == first.rows


def test_another_window_computes_scores_but_neither_segments_nor_patterns(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, first = used
    wider = laptop.annotate(tissue, [laptop.database("acids", ACIDS)], {"ppm": 2}).succeeded()
    assert wider.n_calls == EVERY_NEW_RUN | {"MeasureMzErrors": 1, "AnnotateSegments": 1}
    assert wider.outcome.status.reused is False
    assert wider.table != first.table


def test_another_instrument_computes_patterns_but_no_segments(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, first = used
    acids = laptop.database("acids", ACIDS)
    sharper = laptop.annotate(tissue, [acids], {"resolving_power": 150_000}).succeeded()
    n_chunks = first.n_calls["GenerateIsotopePatterns"]
    assert sharper.n_calls == EVERY_NEW_RUN | {
        "GenerateIsotopePatterns": n_chunks,
        "MeasureMzErrors": 1,
        "AnnotateSegments": 1,
    }


def test_ions_of_a_targeted_database_are_kept_without_computing_any_again(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, _ = used
    absent = "C9H8N5O3S"
    panel = laptop.database("panel", [*ACIDS[:12], absent])
    usual = laptop.annotate(tissue, [panel]).succeeded()
    kept = laptop.annotate(tissue, [panel], {"targeted": "auto"}).succeeded()
    assert kept.n_calls == EVERY_NEW_RUN
    assert kept.record["n_annotations"] == 13 * 3
    assert sorted({row["formula"] for row in kept.rows}) == sorted([*ACIDS[:12], absent])
    silent = [row for row in kept.rows if row["formula"] == absent]
    assert [row["msm"] for row in silent] == ["0", "0", "0"]
    found = [(row["ion"], row["msm"]) for row in kept.rows if float(row["fdr"]) < 1]
    assert {(row["ion"], row["msm"]) for row in usual.rows} <= set(found)


def test_the_same_molecules_under_another_name_compute_nothing_but_their_table(
    used: tuple[Laptop, LaptopRun], tissue: Path
) -> None:
    laptop, first = used
    renamed = laptop.annotate(tissue, [laptop.database("fats", ACIDS)]).succeeded()
    assert renamed.n_calls == EVERY_NEW_RUN
    assert [row | {"database": "acids"} for row in renamed.rows] == first.rows


def test_two_databases_of_equal_formulas_are_computed_once(laptop: Laptop, tissue: Path) -> None:
    twins = [laptop.database("one", BITTERS), laptop.database("other", BITTERS, shuffled=True)]
    run = laptop.annotate(tissue, twins).succeeded()
    assert run.n_calls["GenerateIsotopePatterns"] == run.n_calls["AnnotateSegments"] == 1
    rows = {name: [r for r in run.rows if r["database"] == name] for name in ("one", "other")}
    assert rows["one"]
    assert [row | {"database": "one"} for row in rows["other"]] == rows["one"]


def test_a_run_that_finds_nothing_succeeds_with_an_empty_table(
    laptop: Laptop, tissue: Path
) -> None:
    absent = laptop.database("absent", ["C100H50", "C90H20O2"])
    run = laptop.annotate(tissue, [absent]).succeeded()
    assert run.rows == []
    assert run.record["n_annotations"] == 0
    assert "RenderImages" not in run.n_calls
