"""The outline in ``statemachine/README.md`` is that of the file."""

from __future__ import annotations

import ast
import copy
import json
import re
from typing import Any

import pytest

from statemachine.outline import (
    DEFINITION,
    PROJECT,
    README,
    draw_tree,
    explain_ladder,
    imported_functions,
    list_science,
    write_readme,
)


@pytest.fixture
def machine() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DEFINITION.read_text("utf-8"))
    return found


def test_the_outline_is_current(machine: dict[str, Any]) -> None:
    readme = README.read_text("utf-8")
    assert write_readme(readme, machine) == readme, "make outline"


def test_the_tree_is_short_enough_to_be_read_at_a_glance(machine: dict[str, Any]) -> None:
    lines = draw_tree(machine).splitlines()
    assert len(lines) <= 49
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("state", "function"),
    [
        ("SegmentSpectra", "sort_in_ranges"),
        ("SortSpectra", "sort_on_disk"),
        ("GenerateIsotopePatterns", "generate_patterns_of"),
        ("AnnotateSegments", "score_ions"),
        ("EstimateFdr", "rank_targets"),
        ("PublishResults", "write_report"),
    ],
)
def test_a_state_leads_to_its_science(machine: dict[str, Any], state: str, function: str) -> None:
    (row,) = [line for line in list_science(machine).splitlines() if f"| [`{state}`]" in line]
    handler, *called = re.findall(r"\(\.\./([^)]*)\)", row)
    names = re.findall(r"\[`(\w+)`\]", row)[1:]
    assert function in names
    imported = ast.parse((PROJECT / handler).read_text("utf-8"))
    used = {node.id for node in ast.walk(imported) if isinstance(node, ast.Name)}
    for name, path in zip(names, called, strict=True):
        assert name in used
        defined = ast.parse((PROJECT / path).read_text("utf-8")).body
        assert name in {node.name for node in defined if isinstance(node, ast.FunctionDef)}


def test_functions_are_found_whichever_way_they_are_imported() -> None:
    source = """
from ionbox_science.a.b import f, Class, CONSTANT
from ionbox_cloud.store import g
from ionbox_sciences import h
def handler():
    from ionbox_cloud.report.c import i
"""
    assert imported_functions(source) == [
        ("f", "layers/science/python/ionbox_science/a/b.py"),
        ("i", "layers/cloud/python/ionbox_cloud/report/c.py"),
    ]


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
    annotating = other["States"]["AnnotateDataset"]["Branches"][0]["States"]
    states = annotating["RenderImages"]["ItemProcessor"]["States"]
    states["ClimbRenderImages"]["Comment"] = "Go up."
    with pytest.raises(ValueError, match="ClimbRenderImages has another comment"):
        explain_ladder(other)


def test_a_readme_without_its_places_is_not_written(machine: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has lost a place"):
        write_readme("# The state machine\n", machine)
