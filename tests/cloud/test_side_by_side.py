"""Calls that wait for storage and not for one another: many at once, or one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from ionbox_cloud.errors import DamagedObject, MissingObject
from ionbox_cloud.storage.side_by_side import AT_ONCE, SideBySide, map_in_order, side_by_side
from ionbox_cloud.store import Store

from tests.patience import PATIENCE_S


class Remote(Store):
    """A store in memory that is asked as a bucket is."""

    @property
    def at_once(self) -> int:
        return AT_ONCE


@pytest.fixture
def remote() -> Remote:
    return Remote.open("memory://")


def fail(words: str) -> Callable[[], None]:
    def call() -> None:
        raise ValueError(words)

    return call


@pytest.mark.parametrize("at_once", [1, 3, AT_ONCE])
def test_results_come_in_order(at_once: int) -> None:
    assert list(map_in_order(str, range(100), at_once)) == [str(n) for n in range(100)]
    assert list(map_in_order(str, [], at_once)) == []


def test_as_many_calls_as_allowed_are_made_together() -> None:
    together = threading.Barrier(AT_ONCE)
    for _ in map_in_order(lambda _: together.wait(PATIENCE_S), range(2 * AT_ONCE), AT_ONCE):
        pass


def test_no_more_results_than_allowed_wait_to_be_taken() -> None:
    asked: list[int] = []
    results = map_in_order(asked.append, range(100), 4)
    for n_taken in range(1, 50):
        next(results)
        assert len(asked) <= n_taken + 3


def test_where_one_is_made_at_a_time_it_is_made_when_it_is_taken() -> None:
    asked: list[tuple[int, threading.Thread]] = []
    here = threading.current_thread()
    results = map_in_order(lambda n: asked.append((n, threading.current_thread())), range(3), 1)
    for n_taken in range(1, 4):
        next(results)
        assert asked == [(n, here) for n in range(n_taken)]


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_is_wrong_with_one_is_raised_at_its_turn(at_once: int) -> None:
    results = map_in_order(lambda n: 6 // n, [3, 2, 0, 1], at_once)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_takes_no_more_ends_the_calls() -> None:
    asked: list[int] = []

    def taking() -> Iterator[None]:
        yield from map_in_order(asked.append, range(1000), 4)

    results = taking()
    next(results)
    del results  # a generator that nobody has is closed
    assert len(asked) <= 5


def test_calls_of_a_block_are_made_together() -> None:
    together = threading.Barrier(AT_ONCE)
    with side_by_side(AT_ONCE) as calls:
        started = [calls.start(together.wait, PATIENCE_S) for _ in range(AT_ONCE)]
    assert sorted(each.result(PATIENCE_S) for each in started) == list(range(AT_ONCE))


def test_a_result_can_be_needed_by_the_next_call() -> None:
    with side_by_side(2) as calls:
        first = calls.start(int, "20").result(PATIENCE_S)
        second = calls.start(lambda: first + 1)
    assert second.result(PATIENCE_S) == second.result(PATIENCE_S) == 21


def test_without_threads_calls_are_made_as_they_are_started() -> None:
    made: list[tuple[int, threading.Thread]] = []

    def note(n: int) -> None:
        made.append((n, threading.current_thread()))

    with side_by_side(1) as calls:
        for n in range(3):
            calls.start(note, n)
            assert len(made) == n + 1
    assert made == [(n, threading.current_thread()) for n in range(3)]


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_first_started_error_ends_the_block(at_once: int) -> None:
    made: list[int] = []
    last = threading.Event()

    def late() -> None:
        if at_once > 1:
            assert last.wait(PATIENCE_S)
        raise ValueError("started first")

    def block(calls: SideBySide) -> None:
        calls.start(late)
        calls.start(fail("failed first"))
        calls.start(made.append, 1)
        calls.start(last.set)

    with pytest.raises(ValueError, match="started first"), side_by_side(at_once) as calls:
        block(calls)
    assert made == [1]


@pytest.mark.parametrize("at_once", [1, 4])
def test_an_error_is_raised_to_who_asks_for_the_result(at_once: int) -> None:
    with side_by_side(at_once) as calls:
        left, asked = calls.start(fail("left")), calls.start(fail("asked"))
        left.leave()
        with pytest.raises(ValueError, match="asked"):
            asked.result(PATIENCE_S)
    with pytest.raises(ValueError, match="left"):
        left.result(PATIENCE_S)


def test_calls_that_wait_when_a_block_fails_are_not_made() -> None:
    made: list[int] = []
    cancelled = threading.Event()

    def block(calls: SideBySide) -> None:
        for _ in range(2):  # as many as there are threads
            calls.start(cancelled.wait, PATIENCE_S)
        waiting = [calls.start(made.append, n) for n in range(50)]
        waiting[-1].future.add_done_callback(lambda _: cancelled.set())
        raise KeyError("the block")

    with pytest.raises(KeyError, match="the block"), side_by_side(2) as calls:
        block(calls)
    assert made == []


def test_finish_waits_and_lets_the_block_go_on() -> None:
    made: list[int] = []
    with side_by_side(4) as calls:
        calls.start(made.append, 1)
        calls.finish()
        assert made == [1]
        calls.start(fail("no"))
        with pytest.raises(ValueError, match="no"):
            calls.finish()


def test_many_objects_are_read_together(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    together, read = threading.Barrier(AT_ONCE), Store.read_view

    def waiting(store: Store, key: str) -> memoryview:
        together.wait(PATIENCE_S)
        return read(store, key)

    for n in range(2 * AT_ONCE):
        remote.write(f"many/{n}", str(n).encode())
    monkeypatch.setattr(Store, "read_view", waiting)
    found = remote.read_many([f"many/{n}" for n in range(2 * AT_ONCE)])
    assert [bytes(each) for each in found] == [str(n).encode() for n in range(2 * AT_ONCE)]


def test_an_object_that_cannot_be_used_is_named(remote: Remote) -> None:
    for n in range(40):
        remote.write_sealed(f"many/{n}", {"n": n})
    remote.write("many/35", remote.read("many/35").replace(b"35", b"36"))
    found = remote.read_many_sealed([f"many/{n}" for n in range(40)])
    assert [next(found) for _ in range(35)] == [{"n": n} for n in range(35)]
    with pytest.raises(DamagedObject, match="many/35"):
        next(found)
    with pytest.raises(MissingObject, match="'many/40'"):
        list(remote.read_many([f"many/{n}" for n in range(30, 41)]))
