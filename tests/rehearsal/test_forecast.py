"""The model of a run counts the requests that the rehearsal sees.

Seconds are not compared: those of a busy machine say little, and what a request takes is set here.
"""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from ionbox_cloud import keys
from ionbox_cloud.planning.rate_table import read_rates
from ionbox_cloud.run_plan import Forecast

from tests.rehearsal.conftest import Rehearsal
from tests.rehearsal.request_log import Request, count_waves

TOLERANCE = 0.25
"""Of all requests of a run that wait for one another."""

MOST_OFF = 5
"""Requests by which a single state may be off."""


def forecast_of(rehearsal: Rehearsal, name: str) -> Forecast:
    """What the plan of a run says that it takes."""
    account = rehearsal.account
    found = account.client("s3").get_object(
        Bucket=account.outputs["WorkBucket"], Key=keys.run_plan(rehearsal.ends[name].name)
    )
    return Forecast.from_json(json.loads(found["Body"].read())["forecast"])


def chains_of(rehearsal: Rehearsal, name: str) -> dict[str, int]:
    """By state, the longest chain of requests of any of its calls."""
    by_sandbox: dict[str, list[Request]] = defaultdict(list)
    for each in rehearsal.account.requests:
        if each.service == "s3":
            by_sandbox[each.key_id].append(each)
    longest: dict[str, int] = defaultdict(int)
    for call in rehearsal.calls[name]:
        made = [r for r in by_sandbox[call.sandbox] if call.started <= r.ended <= call.ended]
        state = call.function.rstrip("0123456789")
        longest[state] = max(longest[state], count_waves(made))
    return longest


@pytest.mark.parametrize("name", ["lambda", "map"])
def test_requests_that_wait_for_one_another_are_as_many_as_foreseen(
    rehearsal: Rehearsal, name: str
) -> None:
    forecast, seen = forecast_of(rehearsal, name), chains_of(rehearsal, name)
    assert forecast.on_aws
    request_s = read_rates().request_s
    foreseen = {state: each.wait_s / request_s for state, each in forecast.states.items()}
    shared = sorted(foreseen.keys() & seen.keys())
    assert {"PlanRun", "AnnotateSegments", "PublishResults"} <= set(shared)
    pairs = {state: (round(foreseen[state], 1), seen[state]) for state in shared}
    assert sum(foreseen[state] for state in shared) == pytest.approx(
        sum(seen[state] for state in shared), rel=TOLERANCE
    ), pairs
    off = {state: pair for state, pair in pairs.items() if abs(pair[0] - pair[1]) > MOST_OFF}
    assert off == {}


def test_calls_are_as_many_as_foreseen(rehearsal: Rehearsal) -> None:
    forecast = forecast_of(rehearsal, "lambda")
    made: dict[str, int] = defaultdict(int)
    for call in rehearsal.calls["lambda"]:
        made[call.function.rstrip("0123456789")] += 1
    for state in ("PlanAnnotation", "AnnotateSegments", "EstimateFdr", "RenderImages"):
        assert made[state] == forecast.states[state].calls
