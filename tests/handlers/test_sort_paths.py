"""Three ways to sort a dataset into segments, by their handlers."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ionbox.local.functions import IONBOX
from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject, MissingOutput
from ionbox_cloud.messages import MergeItem, SortItem
from ionbox_cloud.planning import make_plan, sort_plan, work_items
from ionbox_cloud.store import Store, Stores
from ionbox_cloud.stored import dataset
from ionbox_cloud.stored.segments import SegmentReader
from ionbox_cloud.stored.sorted_spans import SpanReader
from ionbox_science.errors import InvalidConfig, InvalidDataset

from tests.handlers.in_memory import DATABASES, SETTINGS, SORT_BY_MANY, InMemoryRun, call, step_of
from tests.imzml_builder import Pair, build_pair

WAYS = ("lambda", "map", "fargate")
SORT = runpy.run_path(str(IONBOX.handlers / "sort_spectra" / "task.py"))["main"].__wrapped__

NewStores = Callable[[], Stores]


def plan_sort(new_stores: NewStores, pair: Pair, way: str) -> InMemoryRun:
    """Plan a run on empty stores."""
    run = InMemoryRun.of(new_stores(), pair, DATABASES, {**SETTINGS, "sort": way})
    run.plan()
    assert run.answers["PlanRun"]["sort"]["way"] == way
    return run


def sort(run: InMemoryRun, way: str, memory_mb: int = 4096) -> InMemoryRun:
    """Make the segments of a planned run."""
    if way == "lambda":
        run.run("SegmentSpectra")
    elif way == "map":
        run.sort_by_many()
    else:
        SORT(run.ref, run.stores, memory_mb)
    return run


def segment_objects(run: InMemoryRun) -> dict[str, bytes]:
    results, folder = run.stores.results, keys.segments(run.planned.segments_id)
    found = {key.removeprefix(folder): results.read(key) for key in results.list(folder)}
    assert "/manifest.json" in found
    return found


def cut_small(monkeypatch: pytest.MonkeyPatch, segment: int, span: int, item: int) -> None:
    """Cut even a small dataset into many segments, spans and items, by numbers of peaks."""
    monkeypatch.setattr(make_plan, "PEAKS_PER_SEGMENT", segment)
    monkeypatch.setattr(sort_plan, "PEAKS_PER_SPAN", span)
    monkeypatch.setattr(work_items, "PEAKS_PER_MERGE_ITEM", item)


def test_all_ways_write_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair
) -> None:
    @settings(max_examples=10)
    @given(st.integers(30, 700), st.integers(30, 900), st.integers(1, 1000))
    def check(per_segment: int, per_span: int, per_item: int) -> None:
        cut_small(monkeypatch, per_segment, per_span, per_item)
        found = [segment_objects(sort(plan_sort(new_stores, tissue, way), way)) for way in WAYS]
        assert found[0] == found[1] == found[2]
        assert len(found[0]) >= 4

    check()


@pytest.fixture
def by_many(monkeypatch: pytest.MonkeyPatch, new_stores: NewStores, tissue: Pair) -> InMemoryRun:
    """A run planned to be sorted by many calls: 5 spans or more, as many segments."""
    cut_small(monkeypatch, 300, 300, 500)
    run = plan_sort(new_stores, tissue, "map")
    assert len(run.items("SortSpans")) >= 5
    return run


def test_sorted_runs_and_merged_segments_are_not_made_again(by_many: InMemoryRun) -> None:
    n_spans = len(by_many.items("SortSpans"))
    item = SortItem.from_json(by_many.items("SortSpans")[1])
    call("SortSpans", item)
    again = by_many.again()
    again.plan()
    assert (
        len(again.items("SortSpans")) == n_spans - 1 == again.answers["PlanRun"]["sort"]["n_items"]
    )
    for state in ("SortSpans", "PlanMerge"):
        again.run(state)
    merge = [MergeItem.from_json(each) for each in again.items("MergeSegments")]
    call("MergeSegments", merge[0])
    third = by_many.again("attempt-3")
    third.plan()
    assert third.items("SortSpans") == []
    third.run("PlanMerge")
    assert len(third.items("MergeSegments")) == len(merge) - 1
    for state in ("MergeSegments", "ChecksumIbd", "FinishSegments"):
        third.run(state)
    assert third.again("attempt-4").plan().sort.way == "reuse"


@pytest.mark.parametrize(
    ("state", "after", "item"),
    [
        ("SortSpans", "PlanMerge", r"sort of spectra \d+-\d+"),
        ("MergeSegments", "FinishSegments", r"segments \d+-\d+"),
    ],
)
def test_a_missing_part_stops_the_sort(
    by_many: InMemoryRun, state: str, after: str, item: str
) -> None:
    for each in SORT_BY_MANY[: SORT_BY_MANY.index(state)]:
        by_many.run(each)
    first, *_ = by_many.items(state)
    kind = SortItem if state == "SortSpans" else MergeItem
    call(state, kind.from_json(first))
    with pytest.raises(MissingOutput, match=rf"{state} item 1 \({item}\) ended without output"):
        by_many.run(after)


@pytest.mark.parametrize("way", WAYS)
def test_a_small_ibd_in_a_bucket_is_read_once(
    new_stores: NewStores, tissue: Pair, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[int] = []
    read = Store.read_range

    def counting(store: Store, key: str, offset: int, n_bytes: int) -> memoryview:
        if key.endswith(".ibd"):
            requests.append(n_bytes)
        return read(store, key, offset, n_bytes)

    monkeypatch.setattr(Store, "read_range", counting)
    monkeypatch.setattr(Store, "is_remote", True)
    monkeypatch.setattr(Store, "ask_head", lambda *_: None)
    found = []
    for small_bytes in (0, len(tissue.ibd)):
        monkeypatch.setattr(dataset, "SMALL_BYTES", small_bytes)
        run = plan_sort(new_stores, tissue, way)
        requests.clear()
        found.append((segment_objects(sort(run, way)), len(requests)))
    (segments, n_of_large), (others, n_of_small) = found
    assert segments == others
    # many calls sort it in one span, and one more reads it for its checksum
    assert n_of_small == (2 if way == "map" else 1) < n_of_large
    assert sum(requests) <= n_of_small * len(tissue.ibd)


def test_a_span_in_a_bucket_is_read_once_however_large(
    by_many: InMemoryRun, tissue: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_bytes: list[int] = []
    read = Store.read_range

    def counting(store: Store, key: str, offset: int, n: int) -> memoryview:
        n_bytes.append(n if key.endswith(".ibd") else 0)
        return read(store, key, offset, n)

    monkeypatch.setattr(Store, "read_range", counting)
    monkeypatch.setattr(dataset, "SMALL_BYTES", 0)
    by_many.run("SortSpans")
    assert sum(n_bytes) == pytest.approx(2 * len(tissue.ibd), rel=0.1)  # a file costs nothing
    n_bytes.clear()
    monkeypatch.setattr(Store, "is_remote", True)
    by_many.run("SortSpans")
    assert sum(n_bytes) == pytest.approx(len(tissue.ibd), rel=0.1)


@pytest.fixture
def to_merge(
    by_many: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> tuple[InMemoryRun, MergeItem]:
    """The same, up to an item that merges several segments."""
    monkeypatch.setattr(work_items, "PEAKS_PER_MERGE_ITEM", 1000)
    for state in ("SortSpans", "PlanMerge"):
        by_many.run(state)
    item = MergeItem.from_json(by_many.items("MergeSegments")[0])
    assert item.stop - item.start > 1
    return by_many, item


def count_spans_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each request to a sorted span adds its key."""
    read_keys: list[str] = []
    read = Store.read_range

    def counting(store: Store, key: str, offset: int, n: int) -> memoryview:
        read_keys.extend([key] if key.startswith("sort/spans/") else [])
        return read(store, key, offset, n)

    monkeypatch.setattr(Store, "read_range", counting)
    return read_keys


def test_an_item_of_merging_makes_one_request_to_each_span(
    to_merge: tuple[InMemoryRun, MergeItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, item = to_merge
    requests = count_spans_read(monkeypatch)
    call("MergeSegments", item)
    assert len(requests) == len(set(requests)) == len(run.planned.span_cuts) - 1
    n_segments = [each for each in run.stores.results.list("segments") if each.endswith(".bin")]
    assert len(n_segments) == item.stop - item.start


def test_memory_for_merging_is_planned_for_all_segments_of_an_item(
    to_merge: tuple[InMemoryRun, MergeItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, item = to_merge
    monkeypatch.setattr(work_items, "BASE_MEMORY_MB", 0)
    monkeypatch.setattr(work_items, "READ_BUFFERS_MB", 0)
    monkeypatch.setattr(work_items, "MB", 1)  # so memory is in bytes
    run.run("PlanMerge")
    planned = {each["start"]: each["memory_mb"] for each in run.items("MergeSegments")}
    call("MergeSegments", item)
    merged = run.stores.work.read_json(item.output_key)["segments"]
    assert len(merged) > 1
    assert planned[item.start] == 3 * 16 * sum(segment["n_peaks"] for segment in merged)


@pytest.mark.parametrize("place", ["in the first block", "in the last block"])
def test_each_block_that_is_merged_is_checked(
    to_merge: tuple[InMemoryRun, MergeItem], place: str
) -> None:
    run, item = to_merge
    key = keys.sorted_span(run.planned.sort_id, 0)
    whole = run.stores.work.read(key)
    read = SpanReader(run.stores.work, run.planned)
    sizes = [sum(map(len, blocks[:1])) * 16 for blocks in read.read(item.start, item.stop)]
    damaged = bytearray(whole)
    damaged[5 if place == "in the first block" else sum(sizes) - 5] ^= 1
    run.stores.work.write(key, bytes(damaged))
    with pytest.raises(DamagedObject, match="a block of it has another checksum"):
        call("MergeSegments", item)
    run.stores.work.write(key, whole[: sum(sizes) - 5])
    with pytest.raises(DamagedObject, match="it is too short"):
        call("MergeSegments", item)
    assert not run.stores.work.exists(item.output_key)


@pytest.mark.parametrize("way", WAYS)
def test_an_ibd_that_was_replaced_is_not_sorted(
    new_stores: NewStores, tissue: Pair, way: str
) -> None:
    run = plan_sort(new_stores, tissue, way)
    run.stores.inbox.write(run.request.dataset.ibd_key, tissue.ibd[:-1] + b"x")
    with pytest.raises(InvalidDataset, match="changed while it was being annotated"):
        sort(run, way)
    assert not run.stores.results.exists(keys.segments_manifest(run.planned.segments_id))


def build_unseen_damage(n_peaks: int) -> Pair:
    """Write a dataset of which a spectrum has peaks below zero that no sample sees."""
    mz = [[100.0 + 0.1 * index, 900.0] for index in range(2000)]
    mz[1501] = [*[-5.0] * n_peaks, 900.0]
    coordinates = [(1 + index, 1) for index in range(2000)]
    return build_pair([(each, [1.0] * len(each)) for each in mz], coordinates)


@pytest.mark.parametrize("way", WAYS)
def test_damage_that_shows_only_in_order_of_mz_is_refused(new_stores: NewStores, way: str) -> None:
    run = plan_sort(new_stores, build_unseen_damage(60), way)
    with pytest.raises(InvalidDataset, match=r"60 of 4,059 peaks have no plausible m/z"):
        sort(run, way)


@pytest.mark.parametrize("way", WAYS)
def test_a_few_peaks_without_an_mz_are_dropped_and_counted(new_stores: NewStores, way: str) -> None:
    run = plan_sort(new_stores, build_unseen_damage(1), way)
    sort(run, way)
    manifest = SegmentReader(run.stores.results, run.planned.segments_id).manifest
    assert (sum(manifest.n_peaks), manifest.n_implausible) == (3999, 1)


def test_a_checksum_that_takes_too_long_is_left_out_and_said(
    by_many: InMemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = step_of("ChecksumIbd")
    monkeypatch.setitem(step.__globals__, "ALLOWANCE_S", -1)
    by_many.sort_by_many()
    assert by_many.checksum.verdict == "not compared"


def test_the_task_keeps_to_its_memory(new_stores: NewStores, tissue: Pair) -> None:
    run = plan_sort(new_stores, tissue, "fargate")
    with pytest.raises(ValueError, match="bytes of memory are too few"):
        sort(run, "fargate", memory_mb=1)


def test_the_way_of_sorting_does_not_enter_identities(new_stores: NewStores, tissue: Pair) -> None:
    plans = [plan_sort(new_stores, tissue, way) for way in WAYS]
    assert len({plan.ref.run_id for plan in plans}) == 1


def test_a_way_that_is_none_is_refused(new_stores: NewStores, tissue: Pair) -> None:
    run = InMemoryRun.of(new_stores(), tissue, DATABASES, {**SETTINGS, "sort": "quickly"})
    with pytest.raises(InvalidConfig, match=r"sort .*: expected auto or lambda or map or fargate"):
        run.plan()
