"""One table says what is deployed; an account's limit clips it."""

from __future__ import annotations

import json

import pytest

from cdk.functions_table import TABLE, FunctionsTable, clip
from cdk.permissions import OBJECTS
from tests.cdk.synthesis import Synthesis, synthesise

ENTRIES = json.loads(TABLE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("limit", "rungs"),
    [
        (10240, (1769, 3008, 5120, 10240)),
        (6000, (1769, 3008, 5120, 6000)),
        (3008, (1769, 3008)),
        (1769, (1769,)),
    ],
)
def test_rungs_are_clipped_to_what_an_account_allows(limit: int, rungs: tuple[int, ...]) -> None:
    assert clip([1769, 3008, 5120, 10240], limit) == rungs


@pytest.mark.parametrize(
    ("fixture", "limit"), [("stack", 3008), ("without_fargate", 1769), ("with_all", 10240)]
)
def test_every_handler_is_deployed_at_every_rung(
    fixture: str, limit: int, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(fixture)
    found = {
        name: (function["Properties"]["MemorySize"], function["Properties"]["Timeout"])
        for name, function in synthesis.of_type("Lambda::Function").items()
    }
    expected = {}
    for state, entry in ENTRIES["functions"].items():
        for rung in sorted({min(rung, limit) for rung in entry["rungs_mb"]}):
            name = f"{state}{rung}" if len(entry["rungs_mb"]) > 1 else state
            expected[name] = (rung, entry["timeout_s"])
    assert found == expected


def test_on_arm_nothing_runs_on_other_processors(for_arm: Synthesis, stack: Synthesis) -> None:
    functions = for_arm.of_type("Lambda::Function").values()
    assert len(functions) == len(stack.of_type("Lambda::Function"))
    for function in functions:
        assert function["Properties"]["Architectures"] == ["arm64"]
    layers = for_arm.of_type("Lambda::LayerVersion").values()
    assert len(layers) == 2
    for layer in layers:
        assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
    (definition,) = for_arm.of_type("ECS::TaskDefinition").values()
    properties = definition["Properties"]
    assert properties["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    (container,) = properties["ContainerDefinitions"]
    image, _, digest = container["Image"].partition("@sha256:")
    assert image == "public.ecr.aws/lambda/python:3.13-arm64"
    assert len(digest) == 64
    text = json.dumps(for_arm.template)
    assert "x86" not in text.lower()
    assert for_arm.template["Outputs"]["Architecture"]["Value"] == "arm64"


def test_all_functions_share_code_and_take_the_tables_handler_and_layers(stack: Synthesis) -> None:
    functions = stack.of_type("Lambda::Function")
    for name, function in functions.items():
        entry = ENTRIES["functions"][name.rstrip("0123456789")]
        properties = function["Properties"]
        module, _, call = properties["Handler"].rpartition(".")
        assert (module.replace(".", "/") + ".py", call) == (entry["handler"], "lambda_handler")
        assert stack.flat(properties["Layers"]) == [f"{layer}layer" for layer in entry["layers"]]
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["x86_64"]
    assert len({json.dumps(f["Properties"]["Code"]) for f in functions.values()}) == 1


def test_the_planner_is_told_the_rungs_that_exist(with_all: Synthesis, stack: Synthesis) -> None:
    for synthesis, limit in ((with_all, 10240), (stack, 3008)):
        variables = synthesis.properties("PlanRun1769")["Environment"]["Variables"]
        rungs = json.loads(variables["IONBOX_RUNGS_MB"])
        assert rungs.keys() == ENTRIES["functions"].keys()
        assert rungs["AnnotateSegments"][-1] == limit


def test_every_handler_and_task_says_which_objects_it_touches() -> None:
    table = FunctionsTable.read(3008)
    assert OBJECTS.keys() == table.functions.keys() | table.tasks.keys()


def test_settings_other_than_the_size_change_nothing_of_functions_but_the_fan_out() -> None:
    few = synthesise(max_runs=1, map_concurrency=1)
    usual = synthesise()
    for name, function in usual.of_type("Lambda::Function").items():
        if name not in ("Intake", "StartRuns", "AnnounceEnd"):
            other = few.template["Resources"][name]
            told = [each["Properties"]["Environment"]["Variables"] for each in (function, other)]
            fan_outs = [json.loads(each.pop("IONBOX_FAN_OUT"))["n_workers"] for each in told]
            assert fan_outs == [99, 1]
            assert other == function
