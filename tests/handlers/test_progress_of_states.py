"""What each state says of how far it is: never less than before, and in what units."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from ionbox_science.progress import listening

from tests.handlers import in_memory
from tests.handlers.in_memory import InMemoryRun

PEAKS = ["peaks read", "peaks placed", "peaks sorted"]
UNITS = {
    "PlanRun": [],  # no other file begins like this one, so it is not read
    "SegmentSpectra": [*PEAKS, "segments"],
    "BuildIons": ["decoy draws", "formulas"],
    "GenerateIsotopePatterns": ["ions"],
    "PlanRecalibration": [],
    "MeasureMzErrors": ["ions"],
    "PlanAnnotation": [],
    "AnnotateSegments": ["ions"],
    "EstimateFdr": ["files", "databases"],
    "RenderImages": ["images"],
    "CompareImages": ["images"],
    "PublishResults": ["images"],
}
UNITS_BY_MANY = {
    "SortSpans": PEAKS,
    "PlanMerge": [],
    "MergeSegments": ["segments"],
    "ChecksumIbd": ["bytes"],
    "FinishSegments": [],
}


@pytest.mark.usefixtures("many_images")
@pytest.mark.parametrize("way", ["lambda", "map"])
def test_every_state_that_may_take_long_says_how_far_it_is(
    way: str, new_run: Callable[..., InMemoryRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, list[str]] = {}
    call = in_memory.call

    def call_listening(state: str, message: Any) -> dict[str, Any]:
        fractions, units = [0.0], said.setdefault(state, [])

        def hear(fraction: float, done: int, total: int, unit: str) -> None:
            assert done <= total
            fractions.append(fraction)
            units.append(unit)

        with listening(hear):
            answer = call(state, message)
        assert all(before <= after + 1e-9 for before, after in pairwise(fractions)), state
        assert fractions[-1] <= 1 + 1e-9
        return answer

    monkeypatch.setattr(in_memory, "call", call_listening)
    run = new_run({**in_memory.SETTINGS, "sort": way})
    if way == "lambda":
        run.run_all()
    else:
        run.run_all(("SegmentSpectra",))
    expected = UNITS if way == "lambda" else {"PlanRun": [], **UNITS_BY_MANY}
    assert {state: list(dict.fromkeys(units)) for state, units in said.items()} == expected
