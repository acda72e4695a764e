"""What handlers touch in a run is what their roles on AWS allow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ionbox_cloud import keys
from ionbox_cloud.errors import DamagedObject
from ionbox_cloud.messages import ErrorOutput, Message, RunFailureReport
from ionbox_cloud.store import Store, Stores

from cdk.permissions import OBJECTS, Objects
from tests.handlers import in_memory
from tests.handlers.in_memory import SETTINGS, InMemoryRun

READS = ("read", "read_range", "facts", "list", "list_folder", "list_lasting")
WRITES = ("write", "write_whole", "create")
DELETES = ("delete",)
BOTH = ("objects_below",)

Touch = tuple[str, str, str, str]
"""State, bucket, "reads", "writes" or "deletes", key."""


@pytest.fixture
def touched(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Touch]]:
    """Everything that handlers touch while the test runs."""
    found: set[Touch] = set()
    states: list[str] = []
    buckets = {
        id(store): name
        for name, store in (
            ("inbox", stores.inbox),
            ("work", stores.work),
            ("results", stores.results),
        )
    }

    def note(method: str, kinds: tuple[str, ...]) -> None:
        original = getattr(Store, method)

        @functools.wraps(original)
        def noting(self: Store, key: Any, *arguments: Any, **options: Any) -> Any:
            named = [key] if isinstance(key, str) else key
            if states:
                place = states[-1], buckets[id(self)]
                found.update((*place, kind, each) for kind in kinds for each in named)
            return original(self, key, *arguments, **options)

        monkeypatch.setattr(Store, method, noting)

    for methods, kinds in (
        (READS, ("reads",)),
        (WRITES, ("writes",)),
        (DELETES, ("deletes",)),
        (BOTH, ("reads", "writes")),
    ):
        for method in methods:
            note(method, kinds)
    call = in_memory.call

    def calling(state: str, message: Message) -> dict[str, Any]:
        states.append(state)
        try:
            return call(state, message)
        finally:
            states.pop()

    monkeypatch.setattr(in_memory, "call", calling)
    yield found


def allowed(objects: Objects, bucket: str, kind: str) -> tuple[str, ...]:
    folders: tuple[str, ...] = getattr(objects, f"{bucket}_{kind}", ())
    return folders


@pytest.mark.parametrize("way", ["lambda", "map"])
def test_no_handler_touches_what_its_role_does_not_allow(
    touched: set[Touch], new_run: Callable[..., InMemoryRun], way: str
) -> None:
    run = new_run(SETTINGS | {"sort": way}).run_all()
    run.again().run_all(())  # finds everything published
    chunk = keys.pattern_chunk(run.planned.databases[0].patterns_id, 0)
    run.stores.work.write(chunk, b"damaged")
    run.stores.work.delete(run.stores.work.list("scores"))
    run.stores.results.delete(run.stores.results.list("results"))
    damaged = run.again("damaged")
    with pytest.raises(DamagedObject):
        damaged.run_all()
    damaged.plan()
    assert ("PlanRun", "work", "deletes", chunk) in touched
    run.fail_item("AnnotateSegments", 1, "MemoryError", "too large")
    report = RunFailureReport(
        run.execution_id, run.ref.run_id, "failed", run.request, ErrorOutput("Error", "cause")
    )
    in_memory.call("ReportFailure", report)
    expected = {*in_memory.STATES, "PlanRun", "ReportFailure"}
    if way == "map":
        expected = expected - {"SegmentSpectra"} | {*in_memory.SORT_BY_MANY}
    assert {state for state, *_ in touched} >= expected
    refused = {
        (state, bucket, kind, key)
        for state, bucket, kind, key in touched
        if not key.startswith(allowed(OBJECTS[state], bucket, kind))
    }
    assert not refused


def test_the_permissions_are_checked_at_all(
    touched: set[Touch], new_run: Callable[..., InMemoryRun]
) -> None:
    new_run().plan()
    assert ("PlanRun", "inbox", "reads", "tissue.imzML") in touched
    assert not "executions/x/plan.json".startswith(allowed(Objects(), "work", "writes"))
