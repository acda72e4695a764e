"""Findings of cdk-nag that were looked at and stay, each on one resource, with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Acknowledge one finding on one construct."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )


def acknowledge_wildcard(construct: IConstruct, resource: str, reason: str) -> None:
    """Acknowledge a policy for a resource whose name ends in an asterisk, as cdk-nag writes it."""
    acknowledge(construct, f"IAM5[Resource::{resource}]", reason)
