"""Runs of one dataset under different cuts: equal identities and bytes, nothing mixed up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.environment import FAN_OUT_VARIABLE
from ionbox_cloud.planning import comparison, fan_out, make_plan, sort_plan, work_items
from ionbox_cloud.store import Store, Stores

from tests.handlers.in_memory import (
    DATABASES,
    MAPS,
    SETTINGS,
    STATES,
    InMemoryRun,
    call,
    message_type,
)
from tests.imzml_builder import Pair

NewStores = Callable[[], Stores]
CUT_MAPS = [state for state in MAPS if state != "GenerateIsotopePatterns"]


@pytest.fixture(autouse=True)
def slow_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few peaks are much work, and starting a call is none: cuts are as those of large datasets."""
    monkeypatch.setattr(make_plan, "PEAKS_PER_SEGMENT", 60)
    monkeypatch.setattr(sort_plan, "PEAKS_PER_SPAN", 400)
    monkeypatch.setattr(sort_plan, "SORT_S_PER_PEAK", 1)
    monkeypatch.setattr(work_items, "PEAKS_PER_MERGE_ITEM", 400)
    monkeypatch.setattr(work_items, "MERGE_S_PER_PEAK", 1)
    monkeypatch.setattr(work_items, "PEAKS_PER_SCORE_ITEM", 800)
    monkeypatch.setattr(work_items, "SCORE_S_PER_PEAK", 1)
    monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_SHARD", 4 * 6 * 8)
    monkeypatch.setattr(work_items, "IMAGE_CELLS_PER_CHUNK", 6 * 8)
    monkeypatch.setattr(work_items, "DRAW_S_PER_CELL", 1)
    monkeypatch.setattr(comparison, "COMPARE_S_PER_PRODUCT", 0.1)
    monkeypatch.setattr(fan_out, "START_S", 20)


def use_workers(monkeypatch: pytest.MonkeyPatch, n_workers: int) -> None:
    monkeypatch.setenv(FAN_OUT_VARIABLE, f'{{"n_workers": {n_workers}, "express": []}}')


def new_run(stores: Stores, pair: Pair, more: Mapping[str, Any] | None = None) -> InMemoryRun:
    return InMemoryRun.of(stores, pair, DATABASES, {**SETTINGS, "sort": "map", **(more or {})})


def results_of(run: InMemoryRun) -> dict[str, bytes]:
    """Segments and results, but for what tells of the run itself."""
    results = run.stores.results
    about = ("run.json", "status.json", "report.html")
    names = [*results.list("segments"), *results.list("results")]
    return {name: results.read(name) for name in names if not name.endswith(about)}


def n_items(run: InMemoryRun) -> dict[str, int]:
    return {state: len(run.items(state)) for state in CUT_MAPS}


def identities(run: InMemoryRun) -> tuple[Any, ...]:
    plan = run.planned
    return plan.run_id, plan.segments_id, [(d.patterns_id, d.scores_id) for d in plan.databases]


def test_the_number_of_workers_changes_items_but_no_identity_and_no_byte(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    runs = []
    for n_workers in (1, 5, 788):
        use_workers(monkeypatch, n_workers)
        runs.append(new_run(new_stores(), tissue).run_all())
    few, some, many = map(n_items, runs)
    assert all(few[state] < many[state] for state in CUT_MAPS)
    assert few != some != many
    assert identities(runs[0]) == identities(runs[1]) == identities(runs[2])
    expected = results_of(runs[0])
    assert len(expected) > 20
    assert any(name.endswith("annotations.csv") for name in expected)
    assert [results_of(run) == expected for run in runs[1:]] == [True, True]


def test_what_a_minute_is_worth_changes_no_identity_and_no_byte(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    use_workers(monkeypatch, 788)
    cheap, dear = (
        new_run(new_stores(), tissue, {"dollars_per_minute": dollars}).run_all()
        for dollars in (0.001, 1000)
    )
    assert n_items(cheap) != n_items(dear)
    assert identities(cheap) == identities(dear)
    assert results_of(cheap) == results_of(dear)


def read_by(monkeypatch: pytest.MonkeyPatch, run: InMemoryRun, state: str) -> set[str]:
    """Call a state; return the keys it read whole in the work store."""
    read: set[str] = set()
    view = Store.read_view

    def noting(store: Store, key: str) -> Any:
        read.add(key)
        return view(store, key)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "read_view", noting)
        run.run(state)
    return read


@pytest.fixture(scope="module")
def kept() -> dict[int, dict[str, bytes]]:
    """Results of an undisturbed run, by the number of workers."""
    return {}


@pytest.mark.parametrize(("before", "after"), [(1, 788), (788, 1)])
@pytest.mark.parametrize("state", CUT_MAPS)
def test_an_execution_does_not_take_items_of_another_cut_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
    new_stores: NewStores,
    tissue: Pair,
    state: str,
    before: int,
    after: int,
    kept: dict[int, dict[str, bytes]],
) -> None:
    if after not in kept:
        use_workers(monkeypatch, after)
        kept[after] = results_of(new_run(new_stores(), tissue).run_all())
    expected = kept[after]
    use_workers(monkeypatch, before)
    first = new_run(new_stores(), tissue)
    first.plan()
    for each in before_map(state):
        first.run(each)
    for item in first.items(state)[:1]:
        call(state, message_type(state).from_json(item))
    use_workers(monkeypatch, after)
    second = first.again()
    second.run_all()
    assert results_of(second) == expected
    # and what the first execution goes on with is no less right
    use_workers(monkeypatch, before)
    remaining = [*STATES[STATES.index("BuildIons") :]]
    first.stores.results.delete(first.stores.results.list("results"))
    third = first.again("attempt-3")
    third.plan()
    for each in remaining:
        third.run(each)
    assert results_of(third) == expected


def before_map(state: str) -> list[str]:
    """The states that come before a Map, those of sorting by many calls among them."""
    order = ["SortSpans", "PlanMerge", "MergeSegments", "ChecksumIbd", "FinishSegments"]
    order += STATES[STATES.index("BuildIons") :]
    return order[: order.index(state)]


def test_two_executions_at_once_under_different_cuts_come_to_the_same(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    use_workers(monkeypatch, 5)
    expected = results_of(new_run(new_stores(), tissue).run_all())
    one = new_run(new_stores(), tissue)
    other = one.again()
    for run in (one, other):
        use_workers(monkeypatch, 3 if run is one else 788)
        run.plan()
    order = [*before_map("RenderImages"), *STATES[STATES.index("RenderImages") :]]
    for state in order:
        for run in (one, other):
            use_workers(monkeypatch, 3 if run is one else 788)
            run.run(state)
    assert n_items(one) != n_items(other)
    assert results_of(one) == expected


def test_finished_scores_of_another_cut_are_used_where_their_ends_meet(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    use_workers(monkeypatch, 788)
    first = new_run(new_stores(), tissue).run_before("EstimateFdr")
    assert len(first.items("AnnotateSegments")) > 4
    use_workers(monkeypatch, 1)
    second = first.again().run_before("EstimateFdr")
    assert second.items("AnnotateSegments") == []
    read = read_by(monkeypatch, second, "EstimateFdr")
    scores = {item["output_key"] for item in first.items("AnnotateSegments")}
    assert scores <= read


def test_merged_segments_of_another_cut_are_used(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    """The spans being the same, of which the number may not depend on the workers."""
    monkeypatch.setattr(sort_plan, "choose_spans", lambda job, fan: job.least_spans)
    monkeypatch.setattr(make_plan, "choose_spans", lambda job, fan: job.least_spans)
    use_workers(monkeypatch, 788)
    first = new_run(new_stores(), tissue)
    first.plan()
    for state in before_map("MergeSegments"):
        first.run(state)
    done = first.items("MergeSegments")[:-1]
    for item in done:
        call("MergeSegments", message_type("MergeSegments").from_json(item))
    use_workers(monkeypatch, 1)
    second = first.again()
    second.plan()
    for state in before_map("MergeSegments"):
        second.run(state)
    left = second.items("MergeSegments")
    assert 0 < len(left) < len(done)
    assert sum(item["stop"] - item["start"] for item in left) < second.planned.n_segments
    for state in ("MergeSegments", "ChecksumIbd", "FinishSegments"):
        second.run(state)
    assert second.stores.results.exists(keys.segments_manifest(second.planned.segments_id))
