"""The state machine's file as AWS gets it: every placeholder filled, accepted by a validator."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk import fan_out
from cdk.fan_out import DEFINITION, EXPRESS_S
from cdk.functions_table import PROJECT, TABLE
from cdk.node import NODE
from cdk.settings import StackSettings
from cdk.workflow import placeholders_of
from tests import patience
from tests.cdk.synthesis import Synthesis

VARIANTS = ("stack", "without_fargate", "with_all", "restricted")
VALIDATOR = Path(sys.prefix) / "asl" / "node_modules" / ".bin" / "asl-validator"

Machine = dict[str, Any]


def definition_of(stack: Synthesis) -> str:
    """The definition with its substitutions, as CloudFormation passes it on."""
    properties = stack.properties("StateMachine")
    values = stack.flat(properties["DefinitionSubstitutions"])
    text: str = properties["DefinitionString"]
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def states(machine: Machine) -> Iterator[tuple[str, Machine]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from states(inner)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Synthesis:
    found: Synthesis = request.getfixturevalue(request.param)
    return found


def complaints(definition: str, path: Path) -> str:
    """What the validator has against a definition; nothing if it would be accepted."""
    path.write_text(definition, "utf-8")
    assert VALIDATOR.exists(), "make .venv/.asl"
    done = patience.run([NODE, VALIDATOR, "--json-path", path])
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr if done.returncode else ""


def test_every_placeholder_is_filled(variant: Synthesis) -> None:
    substitutions = variant.properties("StateMachine")["DefinitionSubstitutions"]
    assert substitutions.keys() == placeholders_of(DEFINITION.read_text("utf-8"))
    filled = definition_of(variant)
    assert "${" not in filled
    assert all(value for value in variant.flat(substitutions).values())
    json.loads(filled)


def test_a_function_is_filled_in_as_its_rungs_lowest_first(variant: Synthesis) -> None:
    substitutions = variant.flat(variant.properties("StateMachine")["DefinitionSubstitutions"])
    sizes = {
        name: function["Properties"]["MemorySize"]
        for name, function in variant.of_type("Lambda::Function").items()
    }
    for state in json.loads(TABLE.read_text("utf-8"))["functions"].keys() & substitutions.keys():
        names = [arn.rpartition(":")[2] for arn in substitutions[state].split(",")]
        assert {name.rstrip("0123456789") for name in names} == {state}
        assert [sizes[name] for name in names] == sorted(sizes[name] for name in names)
        assert len(names) == len([name for name in sizes if name.rstrip("0123456789") == state])


def test_nothing_but_placeholders_differs_from_the_file(stack: Synthesis) -> None:
    deployed = stack.properties("StateMachine")["DefinitionString"]
    assert json.loads(deployed) == json.loads(DEFINITION.read_text("utf-8"))


def test_maps_run_no_more_at_once_than_the_account_allows(
    stack: Synthesis, with_all: Synthesis
) -> None:
    for synthesis, most in ((stack, "99"), (with_all, "8")):
        machine = json.loads(definition_of(synthesis))
        limits = machine["States"]["Begin"]["Parameters"]["limits"]
        assert limits["map_concurrency.$"] == f"States.StringToJson('{most}')"
        maps = [state for _, state in states(machine) if state["Type"] == "Map"]
        assert maps
        assert {state["MaxConcurrencyPath"] for state in maps} == {"$.limits.map_concurrency"}


def test_children_run_as_the_deployer_said(stack: Synthesis, with_all: Synthesis) -> None:
    assert set(child_types(with_all).values()) == {"EXPRESS"}
    assert set(child_types(stack).values()) == {"EXPRESS"}  # auto: all are short


def child_types(synthesis: Synthesis) -> dict[str, str]:
    machine = json.loads(definition_of(synthesis))
    return {
        name: state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"]
        for name, state in states(machine)
        if state["Type"] == "Map"
    }


def test_an_express_item_has_time_for_two_attempts_and_to_say_that_they_failed(
    stack: Synthesis,
) -> None:
    machine = json.loads(definition_of(stack))
    for name, state in states(machine):
        if state["Type"] == "Map":
            item = state["ItemProcessor"]["States"][f"{name}Item"]
            (once,) = [r for r in item["Retry"] if "States.Timeout" in r["ErrorEquals"]]
            attempts = 1 + once["MaxAttempts"]
            assert attempts * item["TimeoutSeconds"] + 30 <= EXPRESS_S


@pytest.mark.parametrize("limit_s", [130, 136, 960])
def test_items_that_may_take_long_are_standard_executions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit_s: int
) -> None:
    context = json.loads((PROJECT / "cdk.json").read_text("utf-8"))["context"]
    settings = StackSettings.from_context(context)
    machine = json.loads(DEFINITION.read_text("utf-8"))
    beside_the_checksum, *_ = machine["States"]["AnnotateDataset"]["Branches"]
    state = beside_the_checksum["States"]["AnnotateSegments"]
    state["ItemProcessor"]["States"]["AnnotateSegmentsItem"]["TimeoutSeconds"] = limit_s
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(machine), "utf-8")
    monkeypatch.setattr(fan_out, "DEFINITION", path)
    chosen = fan_out.child_types(settings)
    assert chosen.pop("AnnotateSegments") == ("EXPRESS" if limit_s < 136 else "STANDARD")
    assert set(chosen.values()) == {"EXPRESS"}
    told = json.loads(fan_out.environment(settings)["IONBOX_FAN_OUT"])
    assert told["n_workers"] == settings.map_concurrency


def test_handlers_are_told_what_maps_may_use(stack: Synthesis, with_all: Synthesis) -> None:
    for synthesis, most in ((stack, 99), (with_all, 8)):
        functions = synthesis.of_type("Lambda::Function").values()
        told = [each["Properties"]["Environment"]["Variables"] for each in functions]
        found = {each["IONBOX_FAN_OUT"] for each in told if "IONBOX_FAN_OUT" in each}
        (only,) = [json.loads(each) for each in found]
        assert only["n_workers"] == most
        express = [name for name, kind in child_types(synthesis).items() if kind == "EXPRESS"]
        assert only["express"] == express


def test_how_runs_went_is_logged_without_what_was_in_them(stack: Synthesis) -> None:
    properties = stack.properties("StateMachine")
    logging = properties["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    assert properties["TracingConfiguration"] == {"Enabled": True}


def test_a_run_cannot_last_for_ever(stack: Synthesis) -> None:
    assert json.loads(definition_of(stack))["TimeoutSeconds"] <= 7 * 24 * 3600


def test_the_validator_accepts_it(stack: Synthesis, tmp_path: Path) -> None:
    assert not complaints(definition_of(stack), tmp_path / "machine.json")


def lose_a_state(machine: Machine) -> None:
    del machine["States"]["PlanRun"]


def lose_a_field(machine: Machine) -> None:
    del machine["States"]["PlanRun"]["Resource"]


def misspell_a_type(machine: Machine) -> None:
    machine["States"]["PlanRun"]["Type"] = "Tsak"


def break_a_path(machine: Machine) -> None:
    machine["States"]["PlanRun"]["ResultPath"] = "planned"


@pytest.mark.parametrize("mistake", [lose_a_state, lose_a_field, misspell_a_type, break_a_path])
def test_the_validator_finds_mistakes(
    stack: Synthesis, mistake: Callable[[Machine], None], tmp_path: Path
) -> None:
    machine = json.loads(definition_of(stack))
    mistake(machine)
    assert "PlanRun" in complaints(json.dumps(machine), tmp_path / "machine.json")
