"""Three ways to sort, and the memory ladder, in whole runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.laptop import ACIDS, Laptop, LaptopRun

SORTING = {
    "lambda": {"SegmentSpectra"},
    "map": {"SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd", "FinishSegments"},
    "fargate": {"SortSpectra"},
}


def run_record(run: LaptopRun) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run.out / "run.json").read_text("utf-8"))
    return record


ON_THE_WHOLE_RUN = {
    *("PlanRun", "PlanMerge", "FinishSegments", "BuildIons"),
    *("PlanRecalibration", "PlanAnnotation", "EstimateFdr", "PublishResults"),
}


def test_calls_on_the_whole_run_take_about_the_memory_that_was_planned(
    laptop: Laptop, tissue: Path
) -> None:
    run = laptop.annotate(tissue, [laptop.database("acids", ACIDS)], {"sort": "map"}).succeeded()
    states = run_record(run)["states"]
    (path,) = (laptop.work / "work" / "executions").glob("*/records/PublishResults/*")
    published = json.loads(path.read_text("utf-8"))
    off = {
        state: states[state]["peak_memory_mb"] / states[state]["planned_memory_mb"]
        for state in ON_THE_WHOLE_RUN & states.keys()
    }
    off["PublishResults"] = published["peak_memory_mb"] / published["planned_mb"]
    assert off.keys() == ON_THE_WHOLE_RUN
    # in a run as small as this a worker holds mostly what it held before
    assert {state: ratio for state, ratio in off.items() if not 0.4 < ratio < 2.2} == {}
    called = {call.function for call in run.result.calls if call.state in ON_THE_WHOLE_RUN}
    assert {name.rpartition("-")[2] for name in called} == {"1769"}


def segments(work: Path) -> dict[str, bytes]:
    (folder,) = (work / "results" / "segments").iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_way_of_sorting_gives_the_same_bytes(tmp_path: Path, tissue: Path) -> None:
    tables, objects = set(), []
    for way, states in SORTING.items():
        laptop = Laptop(tmp_path / way)
        run = laptop.annotate(tissue, [laptop.database("acids", ACIDS)], {"sort": way}).succeeded()
        tables.add(run.table)
        objects.append(segments(laptop.work))
        assert run.n_calls.keys() & set().union(*SORTING.values()) == states
        record = run_record(run)
        assert record["sort"]["way"] == way
        assert states <= record["states"].keys()
        assert record["dataset"]["ibd_checksum"]["verdict"] == "matches"
    assert len(tables) == 1
    assert objects[0] == objects[1] == objects[2]


def test_a_call_that_outgrows_the_largest_function_fails_with_the_memory_it_wanted(
    laptop: Laptop, tissue: Path
) -> None:
    databases = [laptop.database("acids", ACIDS)]
    run = laptop.annotate(tissue, databases, rungs_mb={"AnnotateSegments": [40, 50]})
    assert not run.outcome.succeeded
    status = run.outcome.status
    assert status.error == "Runtime.ExitError"
    assert re.search(
        r"AnnotateSegments item 0 .*the largest AnnotateSegments function has 50 MB, the plan "
        r"expected 1\d\d MB: deploy with a higher max_lambda_mb",
        run.message,
    )
    again = laptop.annotate(tissue, databases).succeeded()
    assert "SegmentSpectra" not in again.n_calls
    assert run_record(again)["states"]["AnnotateSegments"]["climbs"] == 0


def test_a_sort_that_outgrows_the_largest_function_gets_advice(
    laptop: Laptop, tissue: Path
) -> None:
    databases = [laptop.database("acids", ACIDS)]
    rungs = {"SegmentSpectra": [40, 45]}
    run = laptop.annotate(tissue, databases, {"sort": "lambda"}, rungs_mb=rungs)
    assert run.outcome.status.error == "InvalidConfig"
    assert "the largest function has 45 MB" in run.message
    other_way = laptop.annotate(tissue, databases, rungs_mb=rungs).succeeded()
    assert run_record(other_way)["sort"]["way"] == "map"


def test_a_run_says_what_it_would_cost(laptop: Laptop, tissue: Path) -> None:
    run = laptop.annotate(tissue, [laptop.database("acids", ACIDS)]).succeeded()
    record = run_record(run)
    assert record["cost"]["on_aws"] is False
    assert 0 < record["cost"]["dollars"] < 0.01
    states = record["states"].values()
    assert record["cost"]["gb_s"] == pytest.approx(sum(s["gb_s"] for s in states), abs=1e-3)
    cost = run.outcome.status.cost
    assert cost is not None
    assert cost.dollars >= record["cost"]["dollars"]
