"""The outline in ``statemachine/README.md`` is that of the file."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from statemachine.outline import DEFINITION, README, draw_tree, explain_ladder, write_readme


@pytest.fixture
def machine() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DEFINITION.read_text("utf-8"))
    return found


def test_the_outline_is_current(machine: dict[str, Any]) -> None:
    readme = README.read_text("utf-8")
    assert write_readme(readme, machine) == readme, "make outline"


def test_the_tree_is_short_enough_to_be_read_at_a_glance(machine: dict[str, Any]) -> None:
    lines = draw_tree(machine).splitlines()
    assert len(lines) <= 42
    assert max(map(len, lines)) <= 120


def test_every_state_is_in_the_tree_or_explained_below_it(machine: dict[str, Any]) -> None:
    drawn, explained = draw_tree(machine), explain_ladder(machine)
    for name in ("PlanRun", "SortSpans × n", "RunFailed"):
        assert f"{name} " in drawn
    for name in ("SortSpansItem", "ClimbRenderImages"):
        assert name not in drawn
    for name in ("XItem", "ClimbX", "EndX"):
        assert f"| `{name}` |" in explained


def test_states_of_the_ladder_say_the_same_for_every_function(machine: dict[str, Any]) -> None:
    other = copy.deepcopy(machine)
    states = other["States"]["RenderImages"]["ItemProcessor"]["States"]
    states["ClimbRenderImages"]["Comment"] = "Go up."
    with pytest.raises(ValueError, match="ClimbRenderImages has another comment"):
        explain_ladder(other)


def test_a_readme_without_its_places_is_not_written(machine: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has lost a place"):
        write_readme("# The state machine\n", machine)
