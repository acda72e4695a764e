"""Requests that do not need one another, made at once.

A request to S3 takes some 25 ms whatever it brings, and a thread that waits for it costs nothing.
On one machine there is nothing to wait for, and threads cost: there calls are made one after the
other, in the order in which they are started.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, ParamSpec, TypeVar

AT_ONCE = 32
"""Requests to a bucket at once."""

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class Started(Generic[T]):
    """A call that was started.

    Attributes
    ----------
    future : Future
        What it becomes.
    """

    def __init__(self, future: Future[T], forget: Callable[[Future[T]], None]) -> None:
        self.future = future
        self._forget = forget

    def leave(self) -> None:
        """Let an error of the call be raised only to those who ask for its result, maybe nobody."""
        self._forget(self.future)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the call; return what it returned, or raise what it raised."""
        self.leave()
        return self.future.result(timeout_s)


class SideBySide:
    """Starts calls of which none needs another; see `side_by_side`.

    Parameters
    ----------
    threads : ThreadPoolExecutor or None
        Make the calls; None for the caller to make each when it is started.
    """

    def __init__(self, threads: ThreadPoolExecutor | None) -> None:
        self._threads = threads
        self._open: list[Future[Any]] = []

    def start(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Started[T]:
        """Start a call."""
        if self._threads is not None:
            future = self._threads.submit(call, *args, **kwargs)
        else:
            future = Future()
            try:
                future.set_result(call(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 (raised to whoever wants the result)
                future.set_exception(error)
        self._open.append(future)
        # what was asked for is forgotten here, or it would stay in memory
        return Started(future, self._forget)

    def finish(self) -> None:
        """Wait for all calls whose results nobody asked for; raise the first error of theirs."""
        while self._open:
            self._open.pop(0).result()

    def _forget(self, future: Future[T]) -> None:
        with contextlib.suppress(ValueError):  # asked for before
            self._open.remove(future)


@contextlib.contextmanager
def side_by_side(at_once: int) -> Iterator[SideBySide]:
    """Make calls side by side in a block, which ends when all are made.

    Parameters
    ----------
    at_once : int
        Calls at once, at most; 1 for one after the other, without threads.

    Yields
    ------
    SideBySide
        Starts them. Errors of calls whose results nobody asked for are raised at the end of the
        block: of several, that of the call that was started first. If the block itself raises,
        calls that wait for a thread are not made.
    """
    if at_once == 1:
        calls = SideBySide(None)
        yield calls
        calls.finish()
        return
    threads = ThreadPoolExecutor(at_once)
    try:
        calls = SideBySide(threads)
        yield calls
        calls.finish()
    except BaseException:
        threads.shutdown(cancel_futures=True)
        raise
    threads.shutdown()


def map_in_order(call: Callable[[Item], T], items: Iterable[Item], at_once: int) -> Iterator[T]:
    """Yield what a call returns for each item, in order, calling for some items at once.

    Parameters
    ----------
    call : callable
        Takes an item.
    items : iterable
        The items.
    at_once : int
        Calls at once, and so results in memory, at most; 1 for one after the other, without
        threads.
    """
    if at_once == 1:
        yield from map(call, items)
        return
    waiting = iter(items)
    threads = ThreadPoolExecutor(at_once)
    try:
        under_way = deque(threads.submit(call, i) for i in itertools.islice(waiting, at_once))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(threads.submit(call, i) for i in itertools.islice(waiting, 1))
    finally:
        threads.shutdown(cancel_futures=True)
