import json
from typing import Any

import pytest
from ionbox.local.definition import (
    MAPS,
    State,
    adapt_to_machine,
    fill_placeholders,
    placeholder_values,
)
from ionbox.local.errors import InvalidDefinition
from ionbox.local.functions import read_functions, read_tasks

from tests.local.toys import States, Toy, distributed_map, fargate_task, task

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def adapt(states: States, n_workers: int = 2, heartbeat_s: float = 30) -> Any:
    machine = json.dumps({"States": states})
    return json.loads(adapt_to_machine(machine, n_workers, heartbeat_s))["States"]


def test_placeholders_are_the_rungs_of_functions_the_task_and_what_is_only_a_name_here(
    toy: Toy,
) -> None:
    functions = toy.functions(PlanRun={}, AnnotateSegments={"rungs_mb": [200, 100]})
    values = placeholder_values(functions, read_tasks(toy.project))
    assert values == {
        "PlanRun": ARN + "plan_run",
        "AnnotateSegments": f"{ARN}annotate_segments-100,{ARN}annotate_segments-200",
        "SortTask": "arn:aws:ecs:us-east-1:123456789012:task-definition/sort_spectra:1",
        **dict.fromkeys((f"{state}Children" for state in MAPS), "STANDARD"),
        "MapConcurrency": "1000",
        "WorkBucket": "work",
        "Cluster": "local",
        "Subnets": "subnet-local",
        "SecurityGroup": "sg-local",
        "AssignPublicIp": "ENABLED",
    }


def test_rungs_above_the_largest_lambda_become_it_once(toy: Toy) -> None:
    toy.functions(PlanRun={"rungs_mb": [900]}, Echo={"rungs_mb": [100, 300, 500, 900]})
    functions = read_functions(toy.project, max_lambda_mb=400)
    sizes = {function.name: function.memory_mb for function in functions.values()}
    assert sizes == {"plan_run": 400, "echo-100": 100, "echo-300": 300, "echo-400": 400}


def test_every_placeholder_is_filled_wherever_it_stands() -> None:
    assert fill_placeholders("${A}-${B}${A} $.x $${", {"A": "1", "B": "2"}) == "1-21 $.x $${"


def test_placeholders_without_value_are_all_named() -> None:
    with pytest.raises(InvalidDefinition, match="nothing fills: Other, PlanRun"):
        fill_placeholders("${PlanRun} ${Known} ${Other}", {"Known": "1"})


@pytest.mark.parametrize(
    ("given", "adapted"), [({"MaxConcurrency": 1000}, 4), ({"MaxConcurrency": 3}, 3), ({}, 4)]
)
def test_a_map_starts_no_more_than_keeps_the_workers_busy(given: State, adapted: int) -> None:
    states = adapt({"M": distributed_map() | {"MaxConcurrency": 0} | given})
    assert states["M"]["MaxConcurrency"] == adapted


def test_waiting_for_a_worker_does_not_count_as_running() -> None:
    slow = task(TimeoutSeconds=60)
    token = fargate_task(TimeoutSeconds=9)
    parallel = {"Type": "Parallel", "Branches": [{"States": {"A": slow}}, {"States": {"B": token}}]}
    states = adapt({"P": parallel, "M": distributed_map({"C": slow})})
    assert "TimeoutSeconds" not in states["P"]["Branches"][0]["States"]["A"]
    assert states["P"]["Branches"][1]["States"]["B"]["TimeoutSeconds"] == 9
    assert "TimeoutSeconds" not in states["M"]["ItemProcessor"]["States"]["C"]


def test_the_parameters_of_a_task_are_written_as_ecs_has_them() -> None:
    parameters = adapt({"F": fargate_task()})["F"]["Parameters"]
    assert parameters["taskDefinition"] == "${SortTask}"
    overrides = parameters["overrides"]
    assert set(overrides) == {"cpu.$", "memory.$", "ephemeralStorage", "containerOverrides"}
    assert overrides["containerOverrides"][0]["environment"][0] == {
        "name": "IONBOX_TASK_TOKEN",
        "value.$": "$$.Task.Token",
    }


def test_a_task_is_started_in_the_way_that_the_interpreter_knows() -> None:
    retry = [{"ErrorEquals": ["TaskStopped", "ECS.AmazonECSException", "ECS.ServerException"]}]
    catch = [{"ErrorEquals": ["AmazonECS.Unknown"], "Next": "F"}]
    state = adapt({"F": fargate_task(Retry=retry, Catch=catch)})["F"]
    assert state["Resource"] == "arn:aws:states:::aws-sdk:ecs:runTask.waitForTaskToken"
    assert state["Retry"][0]["ErrorEquals"] == [
        "TaskStopped",
        "Ecs.EcsException",
        "Ecs.ServerException",
    ]
    assert state["Catch"][0]["ErrorEquals"] == ["AmazonECS.Unknown"]


@pytest.mark.parametrize(("given", "heartbeat_s", "adapted"), [(600, 30, 30), (10, 30, 10)])
def test_a_task_may_be_silent_no_longer_than_told(
    given: int, heartbeat_s: float, adapted: int
) -> None:
    states = adapt({"F": fargate_task(HeartbeatSeconds=given)}, heartbeat_s=heartbeat_s)
    assert states["F"]["HeartbeatSeconds"] == adapted


def test_a_task_without_entry_is_refused(toy: Toy) -> None:
    toy.functions()
    toy.project.table.write_text(json.dumps({"tasks": {"SortSpectra": {"layers": []}}}))
    with pytest.raises(
        InvalidDefinition, match="Task SortSpectra needs entry, vcpu and memory_mb; it has"
    ):
        read_tasks(toy.project)


def test_a_function_without_memory_is_refused(toy: Toy) -> None:
    with pytest.raises(InvalidDefinition, match="Function Echo needs a handler, at least one of"):
        toy.functions(Echo={"rungs_mb": []})


def test_a_missing_table_is_named(toy: Toy) -> None:
    with pytest.raises(InvalidDefinition, match=r"Cannot read .*functions\.json"):
        read_functions(toy.project)
