"""The choice among three ways to sort."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox.local.functions import IONBOX
from ionbox_cloud.environment import SORT_TASK_VARIABLE
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.ladder import Ladder
from ionbox_cloud.planning.sort_plan import (
    DISK_LIMIT_GB,
    MOST_SPANS,
    PEAKS_PER_SPAN,
    SortJob,
    SortTask,
    plan_sort,
    read_sort_task,
)
from ionbox_cloud.planning.work_items import SORT_RANGE_BYTES, score_memory_mb, sort_memory_mb
from ionbox_science.errors import InvalidConfig, InvalidDataset

TASK = SortTask(vcpu=4, memory_mb=16384)
RUNGS = {
    state: tuple(entry["rungs_mb"])
    for state, entry in json.loads(IONBOX.table.read_text("utf-8"))["functions"].items()
}
FULL = Ladder(RUNGS)


def clipped(max_mb: int) -> Ladder:
    return Ladder(
        {
            state: tuple(sorted({min(rung, max_mb) for rung in rungs}))
            for state, rungs in RUNGS.items()
        }
    )


NEW_ACCOUNT = clipped(3008)


def job(n_peaks: int, mz_bytes: int = 8, n_pixels: int = 10_000) -> SortJob:
    ibd_bytes = n_peaks * (mz_bytes + 4)
    return SortJob("brain", n_peaks, mz_bytes, ibd_bytes, max(1, n_peaks // 4_000_000), n_pixels)


SMALL, LARGE, HUGE = job(2_000_000), job(300_000_000), job(5_300_000_000)


def test_a_small_dataset_is_sorted_by_one_call() -> None:
    plan = plan_sort("auto", SMALL, NEW_ACCOUNT, TASK)
    assert plan.way == "lambda"
    assert plan.memory_mb == sort_memory_mb(SMALL.n_peaks, 8, SMALL.n_pixels)
    assert plan.predicted_dollars < 0.001


@pytest.mark.parametrize(
    ("size", "ladder", "task", "way"),
    [
        (LARGE, FULL, TASK, "lambda"),
        (LARGE, NEW_ACCOUNT, TASK, "lambda"),
        (LARGE, clipped(2048), TASK, "map"),
        (HUGE, FULL, TASK, "fargate"),
        (HUGE, FULL, None, "map"),
    ],
    ids=["5 GB", "5 GB, new account", "5 GB, small functions", "64 GB", "64 GB without Fargate"],
)
def test_a_dataset_goes_where_it_fits_and_is_cheap(
    size: SortJob, ladder: Ladder, task: SortTask | None, way: str
) -> None:
    assert plan_sort("auto", size, ladder, task).way == way


@pytest.mark.parametrize("way", ["map", "fargate"])
def test_64_gb_can_be_sorted_without_large_functions(way: str) -> None:
    plan = plan_sort(way, HUGE, NEW_ACCOUNT, TASK)
    assert plan.way == way
    assert 0.01 < plan.predicted_dollars < 5


def test_a_call_has_memory_for_a_range_of_mz_or_for_all_points_of_profiles() -> None:
    plan = plan_sort("lambda", LARGE, FULL, TASK)
    assert SORT_RANGE_BYTES / 2**20 < plan.memory_mb < SORT_RANGE_BYTES / 2**20 + 200
    picked = plan_sort("lambda", replace(LARGE, n_picked=1_000_000), FULL, TASK)
    assert picked.memory_mb > LARGE.column_bytes / 2**20
    # 4.8 GB of peaks are three ranges: the ibd is read four times instead of twice
    assert plan.predicted_seconds == pytest.approx(
        picked.predicted_seconds + 2 * LARGE.ibd_bytes / 80e6
    )


def test_a_task_has_disk_for_all_peaks() -> None:
    plan = plan_sort("fargate", HUGE, FULL, TASK)
    assert HUGE.column_bytes / 2**30 < plan.disk_gb <= DISK_LIMIT_GB
    assert plan_sort("fargate", SMALL, FULL, TASK).disk_gb == 21
    assert (plan.vcpu, plan.memory_mb) == (TASK.vcpu, TASK.memory_mb)


@given(
    st.integers(1, 20_000_000_000),
    st.sampled_from([4, 8]),
    st.sampled_from([512, 1769, 2048, 3008, 10240]),
    st.booleans(),
)
def test_the_choice_costs_hardly_more_than_the_cheapest_that_can_be_asked_for(
    n_peaks: int, mz_bytes: int, max_mb: int, has_task: bool
) -> None:
    task, ladder, asked_job = TASK if has_task else None, clipped(max_mb), job(n_peaks, mz_bytes)
    plans = []
    for way in ("lambda", "map", "fargate"):
        try:
            plans.append(plan_sort(way, asked_job, ladder, task))
        except InvalidConfig as error:
            assert way in str(error)
    if plans:
        chosen = plan_sort("auto", asked_job, ladder, task)
        assert chosen in plans
        assert chosen.predicted_dollars <= min(plan.predicted_dollars for plan in plans) + 0.05
    else:
        with pytest.raises(InvalidDataset, match="cannot be sorted here"):
            plan_sort("auto", asked_job, ladder, task)


def test_a_way_that_cannot_do_it_says_what_it_lacks() -> None:
    with pytest.raises(InvalidConfig, match=r"lambda cannot sort brain: .* largest function"):
        plan_sort("lambda", LARGE, clipped(2048), TASK)
    with pytest.raises(InvalidConfig, match="no Fargate task"):
        plan_sort("fargate", SMALL, FULL, None)
    with pytest.raises(InvalidConfig, match="GB of disk"):
        plan_sort("fargate", job(13_000_000_000), FULL, TASK)
    with pytest.raises(InvalidConfig, match="MergeSegments needs"):
        plan_sort("map", replace(LARGE, n_segments=1), NEW_ACCOUNT, TASK)
    with pytest.raises(InvalidConfig, match="would take about"):
        plan_sort("lambda", replace(SMALL, ibd_bytes=50_000_000_000), FULL, TASK)


def test_the_plan_knows_the_size_of_images() -> None:
    large = plan_sort("lambda", job(2_000_000, n_pixels=30_000_000), FULL, TASK)
    small = plan_sort("lambda", SMALL, FULL, TASK)
    assert large.memory_mb - small.memory_mb > 30_000_000 * 8 / 2**20  # the sums alone
    assert score_memory_mb(100, 1000, 30_000_000) > score_memory_mb(100, 1000, 10_000) + 1000


def test_many_calls_have_an_upper_limit_as_the_other_ways_have() -> None:
    most = job(MOST_SPANS * PEAKS_PER_SPAN)
    assert plan_sort("map", most, FULL, None).way == "map"
    beyond = job(most.n_peaks + 1)
    with pytest.raises(InvalidConfig, match=f"{MOST_SPANS + 1} calls of SortSpans"):
        plan_sort("map", beyond, FULL, TASK)
    with pytest.raises(InvalidDataset, match=r"cannot be sorted here:(.|\n)*map: it would take"):
        plan_sort("auto", beyond, FULL, None)


def test_the_task_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, task in ((json.dumps(TASK.to_json()), TASK), ("null", None)):
        monkeypatch.setenv(SORT_TASK_VARIABLE, text)
        assert read_sort_task() == task
    for wrong in ("", "yes", "[]", '{"vcpu": 4}'):
        monkeypatch.setenv(SORT_TASK_VARIABLE, wrong)
        with pytest.raises(InvalidMessage):
            read_sort_task()


def test_points_of_profiles_need_memory_where_they_are_read_not_where_peaks_are_merged() -> None:
    points = replace(LARGE, n_peaks=4_000_000_000, n_segments=2)
    with pytest.raises(InvalidConfig, match="MergeSegments needs"):
        plan_sort("map", points, FULL, TASK)
    picked = plan_sort("map", replace(points, n_picked=8_000_000), FULL, TASK)
    assert picked.memory_mb == plan_sort("map", LARGE, FULL, TASK).memory_mb
