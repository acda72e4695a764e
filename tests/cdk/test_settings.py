"""The context of cdk.json: typed, complete, and refused in words a deployer understands."""

from __future__ import annotations

from typing import Any

import pytest

from cdk.app import read_context
from cdk.settings import InvalidSettings, StackSettings, setting_names


def read(**changes: Any) -> StackSettings:
    return StackSettings.from_context(read_context() | changes)


def test_cdk_json_has_every_setting_and_nothing_else() -> None:
    assert [key for key in read_context() if ":" not in key] == setting_names()


def test_cdk_json_starts_with_what_a_new_account_allows() -> None:
    settings = StackSettings.from_context(read_context())
    assert settings.max_lambda_mb == 3008
    assert settings.fargate


def test_a_command_line_gives_texts() -> None:
    settings = read(
        max_lambda_mb="10240", fargate="false", default_config='{"ppm": 5}', stack_name="lab-2"
    )
    assert settings.max_lambda_mb == 10240
    assert settings.fargate is False
    assert settings.default_config == {"ppm": 5}
    assert settings.stack_name == "lab-2"


def test_what_the_cdk_keeps_there_is_left_alone() -> None:
    assert read(**{"aws:cdk:enable-path-metadata": True, "@aws-cdk/core:x": 1}) == read()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_lamda_mb": 3008}, "unknown setting 'max_lamda_mb'; did you mean max_lambda_mb"),
        ({"max_runs": "many"}, "max_runs is 'many'; it must be a whole number"),
        ({"max_runs": True}, "max_runs is True; it must be a whole number"),
        ({"max_runs": 2.5}, "max_runs is 2.5; it must be a whole number"),
        ({"max_runs": 0}, "max_runs is 0; it must be at least 1"),
        ({"fargate": "yes"}, "fargate is 'yes'; it must be true or false"),
        ({"fargate": 1}, "fargate is 1; it must be true or false"),
        ({"max_lambda_mb": 512}, r"max_lambda_mb is 512; it must be from 1769 to 10240 \(MB\)"),
        ({"architecture": "aarch64"}, "architecture is 'aarch64'; it must be x86_64 or arm64"),
        ({"architecture": ""}, "architecture is ''; it must be x86_64 or arm64"),
        ({"default_config": []}, r"default_config is \[\]; it must be an object of settings"),
        ({"child_execution_type": "FAST"}, "it must be auto, EXPRESS or STANDARD"),
        ({"log_retention_days": 31}, "log_retention_days is 31; it must be one of 1, 3, 5"),
        ({"work_expiry_days": 1}, "work_expiry_days is 1; it must be at least 3"),
        ({"notification_email": "lab"}, "it must be an e-mail address, or empty"),
        ({"monthly_budget": -1}, "monthly_budget is -1; it must be 0"),
        ({"monthly_budget": 20}, "monthly_budget needs notification_email"),
        ({"kms_key_arn": "alias/mine"}, "it must be the ARN of a KMS key"),
        ({"permissions_boundary": "developers"}, "it must be the ARN of a policy"),
        ({"vpc_id": "mine", "subnet_ids": "subnet-1"}, "it must be the id of a network"),
        ({"vpc_id": "vpc-1"}, "vpc_id needs subnet_ids"),
        ({"vpc_id": "vpc-1", "subnet_ids": "subnet-1 subnet-2"}, "with commas between"),
        ({"subnet_ids": "subnet-1"}, "subnet_ids needs vpc_id"),
        ({"security_group_id": "sg-1"}, "security_group_id needs vpc_id"),
        ({"security_group_id": "mine"}, "it must be the id of a security group"),
        ({"assign_public_ip": False}, "assign_public_ip is False; that needs vpc_id"),
        ({"sort_image": "python:3.13"}, "it must be an image of ECR"),
        ({"inbox_bucket": "s3://lab"}, "it must be the name of a bucket"),
        ({"inbox_bucket": "lab", "work_bucket": "lab"}, "must differ"),
        ({"stack_name": "my lab"}, "stack_name is 'my lab'; it must be a letter, then"),
    ],
)
def test_what_cannot_be_used_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        read(**changes)


def test_a_missing_setting_is_named() -> None:
    context = read_context()
    del context["max_runs"]
    with pytest.raises(InvalidSettings, match=r"not set in the context of cdk\.json: max_runs"):
        StackSettings.from_context(context)
