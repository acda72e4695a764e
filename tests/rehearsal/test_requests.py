"""How many requests wait for one another in each state: each costs some 25 ms on AWS."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.rehearsal.conftest import SORTS, Rehearsal
from tests.rehearsal.request_log import Request, count_waves

DEEPEST = 12
"""Requests one after the other that any state may make, of a dataset of 80 x 60 pixels."""


def request(started: float, ended: float) -> Request:
    return Request("F.1", "s3", "GET", "/b/k", "", {}, started, ended)


@pytest.mark.parametrize(
    ("spans", "waves"),
    [
        ([], 0),
        ([(0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0, 1), (0.5, 1.5)], 1),
        ([(0, 9), (1, 2), (3, 4), (5, 6)], 3),
    ],
)
def test_the_longest_chain_counts(spans: list[tuple[float, float]], waves: int) -> None:
    assert count_waves(request(*span) for span in spans) == waves


def test_few_requests_wait_for_one_another(rehearsal: Rehearsal) -> None:
    by_sandbox: dict[str, list[Request]] = defaultdict(list)
    for each in rehearsal.account.requests:
        if each.service == "s3":
            by_sandbox[each.key_id].append(each)
    deepest: dict[str, int] = defaultdict(int)
    for call in (call for name in SORTS for call in rehearsal.calls[name]):
        made = [r for r in by_sandbox[call.sandbox] if call.started <= r.ended <= call.ended]
        deepest[call.function] = max(deepest[call.function], count_waves(made))
    assert deepest["PlanRun1769"] > 0
    too_deep = {function: waves for function, waves in deepest.items() if waves > DEEPEST}
    assert too_deep == {}
