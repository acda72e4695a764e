"""Who may do what: no more than the code does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ionbox.local.definition import each_state

from cdk.fan_out import DEFINITION
from tests.cdk.synthesis import Synthesis

# Where AWS knows no narrower resource; everything else names what it is about.
EVERYWHERE = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
VARIANTS = ("stack", "without_fargate", "with_all")

Statement = dict[str, Any]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(stack: Synthesis) -> Iterator[tuple[str, Statement]]:
    """Every statement of every role's policy, with the role's logical id."""
    policies = [*stack.of_type("IAM::Policy").values()]
    # what does not fit into one policy
    policies += stack.of_type("IAM::ManagedPolicy").values()
    for policy in policies:
        (role,) = policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            yield role["Ref"], statement


def resources_for(stack: Synthesis, role: str, action: str) -> set[str]:
    return {
        resource
        for name, statement in statements(stack)
        if name == role and action in as_list(statement["Action"])
        for resource in as_list(stack.flat(statement["Resource"]))
    }


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Synthesis:
    found: Synthesis = request.getfixturevalue(request.param)
    return found


def test_no_role_has_a_policy_of_aws(variant: Synthesis) -> None:
    for role in variant.of_type("IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]
        assert "Policies" not in role["Properties"]


def test_actions_are_named_one_by_one(variant: Synthesis) -> None:
    for role, statement in statements(variant):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert not [action for action in as_list(statement["Action"]) if "*" in action], role


def test_only_what_aws_cannot_narrow_is_allowed_everywhere(variant: Synthesis) -> None:
    everywhere = set()
    for role, statement in statements(variant):
        assert "NotResource" not in statement
        if "*" in as_list(statement["Resource"]):
            assert role == "StateMachineRole"
            everywhere |= set(as_list(statement["Action"]))
    assert everywhere == EVERYWHERE  # all of it, or there are no logs


def test_an_asterisk_in_a_name_stands_for_objects_streams_executions_or_revisions(
    variant: Synthesis,
) -> None:
    for role, statement in statements(variant):
        for resource in as_list(variant.flat(statement["Resource"])):
            if resource == "*" or "*" not in resource:
                continue
            service = resource.split(":")[2]
            head, _, tail = resource.partition("*")
            assert service in ("s3", "logs", "states", "ecs"), role
            if service == "s3":
                assert tail in ("", "/items/*")
                assert head.endswith("/")
                assert head.count("/") == 2 - head.startswith("arn:aws:s3:::inboxbucket/")


def test_only_what_was_computed_is_deleted_and_only_by_the_plan(variant: Synthesis) -> None:
    """PlanRun removes what is damaged, so that it is computed again."""
    deleting = [
        (role, resource)
        for role, statement in statements(variant)
        if "s3:DeleteObject" in as_list(statement["Action"])
        for resource in as_list(variant.flat(statement["Resource"]))
    ]
    assert deleting
    for role, resource in deleting:
        assert "PlanRun" in role
        assert "inboxbucket" not in resource.lower()
        assert resource.endswith("/*") and resource.count("/") > 1, resource


def test_nobody_administers_buckets(variant: Synthesis) -> None:
    actions = {
        action
        for _, statement in statements(variant)
        for action in as_list(statement["Action"])
        if action.startswith("s3:")
    }
    assert actions == {
        *("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        *("s3:AbortMultipartUpload", "s3:ListBucket"),
    }


def test_what_users_dropped_is_only_read(variant: Synthesis) -> None:
    for role, statement in statements(variant):
        if "s3:PutObject" in as_list(statement["Action"]):
            for resource in as_list(variant.flat(statement["Resource"])):
                assert "inboxbucket" not in resource, role


def test_only_publishing_states_write_results(stack: Synthesis) -> None:
    prefix = "arn:aws:s3:::resultsbucket/results/*"
    writers = {
        role
        for role, _ in statements(stack)
        if prefix in resources_for(stack, role, "s3:PutObject")
    }
    assert writers == {"EstimateFdrRole", "RenderImagesRole", "PublishResultsRole"}


def test_the_state_machine_calls_exactly_its_functions(with_all: Synthesis) -> None:
    substitutions = with_all.flat(with_all.properties("StateMachine")["DefinitionSubstitutions"])
    called = {
        arn for value in substitutions.values() for arn in value.split(",") if ":function:" in arn
    }
    assert resources_for(with_all, "StateMachineRole", "lambda:InvokeFunction") == called
    assert not [arn for arn in called if arn.rpartition(":")[2] in ("Intake", "StartRuns")]


def test_the_state_machine_starts_its_own_children_only(stack: Synthesis) -> None:
    role = "StateMachineRole"
    machine = "arn:aws:states:eu-central-1:123456789012:{}:ionbox{}"
    assert resources_for(stack, role, "states:StartExecution") == {
        machine.format("stateMachine", "")
    }
    for action in ("states:DescribeExecution", "states:StopExecution"):
        assert resources_for(stack, role, action) == {machine.format("execution", ":*")}
    assert resources_for(stack, role, "states:RedriveExecution") == {
        machine.format("execution", "/*")
    }
    assert resources_for(stack, role, "s3:GetObject") == {
        "arn:aws:s3:::workbucket/executions/*/items/*"
    }


def test_the_state_machine_starts_one_kind_of_task_in_one_cluster(stack: Synthesis) -> None:
    found = [s for _, s in statements(stack) if "ecs:RunTask" in as_list(s["Action"])]
    (run_task,) = found
    assert stack.flat(run_task["Resource"]).endswith(":task-definition/ionbox-SortSpectra:*")
    assert "ecs:cluster" in run_task["Condition"]["ArnEquals"]
    (definition,) = stack.of_type("ECS::TaskDefinition").values()
    assert definition["Properties"]["Family"] == "ionbox-SortSpectra"
    (pass_role,) = [s for _, s in statements(stack) if "iam:PassRole" in as_list(s["Action"])]
    assert pass_role["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    roles = {
        definition["Properties"][name]["Fn::GetAtt"][0]
        for name in ("TaskRoleArn", "ExecutionRoleArn")
    }
    assert {each["Fn::GetAtt"][0] for each in pass_role["Resource"]} == roles


def test_who_starts_tasks_with_tags_may_tag_them(stack: Synthesis) -> None:
    """RunTask is denied as a whole if it sets tags, or propagates some, and this is missing."""
    definition = json.loads(DEFINITION.read_text("utf-8"))
    (task,) = [s for s in each_state(definition) if "ecs:runTask" in s.get("Resource", "")]
    (made,) = stack.of_type("ECS::TaskDefinition").values()
    assert task["Parameters"]["PropagateTags"] == "TASK_DEFINITION"
    assert made["Properties"]["Tags"], "nothing to propagate; then nobody need tag"
    found = [
        (role, s) for role, s in statements(stack) if "ecs:TagResource" in as_list(s["Action"])
    ]
    ((role, statement),) = found
    assert role == "StateMachineRole"
    assert statement["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    assert stack.flat(statement["Resource"]).endswith(":task/sortspectraclusterbdadf742/*")


def test_without_fargate_nobody_may_start_tasks(without_fargate: Synthesis) -> None:
    for _, statement in statements(without_fargate):
        for action in as_list(statement["Action"]):
            assert not action.startswith(("ecs:", "iam:"))


def test_a_key_of_ones_own_is_for_those_who_touch_objects(with_all: Synthesis) -> None:
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        for role, statement in statements(with_all):
            if "s3:PutObject" in as_list(statement["Action"]):
                assert resources_for(with_all, role, action), role


def test_services_of_other_accounts_cannot_borrow_roles(stack: Synthesis) -> None:
    for name, role in stack.of_type("IAM::Role").items():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        service = statement["Principal"]["Service"]
        if service != "lambda.amazonaws.com":  # which does not name the account
            condition = stack.flat(statement["Condition"])
            assert condition == {"StringEquals": {"aws:SourceAccount": "123456789012"}}, name
