"""Samples of an object that are read before they are asked for."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.planning.read_ahead import Ranges, ReadAhead, join
from ionbox_cloud.storage.side_by_side import AT_ONCE

from tests.patience import PATIENCE_S

OBJECT = np.random.default_rng(1).integers(0, 256, 3_000_000, np.uint8).tobytes()


class Storage:
    """Reads `OBJECT`, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, offset: int, n_bytes: int) -> memoryview:
        self.asked.append((offset, n_bytes))
        return memoryview(OBJECT)[offset : offset + n_bytes]


def ranges(*pairs: tuple[int, int]) -> Ranges:
    return np.array(pairs, np.int64).reshape(-1, 2)


spans = st.tuples(st.integers(0, 2_900_000), st.integers(0, 100_000))


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=8))
def test_what_is_read_ahead_reads_as_the_object_does(
    ahead: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    reader = ReadAhead(Storage(), ranges(*((start, start + n) for start, n in ahead)))
    for start, n in [*ahead, *asked]:
        assert bytes(reader(start, n)) == OBJECT[start : start + n]


def test_nothing_is_asked_for_twice() -> None:
    storage = Storage()
    reader = ReadAhead(storage, ranges((0, 100), (1_000_000, 1_000_500), (2_000_000, 2_000_100)))
    n_asked = len(storage.asked)
    assert n_asked == 3
    for start, n in ((0, 100), (10, 20), (1_000_000, 500), (2_000_050, 50)):
        assert bytes(reader(start, n)) == OBJECT[start : start + n]
    assert len(storage.asked) == n_asked
    reader(1_500_000, 10)
    assert storage.asked[n_asked:] == [(1_500_000, 10)]


def test_requests_are_made_side_by_side() -> None:
    together = threading.Barrier(AT_ONCE)

    def read(offset: int, n_bytes: int) -> memoryview:
        together.wait(PATIENCE_S)  # breaks if they come one after the other
        return memoryview(bytes(n_bytes))

    starts = range(0, AT_ONCE * 10_000_000, 10_000_000)
    ReadAhead(read, ranges(*((start, start + 10) for start in starts)))


def test_a_long_range_is_read_in_several_requests() -> None:
    storage = Storage()
    reader = ReadAhead(storage, ranges((500, 4000)), request_bytes=1000)
    assert sorted(storage.asked) == [(500, 1000), (1500, 1000), (2500, 1000), (3500, 500)]
    assert bytes(reader(500, 3500)) == OBJECT[500:4000]


def test_memory_has_an_end() -> None:
    storage = Storage()
    reader = ReadAhead(storage, ranges((0, 900), (1_000_000, 1_000_900)), most_bytes=1000)
    assert storage.asked == [(0, 900)]
    assert bytes(reader(1_000_000, 900)) == OBJECT[1_000_000:1_000_900]


def test_an_object_that_ends_early_is_asked_again() -> None:
    reader = ReadAhead(Storage(), ranges((2_999_000, 3_001_000)))
    assert bytes(reader(2_999_000, 2000)) == OBJECT[2_999_000:]
    assert bytes(reader(2_999_000, 10)) == OBJECT[2_999_000:2_999_010]


@pytest.mark.parametrize(
    ("given_ranges", "joined"),
    [
        ([], []),
        ([(5, 5)], []),
        ([(0, 10), (10, 20)], [(0, 20)]),
        ([(30, 40), (0, 10), (5, 8)], [(0, 10), (30, 40)]),
        ([(0, 100), (10, 20), (105, 110)], [(0, 110)]),
    ],
)
def test_ranges_are_joined(
    given_ranges: list[tuple[int, int]], joined: list[tuple[int, int]]
) -> None:
    assert list(join(ranges(*given_ranges), max_gap=5)) == joined
