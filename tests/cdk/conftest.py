from __future__ import annotations

import pytest

from tests.cdk.synthesis import Synthesis, synthesise


@pytest.fixture(scope="session")
def stack() -> Synthesis:
    """The stack with the settings of cdk.json."""
    return synthesise()


@pytest.fixture(scope="session")
def without_fargate() -> Synthesis:
    """The stack of an account that wants no Fargate, with the smallest functions."""
    return synthesise(fargate=False, max_lambda_mb=1769)


@pytest.fixture(scope="session")
def for_arm() -> Synthesis:
    """The stack on ARM processors."""
    return synthesise(architecture="arm64")


@pytest.fixture(scope="session")
def restricted() -> Synthesis:
    """The stack of an account in which others make networks and buckets, and limit roles."""
    return synthesise(
        permissions_boundary="arn:aws:iam::123456789012:policy/developers",
        vpc_id="vpc-0a1",
        subnet_ids="subnet-0a1,subnet-0b2",
        security_group_id="sg-0c3",
        assign_public_ip=False,
        sort_image="123456789012.dkr.ecr.eu-central-1.amazonaws.com/public/lambda/python:3.13",
        inbox_bucket="lab-inbox",
        work_bucket="lab-work",
        results_bucket="lab-results",
    )


@pytest.fixture(scope="session")
def with_all() -> Synthesis:
    """The stack with everything that is off in cdk.json, at full size."""
    return synthesise(
        stack_name="core-facility",
        max_lambda_mb=10240,
        map_concurrency=8,
        reserve_for_events=True,
        child_execution_type="EXPRESS",
        notification_email="lab@example.org",
        monthly_budget=50,
        kms_key_arn="arn:aws:kms:eu-central-1:123456789012:key/1234",
        default_config={"ppm": 5, "databases": ["lipids"]},
    )
