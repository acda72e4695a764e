"""The stack of an account in which not everything may be made."""

from __future__ import annotations

import json

import pytest

from tests.cdk.policies import allows
from tests.cdk.synthesis import Synthesis, synthesise
from tests.cdk.test_deployed_definition import definition_of, states

BOUNDARY = "arn:aws:iam::123456789012:policy/developers"
OWN = {"INBOX": "lab-inbox", "WORK": "lab-work", "RESULTS": "lab-results"}


def test_every_role_keeps_within_the_boundary(restricted: Synthesis, stack: Synthesis) -> None:
    roles = restricted.of_type("IAM::Role")
    assert roles.keys() == stack.of_type("IAM::Role").keys()
    assert {role["Properties"].get("PermissionsBoundary") for role in roles.values()} == {BOUNDARY}
    for role in stack.of_type("IAM::Role").values():
        assert "PermissionsBoundary" not in role["Properties"]


def test_a_network_of_ones_own_is_used_and_none_made(restricted: Synthesis) -> None:
    kinds = {resource["Type"] for resource in restricted.template["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::EC2::")]
    task = dict(states(json.loads(definition_of(restricted))))["SortSpectra"]["Parameters"]
    assert task["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "Subnets.$": "States.StringSplit('subnet-0a1,subnet-0b2', ',')",
        "SecurityGroups": ["sg-0c3"],
        "AssignPublicIp": "DISABLED",
    }


def test_in_a_network_of_ones_own_a_security_group_is_made_if_none_is_given() -> None:
    synthesis = synthesise(vpc_id="vpc-0a1", subnet_ids="subnet-0a1")
    ((name, group),) = synthesis.of_type("EC2::SecurityGroup").items()
    assert group["Properties"]["VpcId"] == "vpc-0a1"
    task = dict(states(json.loads(definition_of(synthesis))))["SortSpectra"]["Parameters"]
    configuration = task["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert configuration["AssignPublicIp"] == "ENABLED"
    assert name.lower() in configuration["SecurityGroups"][0].lower()


def test_a_copy_of_the_image_may_be_pulled_and_nothing_else(restricted: Synthesis) -> None:
    (definition,) = restricted.of_type("ECS::TaskDefinition").values()
    (container,) = definition["Properties"]["ContainerDefinitions"]
    assert container["Image"].endswith(".amazonaws.com/public/lambda/python:3.13")
    repository = "arn:aws:ecr:eu-central-1:123456789012:repository/"
    role = "SortSpectraExecutionRole"
    for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
        assert allows(restricted, role, action, f"{repository}public/lambda/python")
        assert not allows(restricted, role, action, f"{repository}other")
    assert allows(restricted, role, "ecr:GetAuthorizationToken", "*")


def test_buckets_of_ones_own_are_used_and_left_alone(restricted: Synthesis) -> None:
    assert not restricted.of_type("S3::Bucket")
    assert not restricted.of_type("S3::BucketPolicy")
    for function in restricted.of_type("Lambda::Function").values():
        variables = function["Properties"]["Environment"]["Variables"]
        assert {name: variables[f"IONBOX_{name}"] for name in OWN} == {
            name: f"s3://{bucket}" for name, bucket in OWN.items()
        }
    outputs = {name: each["Value"] for name, each in restricted.template["Outputs"].items()}
    assert [outputs[f"{name.capitalize()}Bucket"] for name in OWN] == [*OWN.values()]
    pattern = restricted.flat(restricted.properties("ObjectDropped")["EventPattern"])
    assert pattern["detail"]["bucket"]["name"] == ["lab-inbox"]


@pytest.mark.parametrize(
    ("role", "action", "key"),
    [
        ("IntakeRole", "s3:GetObject", "lab-inbox/mouse.imzML"),
        ("AnnotateSegmentsRole", "s3:PutObject", "lab-work/scores/x"),
        ("PublishResultsRole", "s3:PutObject", "lab-results/results/x"),
        ("PlanRunRole", "s3:DeleteObject", "lab-results/segments/x"),
        ("StateMachineRole", "s3:GetObject", "lab-work/executions/e/items/x"),
    ],
)
def test_roles_may_use_the_same_folders_of_buckets_of_ones_own(
    restricted: Synthesis, role: str, action: str, key: str
) -> None:
    assert allows(restricted, role, action, f"arn:aws:s3:::{key}")
    assert not allows(restricted, role, action, "arn:aws:s3:::lab-other/results/x")
