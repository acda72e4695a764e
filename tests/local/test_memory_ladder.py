"""The memory ladder of the real state machine, climbed by toy functions."""

import json
from pathlib import Path
from typing import Any

import pytest
from ionbox.local.definition import State
from ionbox.local.functions import IONBOX
from ionbox.local.machine import ExecutionResult

from tests.local.toys import Entry, Toy

MACHINE = json.loads(IONBOX.definition.read_text("utf-8"))
ANNOTATING = MACHINE["States"]["AnnotateDataset"]["Branches"][0]["States"]
SORT_BRANCH, PATTERNS_BRANCH = (
    branch["States"] for branch in ANNOTATING["PrepareInputs"]["Branches"]
)

TIMED_OUT = {"fail": {"name": "Sandbox.Timedout", "message": "Task timed out after 1.00 seconds"}}
FAILED = {"fail": {"name": "MissingObject", "message": "gone"}}
THROTTLED = {"fail": {"name": "Lambda.TooManyRequestsException", "message": "Rate Exceeded"}}
UNKNOWN = {"fail": {"name": "Lambda.Unknown", "message": "The function died"}}
UNKNOWN_TIMEOUT = {"fail": {"name": "Lambda.Unknown", "message": "Task timed out after 900 s"}}

# Where a call starts, what happens on each call, and the functions that are called for it
CASES = [
    pytest.param(0, [{"hold_mb": 10}], [100], id="fits"),
    pytest.param(0, [{"hold_mb": 130}] * 2, [100, 200], id="one too low"),
    pytest.param(0, [{"hold_mb": 230}] * 3, [100, 200, 300], id="two too low"),
    pytest.param(2, [{"hold_mb": 230}], [300], id="starts high enough"),
    pytest.param(1, [{"hold_mb": 400}] * 2, [200, 300, None], id="no rung left"),
    pytest.param(0, [{"end": "memory"}, {}], [100, 200], id="MemoryError"),
    pytest.param(0, [UNKNOWN, {}], [100, 200], id="unknown end"),
    pytest.param(0, [UNKNOWN_TIMEOUT, {}], [100, 100], id="unknown end, too slow once"),
    pytest.param(0, [UNKNOWN_TIMEOUT] * 2, [100, 100, None], id="unknown end, too slow"),
    pytest.param(0, [FAILED], [100, None], id="another error"),
    pytest.param(0, [THROTTLED, THROTTLED, {}], [100] * 3, id="throttled"),
    pytest.param(0, [TIMED_OUT, {}], [100] * 2, id="too slow once"),
    pytest.param(0, [TIMED_OUT] * 2, [100, 100, None], id="too slow"),
    pytest.param(
        0, [TIMED_OUT, {"hold_mb": 130}, TIMED_OUT, {}], [100, 100, 200, 200], id="slow, then large"
    ),
]

FEW_CASES = {"starts high enough", "no rung left", "MemoryError", "another error", "too slow"}

RUNGS: Entry = {"rungs_mb": [100, 200, 300]}


def hurry(state: State) -> State:
    """Let a state wait as little as may be before it tries again."""
    hurried = [{**retry, "IntervalSeconds": 1, "MaxDelaySeconds": 2} for retry in state["Retry"]]
    return {**state, "Retry": hurried}


def called(result: ExecutionResult) -> list[int | None]:
    """The size of each function that was called; None for the one that records failures."""
    return [
        None if call.state == "RecordFailure" else int(call.function.rpartition("-")[2])
        for call in result.calls
    ]


@pytest.mark.parametrize(("rung", "turns", "expected"), CASES)
def test_an_item_climbs_only_for_lack_of_memory(
    toy: Toy, tmp_path: Path, rung: int, turns: list[dict[str, Any]], expected: list[int | None]
) -> None:
    item = {"execution_id": "e", "item": 0, "counter": str(tmp_path / "counter"), "turns": turns}
    key = toy.items("AnnotateSegments", [{"item": item, "rung": rung}])
    state = json.loads(json.dumps(ANNOTATING["AnnotateSegments"]))
    states = state["ItemProcessor"]["States"]
    states["AnnotateSegmentsItem"] = hurry(states["AnnotateSegmentsItem"])
    del state["Next"]
    event = {"scores": {"list": {"items_key": key}}, "limits": {"map_concurrency": 4}}
    functions: dict[str, Entry] = {"AnnotateSegments": RUNGS, "RecordFailure": {}}
    result = toy.run({"AnnotateSegments": state | {"End": True}}, event, functions)
    assert result.status == "SUCCEEDED"
    assert called(result) == expected


@pytest.mark.parametrize(("rung", "turns", "expected"), CASES)
def test_a_single_call_climbs_only_for_lack_of_memory(
    toy: Toy, tmp_path: Path, rung: int, turns: list[dict[str, Any]], expected: list[int | None]
) -> None:
    states = {name: state for name, state in SORT_BRANCH.items() if "SegmentSpectra" in name}
    states["SegmentSpectra"] = hurry(states["SegmentSpectra"])
    first = {"AimSegmentSpectra": states.pop("AimSegmentSpectra")}
    run = {"counter": str(tmp_path / "counter"), "turns": turns}
    event = {"run": run, "plan": {"sort": {"rung": rung}}}
    result = toy.run(first | states, event, {"SegmentSpectra": RUNGS})
    assert called(result) == [size for size in expected if size]
    assert result.status == ("FAILED" if None in expected else "SUCCEEDED")
    if None in expected:
        assert result.error == result.calls[-1].error


def next_names(state: State) -> set[str]:
    """Where a state leads."""
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {way[key] for way in ways for key in ("Next", "Default") if key in way}


def call_on_a_run(state: str, scope: dict[str, State]) -> dict[str, State]:
    """The states of one call with its ladder; where it goes on, the run ends well, else badly."""
    found = {name: each for name, each in scope.items() if state in name}
    found[state] = hurry(found[state])
    name_of = found[state]["Parameters"]["FunctionName.$"]
    found[state]["Parameters"] = {"FunctionName.$": name_of, "Payload.$": "$.run"}  # for the toy
    failed = {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
    outside = {name for each in found.values() for name in next_names(each)} - found.keys()
    ends = {
        name: {"Type": "Succeed"} if name == found[state]["Next"] else failed for name in outside
    }
    return {f"Aim{state}": found.pop(f"Aim{state}")} | found | ends


@pytest.mark.parametrize(
    ("state", "scope"), [("EstimateFdr", ANNOTATING), ("BuildIons", PATTERNS_BRANCH)]
)
@pytest.mark.parametrize(
    ("rung", "turns", "expected"), [case for case in CASES if case.id in FEW_CASES]
)
def test_a_call_on_the_whole_run_climbs_as_well(
    toy: Toy,
    tmp_path: Path,
    state: str,
    scope: dict[str, State],
    rung: int,
    turns: list[dict[str, Any]],
    expected: list[int | None],
) -> None:
    run = {"counter": str(tmp_path / "counter"), "turns": turns}
    event = {"run": run, "plan": {"calls": {state: {"rung": rung, "memory_mb": 77}}}}
    result = toy.run(call_on_a_run(state, scope), event, {state: RUNGS})
    assert called(result) == [size for size in expected if size]
    assert result.status == ("FAILED" if None in expected else "SUCCEEDED")
    if None in expected:
        assert result.error == result.calls[-1].error
