"""How many items a Map has, by the workers there are: time, money, and what is finished already."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox.local.functions import IONBOX
from ionbox_cloud.environment import FAN_OUT_VARIABLE
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.fan_out import Cost, FanOut, Range, cover
from ionbox_cloud.planning.prices import read_prices
from ionbox_cloud.planning.rates import (
    BYTES_PER_S,
    MERGE_S_PER_PEAK,
    READS_PER_S,
    REQUEST_S,
    START_S,
)
from ionbox_cloud.planning.sort_plan import (
    MOST_SPANS,
    PEAKS_PER_SPAN,
    SortJob,
    SortTask,
    choose_spans,
    plan_sort,
)
from ionbox_cloud.planning.work_items import (
    IONS_PER_CHUNK,
    MOST_SHARDS_PER_ITEM,
    PEAKS_IN_WINDOWS_PER_ITEM,
    PEAKS_PER_MERGE_ITEM,
    PEAKS_PER_SCORE_ITEM,
    IonRange,
    choose_merge_peaks,
    choose_score_peaks,
    cut,
    cut_image_items,
    cut_merge_items,
    cut_score_items,
    images_per_shard,
    merge_seconds,
    price_merges,
)
from ionbox_science.errors import InvalidConfig
from ionbox_science.setting_table import DEFAULTS

MAPS = (
    *("SortSpans", "MergeSegments", "GenerateIsotopePatterns"),
    *("AnnotateSegments", "RenderImages"),
)
TASK = SortTask(vcpu=4, memory_mb=16384)
LADDER = Ladder(
    {
        state: tuple(entry["rungs_mb"])
        for state, entry in json.loads(IONBOX.table.read_text("utf-8"))["functions"].items()
    }
)
N_IONS = 567_621


def fan_out(n_workers: int, dollars: float = DEFAULTS["dollars_per_minute"]) -> FanOut:
    return FanOut(n_workers, MAPS, dollars)


def job(n_gigabytes: int) -> SortJob:
    """A dataset of 12 bytes a peak and 3,000 peaks a spectrum."""
    n_peaks = n_gigabytes * 10**9 // 12
    n_segments = max(1, round(n_peaks / 4e6))
    return SortJob("brain", n_peaks, 8, n_peaks * 12, n_segments, n_peaks // 3000)


def count_items(n_gigabytes: int, fan: FanOut | None) -> dict[str, int]:
    """Items of each Map whose work follows the dataset."""
    size = job(n_gigabytes)
    n_spans = choose_spans(size, fan)
    segments = [size.n_peaks // size.n_segments] * size.n_segments
    merged = cut_merge_items(segments, choose_merge_peaks(segments, n_spans, fan))
    chunks = [
        IonRange(start, stop, size.n_peaks * (stop - start) // N_IONS)
        for start, stop in cut(N_IONS, IONS_PER_CHUNK)
    ]
    scores = cut_score_items(chunks, choose_score_peaks([chunks], fan))
    images = cut_image_items(2000, 4, size.n_pixels, fan)
    return {
        "SortSpans": n_spans,
        "MergeSegments": len(merged),
        "AnnotateSegments": len(scores),
        "RenderImages": len(images),
    }


ITEMS = {
    (1, None): (4, 7, 5, 14),
    (1, 8): (8, 7, 8, 7),
    (1, 39): (28, 21, 35, 14),
    (1, 157): (28, 21, 35, 14),
    (1, 788): (28, 21, 35, 14),
    (21, None): (73, 146, 95, 84),
    (21, 8): (80, 146, 104, 24),
    (21, 39): (77, 146, 104, 38),
    (21, 157): (146, 146, 147, 112),
    (21, 788): (219, 219, 355, 167),
    (64, None): (223, 667, 269, 91),
    (64, 8): (232, 667, 269, 72),
    (64, 39): (232, 667, 269, 77),
    (64, 157): (314, 667, 312, 143),
    (64, 788): (232, 667, 719, 334),
}


@pytest.mark.parametrize(("n_gigabytes", "n_workers"), ITEMS)
def test_there_are_as_many_items_as_the_workers_can_use(
    n_gigabytes: int, n_workers: int | None
) -> None:
    fan = None if n_workers is None else fan_out(n_workers)
    assert tuple(count_items(n_gigabytes, fan).values()) == ITEMS[n_gigabytes, n_workers]


def test_more_workers_are_worth_more_items_but_no_item_is_smaller_than_is_useful() -> None:
    few, many, all_there_are = (count_items(21, fan_out(n)) for n in (39, 788, 10**6))
    assert all(few[state] < many[state] for state in few)
    assert sum(all_there_are.values()) < 1.5 * sum(many.values())
    size = job(21)
    assert all_there_are["SortSpans"] <= MOST_SPANS
    assert all_there_are["MergeSegments"] <= size.n_segments


def test_who_pays_nothing_for_time_gets_the_fewest_items() -> None:
    cheapest = count_items(21, fan_out(788, 0))
    base = count_items(21, None)
    assert cheapest["SortSpans"] == base["SortSpans"]
    assert cheapest["MergeSegments"] == base["MergeSegments"]
    assert cheapest["RenderImages"] <= base["RenderImages"]
    dear = count_items(21, fan_out(788, 100))
    assert all(dear[state] > cheapest[state] for state in dear)


@given(st.integers(1, 5_000), st.integers(1, 30_000_000_000), st.floats(0, 1000))
def test_spans_are_never_larger_than_their_base_nor_too_many(
    n_workers: int, n_peaks: int, dollars: float
) -> None:
    size = SortJob("x", n_peaks, 8, n_peaks * 12, max(1, n_peaks // 4_000_000), 1000)
    n_spans = choose_spans(size, fan_out(n_workers, dollars))
    assert n_peaks <= n_spans * PEAKS_PER_SPAN
    assert n_spans <= max(MOST_SPANS, size.least_spans)


@given(st.integers(1, 2000), st.lists(st.integers(0, 9_000_000), min_size=1, max_size=300))
def test_merges_and_scores_keep_to_their_base_size(n_workers: int, n_peaks: list[int]) -> None:
    fan = fan_out(n_workers)
    assert choose_merge_peaks(n_peaks, 100, fan) <= PEAKS_PER_MERGE_ITEM
    chunks = [IonRange(i * 100, i * 100 + 100, n) for i, n in enumerate(n_peaks)]
    assert choose_score_peaks([chunks], fan) <= PEAKS_PER_SCORE_ITEM


@given(st.integers(1, 2000), st.integers(1, 60_000), st.integers(1, 2_000_000))
def test_items_of_images_are_whole_shards_whatever_the_workers(
    n_workers: int, n_ions: int, n_pixels: int
) -> None:
    per_shard = images_per_shard(4, n_pixels)
    items = cut_image_items(n_ions, 4, n_pixels, fan_out(n_workers))
    assert [items[0][0], items[-1][1]] == [0, n_ions]
    assert all(before[1] == after[0] for before, after in pairwise(items))
    assert all(start % per_shard == 0 for start, _ in items)
    assert all(stop - start <= MOST_SHARDS_PER_ITEM * per_shard for start, stop in items)


def test_ions_whose_windows_overlap_are_cut_smaller() -> None:
    crowded = IonRange(0, 1000, 10, 3 * PEAKS_IN_WINDOWS_PER_ITEM)
    items = cut_score_items([crowded, IonRange(1000, 2000, 10)])
    assert [(item.start, item.stop) for item in items] == [
        *((0, 334), (334, 668), (668, 1000)),
        (1000, 2000),
    ]
    assert all(item.n_in_windows <= PEAKS_IN_WINDOWS_PER_ITEM for item in items)


def test_merging_is_priced_by_requests_each_item_makes_one_to_each_span() -> None:
    fan = fan_out(788)
    fewer, more = (price_merges(fan, 146, 12_000_000, n_spans) for n_spans in (100, 101))
    assert more.dollars - fewer.dollars == pytest.approx(146 * read_prices().s3_read)
    one, other = (price_merges(fan, n_items, 12_000_000, 0) for n_items in (146, 147))
    starts = other.dollars - one.dollars
    one, other = (price_merges(fan, n_items, 12_000_000, 100) for n_items in (146, 147))
    assert other.dollars - one.dollars - starts == pytest.approx(100 * read_prices().s3_read)


def test_merging_waits_for_storage_to_answer_all_requests_and_then_writes() -> None:
    fan = fan_out(788)
    answered_s = START_S + 400 * 500 / READS_PER_S
    assert price_merges(fan, 400, 10, 500).seconds == pytest.approx(answered_s)
    writing_s = 4_000_000 * (16 / BYTES_PER_S + MERGE_S_PER_PEAK)
    found = price_merges(fan, 400, 4_000_000, 500).seconds
    assert found == pytest.approx(answered_s + writing_s)
    # many small blocks are waited for in turns, large ones for their bytes
    few, many = merge_seconds(1000, 32), merge_seconds(1000, 320)
    assert many - few == pytest.approx(9 * REQUEST_S, rel=0.01)
    assert merge_seconds(12_000_000, 32) == merge_seconds(12_000_000, 320)


def test_items_of_merging_are_larger_where_each_more_would_read_many_spans() -> None:
    fan = fan_out(788)
    segments = [4_000_000] * 438
    with_few, with_many = (
        len(cut_merge_items(segments, choose_merge_peaks(segments, n_spans, fan)))
        for n_spans in (20, 500)
    )
    assert (with_few, with_many) == (438, 146)


# --- the way of sorting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_gigabytes", "n_workers", "way"),
    [(21, 8, "map"), (21, 99, "map"), (64, 788, "map"), (21, 2, "fargate"), (64, None, "fargate")],
)
def test_minutes_count_beside_dollars(n_gigabytes: int, n_workers: int | None, way: str) -> None:
    fan = None if n_workers is None else fan_out(n_workers)
    assert plan_sort("auto", job(n_gigabytes), LADDER, TASK, fan).way == way


def test_a_simple_way_that_is_hardly_worth_less_is_taken() -> None:
    small = SortJob("brain", 2_000_000, 8, 24_000_000, 1, 10_000)
    assert plan_sort("auto", small, LADDER, TASK, fan_out(788)).way == "lambda"
    assert plan_sort("auto", job(1), LADDER, TASK, fan_out(788)).way == "map"
    assert plan_sort("auto", job(1), LADDER, TASK, fan_out(788, 0)).way == "lambda"


def test_what_a_minute_is_worth_decides_between_ways() -> None:
    chosen = [plan_sort("auto", job(21), LADDER, TASK, fan_out(99, v)).way for v in (0, 0.1)]
    assert chosen == ["map", "map"]  # a map costs hardly more than a task
    chosen = [plan_sort("auto", job(64), LADDER, TASK, fan_out(99, v)).way for v in (0, 0.1)]
    assert chosen == ["fargate", "map"]


@given(st.integers(1, 2000), st.integers(1, 20_000_000_000), st.floats(0, 100))
def test_the_choice_is_worth_hardly_less_than_the_best(
    n_workers: int, n_peaks: int, dollars: float
) -> None:
    fan = fan_out(n_workers, dollars)
    size = SortJob("x", n_peaks, 8, n_peaks * 12, max(1, n_peaks // 4_000_000), 1000)
    plans = []
    for way in ("lambda", "map", "fargate"):
        try:
            plans.append(plan_sort(way, size, LADDER, TASK, fan))
        except InvalidConfig:
            continue
    if plans:
        worth = [fan.worth(Cost(p.predicted_seconds, p.predicted_dollars)) for p in plans]
        chosen = plan_sort("auto", size, LADDER, TASK, fan)
        assert worth[plans.index(chosen)] <= min(worth) + 0.05 + 1e-9


def test_a_map_takes_longer_with_fewer_workers() -> None:
    seconds = [
        plan_sort("map", job(64), LADDER, TASK, fan_out(n)).predicted_seconds for n in (2, 8, 39)
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 3 * seconds[1]


def test_express_items_start_sooner_and_cost_less() -> None:
    express, standard = FanOut(500, MAPS, 1), FanOut(500, (), 1)
    quick, slow = (each.price_map("RenderImages", 500, 1.0) for each in (express, standard))
    assert slow.seconds - quick.seconds == pytest.approx(500 / 100 - 500 / 1000)
    assert slow.dollars > quick.dollars + 500 * 6e-5


# --- what is finished under other cuts ------------------------------------------------------------


def test_what_was_finished_under_another_cut_is_found() -> None:
    planned = [(0, 8), (8, 16), (16, 20)]
    assert cover(20, [], planned) == planned
    assert cover(20, [(0, 4), (4, 8)], planned) == [(0, 4), (4, 8), (8, 16), (16, 20)]
    assert cover(20, [(0, 16)], planned) == [(0, 16), (16, 20)]
    # ends that meet nowhere are of no use
    assert cover(20, [(3, 9), (0, 5)], planned) == planned
    assert cover(20, [(0, 5), (5, 20), (0, 20)]) == [(0, 20)]
    assert cover(20, [(0, 5), (6, 20)]) == []
    assert cover(0, [(0, 5)], []) == []


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)), max_size=30),
    st.integers(1, 40),
)
def test_a_cover_has_everything_once(n: int, finished: list[Range], size: int) -> None:
    planned = list(cut(n, size))
    chosen = cover(n, finished, planned)
    assert [i for start, stop in chosen for i in range(start, stop)] == list(range(n))
    assert set(chosen) <= {*finished, *planned}
    to_do = sum(stop - start for start, stop in chosen if (start, stop) not in finished)
    # an item of the plan is only made if nothing else that is finished fills its place
    assert to_do <= n
    exact = [each for each in planned if each in finished]
    assert to_do <= n - sum(stop - start for start, stop in exact)


# --- the environment ------------------------------------------------------------------------------


def test_the_fan_out_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FAN_OUT_VARIABLE, raising=False)
    assert FanOut.from_environment(1.5) is None
    monkeypatch.setenv(FAN_OUT_VARIABLE, '{"n_workers": 99, "express": ["SortSpans"]}')
    assert FanOut.from_environment(1.5) == FanOut(99, ("SortSpans",), 1.5)
    for wrong in ("many", "[]", '{"n_workers": 0, "express": []}', '{"n_workers": 9}', "99"):
        monkeypatch.setenv(FAN_OUT_VARIABLE, wrong)
        with pytest.raises(InvalidMessage, match=FAN_OUT_VARIABLE):
            FanOut.from_environment(1.5)
