"""cdk-nag finds nothing that was not looked at; and it would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations, aws_iam, aws_s3
from cdk_nag import AwsSolutionsChecks

from cdk.reviewed import acknowledge
from tests.cdk.synthesis import Synthesis

VARIANTS = ("stack", "without_fargate", "with_all", "restricted")

# Everything that was looked at and stays, by rule.
REVIEWED = {
    "AwsSolutions-ECS2",
    "AwsSolutions-ECS4",
    "AwsSolutions-IAM5",
    "AwsSolutions-L1",
    "AwsSolutions-S1",
    "AwsSolutions-SQS3",
    "AwsSolutions-VPC7",
}


def report_of(folder: Path) -> dict[str, Any]:
    """What cdk-nag reported."""
    report = json.loads((folder / "validation-report.json").read_text("utf-8"))
    (found,) = (each for each in report["pluginReports"] if each["pluginName"] == "AwsSolutions")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("fixture", VARIANTS)
def test_nothing_is_found(fixture: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(fixture)
    report = report_of(synthesis.folder)
    assert report["conclusion"] == "success"
    assert report["violations"] == []


def test_what_was_looked_at_is_acknowledged_singly_with_a_reason(stack: Synthesis) -> None:
    reviewed = report_of(stack.folder)["suppressedViolations"]
    assert {each["ruleName"].partition("[")[0] for each in reviewed} <= REVIEWED
    for each in reviewed:
        assert len(each["reason"]) > 30
        # on a resource of its own, not on the stack or a group of them
        assert each["acknowledgedAt"].count("/") >= 2, each["acknowledgedAt"]


def bad_stack(folder: Path, *, excuse_bucket: bool) -> App:
    app = App(outdir=str(folder))
    stack = Stack(app, "bad")
    bucket = aws_s3.Bucket(stack, "Open")
    role = aws_iam.Role(stack, "Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(aws_iam.PolicyStatement(actions=["s3:*"], resources=[bucket.bucket_arn]))
    if excuse_bucket:
        for rule in ("S1", "S10"):
            acknowledge(bucket, rule, "an excuse for the bucket excuses nothing else")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def test_a_bad_stack_is_not_synthesised(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        bad_stack(tmp_path, excuse_bucket=False).synth()
    found = {each["ruleName"] for each in report_of(tmp_path)["violations"]}
    assert found == {"AwsSolutions-S1", "AwsSolutions-S10", "AwsSolutions-IAM5[Action::s3:*]"}


def test_an_excuse_holds_for_its_own_finding_only(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        bad_stack(tmp_path, excuse_bucket=True).synth()
    found = {each["ruleName"] for each in report_of(tmp_path)["violations"]}
    assert found == {"AwsSolutions-IAM5[Action::s3:*]"}
