"""Who compares images, and in how many items: by counts, workers and what a minute is worth."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.planning.comparison import (
    MOST_COMPARE_ITEMS,
    compare_memory_mb,
    cut_compare_items,
)
from ionbox_cloud.planning.fan_out import FanOut
from ionbox_cloud.planning.rates import COMPARE_S_PER_PRODUCT
from ionbox_science.annotation.colocalization import count_prepared_pixels
from ionbox_science.annotation.partners import TILE, count_pairs
from ionbox_science.setting_table import DEFAULTS

SHAPE = (100, 100)


def fan_out(n_workers: int, dollars: float = DEFAULTS["dollars_per_minute"]) -> FanOut:
    return FanOut(n_workers, ("CompareImages",), dollars)


ITEMS = {
    (2_000, None): 0,
    (2_000, 99): 0,
    (4_000, 99): 0,
    (5_000, 8): 8,
    (5_000, 99): 44,
    (10_000, None): 0,
    (10_000, 2): 2,
    (10_000, 8): 8,
    (10_000, 99): 71,
    (40_000, None): 20,
    (40_000, 99): 99,
}
"""By images of 100 x 100 pixels and workers."""


@pytest.mark.parametrize(("n_images", "n_workers"), ITEMS)
def test_there_are_as_many_items_as_are_worth_it(n_images: int, n_workers: int | None) -> None:
    fan = None if n_workers is None else fan_out(n_workers)
    assert len(cut_compare_items(n_images, SHAPE, fan)) == ITEMS[n_images, n_workers]


@given(
    st.integers(0, 100_000),
    st.integers(1, 2000),
    st.integers(1, 2000),
    st.none() | st.integers(1, 2000),
    st.floats(0, 1000),
)
def test_items_are_all_images_in_whole_tiles(
    n_images: int, height: int, width: int, n_workers: int | None, dollars: float
) -> None:
    fan = None if n_workers is None else fan_out(n_workers, dollars)
    items = cut_compare_items(n_images, (height, width), fan)
    assert len(items) <= MOST_COMPARE_ITEMS
    if items:
        assert [items[0][0], items[-1][1]] == [0, n_images]
        assert all(before[1] == after[0] for before, after in pairwise(items))
        assert all(start % TILE == 0 and start < stop for start, stop in items)


def test_who_pays_nothing_for_time_has_them_compared_by_one_call() -> None:
    assert cut_compare_items(20_000, SHAPE, fan_out(99, 0)) == []
    assert cut_compare_items(20_000, SHAPE, fan_out(99)) != []


def test_what_one_call_has_no_time_for_is_done_by_many_whatever_that_costs() -> None:
    assert cut_compare_items(200_000, SHAPE, fan_out(99, 0)) != []


@pytest.mark.parametrize("n_workers", [1, 2, 8])
def test_no_item_takes_longer_than_its_function_may(n_workers: int) -> None:
    for n_images in (40_000, 200_000, 500_000):
        items = cut_compare_items(n_images, SHAPE, fan_out(n_workers))
        n_pixels = count_prepared_pixels(n_images, SHAPE)
        assert items or (n_images, n_workers) == (40_000, 1)  # 73 s of one call
        n_pairs = max((count_pairs(n_images, stop - start) for start, stop in items), default=0)
        assert n_pairs * n_pixels * COMPARE_S_PER_PRODUCT < 120 / 2


def test_memory_goes_by_all_images_until_they_are_averaged() -> None:
    few, some, many = (compare_memory_mb(n, SHAPE, 300) for n in (1000, 10_000, 100_000))
    assert few < 200 < some < many < 700
