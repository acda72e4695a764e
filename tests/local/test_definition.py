import json

import pytest
from ionbox.local.definition import adapt_to_machine, fill_placeholders, placeholder_values
from ionbox.local.errors import InvalidDefinition
from ionbox.local.functions import read_functions
from toys import distributed_map, task

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def adapt(states, n_workers=2):
    return json.loads(adapt_to_machine(json.dumps({"States": states}), n_workers))["States"]


def test_placeholders_are_functions_child_type_and_bucket(toy):
    functions = toy.functions(PlanRun={}, AnnotateSegments={"rungs_mb": [100, 200]})
    assert placeholder_values(functions) == {
        "PlanRun": ARN + "plan_run",
        "AnnotateSegments": ARN + "annotate_segments",
        "ChildExecutionType": "STANDARD",
        "WorkBucket": "work",
    }


def test_every_placeholder_is_filled_wherever_it_stands():
    assert fill_placeholders("${A}-${B}${A} $.x $${", {"A": "1", "B": "2"}) == "1-21 $.x $${"


def test_placeholders_without_value_are_all_named():
    with pytest.raises(InvalidDefinition, match="nothing fills: Other, PlanRun"):
        fill_placeholders("${PlanRun} ${Known} ${Other}", {"Known": "1"})


@pytest.mark.parametrize(
    ("given", "adapted"), [({"MaxConcurrency": 1000}, 4), ({"MaxConcurrency": 3}, 3), ({}, 4)]
)
def test_a_map_starts_no_more_than_keeps_the_workers_busy(given, adapted):
    states = adapt({"M": distributed_map() | {"MaxConcurrency": 0} | given})
    assert states["M"]["MaxConcurrency"] == adapted


def test_waiting_for_a_worker_does_not_count_as_running():
    slow = task(TimeoutSeconds=60)
    token = task(Resource="arn:aws:states:::aws-sdk:ecs:runTask.waitForTaskToken", TimeoutSeconds=9)
    parallel = {"Type": "Parallel", "Branches": [{"States": {"A": slow}}, {"States": {"B": token}}]}
    states = adapt({"P": parallel, "M": distributed_map({"C": slow})})
    assert "TimeoutSeconds" not in states["P"]["Branches"][0]["States"]["A"]
    assert states["P"]["Branches"][1]["States"]["B"]["TimeoutSeconds"] == 9
    assert "TimeoutSeconds" not in states["M"]["ItemProcessor"]["States"]["C"]


def test_a_function_without_memory_is_refused(toy):
    with pytest.raises(InvalidDefinition, match="Function Echo needs a handler, at least one of"):
        toy.functions(Echo={"rungs_mb": []})


def test_a_missing_table_is_named(toy):
    with pytest.raises(InvalidDefinition, match=r"Cannot read .*functions\.json"):
        read_functions(toy.project)
