"""Where calls start on the memory ladder."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ionbox_cloud.environment import RUNGS_VARIABLE
from ionbox_cloud.errors import InvalidMessage
from ionbox_cloud.ladder import Ladder

LADDER = Ladder({"AnnotateSegments": (1769, 3008, 5120, 10240), "PlanRun": (3008,)})


@pytest.mark.parametrize(
    ("memory_mb", "rung"), [(0, 0), (1500, 0), (1700, 1), (3000, 2), (9000, 3), (99_999, 3)]
)
def test_a_call_starts_where_it_fits_with_some_room(memory_mb: int, rung: int) -> None:
    assert LADDER.start_rung("AnnotateSegments", memory_mb) == rung
    assert LADDER.start_rung("PlanRun", memory_mb) == 0


@given(st.integers(0, 20_000))
def test_what_fits_does_not_start_too_low(memory_mb: int) -> None:
    rungs = LADDER.rungs_mb["AnnotateSegments"]
    start = LADDER.start_rung("AnnotateSegments", memory_mb)
    if LADDER.fits("AnnotateSegments", memory_mb):
        assert rungs[start] >= memory_mb
        assert start == 0 or rungs[start - 1] < memory_mb * 1.1
    else:
        assert start == len(rungs) - 1


def test_climbs_are_counted_from_the_start() -> None:
    assert LADDER.climbs("AnnotateSegments", 1, 10240) == 2
    assert LADDER.climbs("AnnotateSegments", 1, 3008) == 0


def test_it_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({state: list(rungs) for state, rungs in LADDER.rungs_mb.items()})
    monkeypatch.setenv(RUNGS_VARIABLE, text)
    assert Ladder.from_environment() == LADDER
    for wrong in ("", "{"):
        monkeypatch.setenv(RUNGS_VARIABLE, wrong)
        with pytest.raises(InvalidMessage, match=RUNGS_VARIABLE):
            Ladder.from_environment()
