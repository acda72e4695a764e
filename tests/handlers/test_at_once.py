"""Handlers that ask a bucket for much at once: the same results, in the order that counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import MissingOutput
from ionbox_cloud.messages import SortItem
from ionbox_cloud.planning import make_plan, sort_plan
from ionbox_cloud.storage.byte_store import ByteStore
from ionbox_cloud.storage.side_by_side import AT_ONCE
from ionbox_cloud.store import Stores

from tests.handlers.in_memory import DATABASES, SETTINGS, InMemoryRun, call
from tests.imzml_builder import Pair

NewRun = Callable[..., InMemoryRun]
MOMENT_S = 0.02  # as long as a write waits for what must not be written meanwhile

SAME = ("annotations.csv", "/ion_images.zarr/", "/diagnostics/", "segments/", "spectrum_index.npz")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stores in memory be asked as buckets are."""
    monkeypatch.setattr(ByteStore, "at_once", AT_ONCE)


def results_of(stores: Stores) -> dict[str, bytes]:
    names = stores.results.list("")
    return {key: stores.results.read(key) for key in names if any(part in key for part in SAME)}


@pytest.mark.parametrize("way", ["lambda", "map"])
def test_results_are_the_same(
    new_stores: Callable[[], Stores],
    tissue: Pair,
    way: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(make_plan, "PEAKS_PER_SEGMENT", 300)
    monkeypatch.setattr(sort_plan, "PEAKS_PER_SPAN", 300)
    ordered = {**SETTINGS, "sort": way}
    one_by_one = InMemoryRun.of(new_stores(), tissue, DATABASES, ordered).run_all()
    request.getfixturevalue("at_once")
    together = InMemoryRun.of(new_stores(), tissue, DATABASES, ordered).run_all()
    assert results_of(together.stores) == results_of(one_by_one.stores)
    assert len(results_of(together.stores)) > len(SAME)


@pytest.mark.usefixtures("at_once", "many_images")
@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("GenerateIsotopePatterns", "PlanRecalibration"),
        ("MeasureMzErrors", "PlanAnnotation"),
        ("AnnotateSegments", "EstimateFdr"),
        ("RenderImages", "PublishResults"),
        ("CompareImages", "PublishResults"),
    ],
)
def test_of_an_item_that_left_nothing_it_is_said_first(
    run: InMemoryRun, state: str, after: str
) -> None:
    run.run_before(state)
    with pytest.raises(MissingOutput, match=f"^{state} item 0 "):
        run.run(after)


@pytest.mark.usefixtures("at_once")
def test_of_a_span_that_is_not_sorted_it_is_said_first(new_run: NewRun) -> None:
    run = new_run({**SETTINGS, "sort": "map"})
    run.plan()
    with pytest.raises(MissingOutput, match=r"^SortSpans item 0 "):
        run.run("PlanMerge")
    for each in run.items("SortSpans"):
        call("SortSpans", SortItem.from_json(each))
    run.run("PlanMerge")
    with pytest.raises(MissingOutput, match=r"^MergeSegments item 0 "):
        run.run("FinishSegments")


class Writes:
    """What is written: each object waits a moment for those that must come after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: Sequence[str]) -> None:
        self.last = last
        self.begun: list[str] = []
        self.under_way: dict[str, list[str]] = {}
        self._open: set[str] = set()
        self._lock = threading.Lock()
        self._named = threading.Event()
        for name in ("write", "write_whole"):
            monkeypatch.setattr(ByteStore, name, self._around(getattr(ByteStore, name)))

    def _around(self, write: Callable[..., None]) -> Callable[..., None]:
        def wrapped(store: ByteStore, key: str, data: Any) -> None:
            is_last = key in self.last
            with self._lock:
                self.begun.append(key)
                if is_last:
                    self.under_way[key] = sorted(self._open)
                    self._named.set()
                self._open.add(key)
            if not is_last:
                self._named.wait(MOMENT_S)
            write(store, key, data)
            with self._lock:
                self._open.remove(key)

        return wrapped


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("state", ["SegmentSpectra", "EstimateFdr", "PublishResults"])
def test_what_names_others_is_written_after_them(
    run: InMemoryRun, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run_before(state)
    plan, execution_id = run.planned, run.execution_id
    last = {
        "SegmentSpectra": keys.segments_manifest(plan.segments_id),
        "EstimateFdr": keys.published_files(execution_id, "EstimateFdr", 0),
        "PublishResults": keys.results(plan.dataset_id, plan.run_id, "run.json"),
    }[state]
    writes = Writes(monkeypatch, [last])
    run.run(state)
    assert writes.under_way == {last: []}
    before = writes.begun[: writes.begun.index(last)]
    assert len(before) >= 2


@pytest.mark.usefixtures("at_once")
def test_a_plan_is_written_after_what_it_names(
    run: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = keys.run_plan(run.execution_id)
    writes = Writes(monkeypatch, [last])
    run.plan()
    assert writes.under_way == {last: []}
    named = {keys.header(run.planned.segments_id), keys.mask(run.planned.segments_id)}
    named |= {keys.database(database.content_id) for database in run.planned.databases}
    assert named <= set(writes.begun[: writes.begun.index(last)])
