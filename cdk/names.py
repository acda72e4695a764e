"""Logical ids that people type (``sam local invoke``) and that stay when the code is rearranged."""

from __future__ import annotations

from aws_cdk import CfnElement
from constructs import Construct


def name_resource(construct: Construct, logical_id: str) -> None:
    """Give a construct's resource the name it has in the template."""
    resource = construct.node.default_child
    if not isinstance(resource, CfnElement):
        raise TypeError(f"{construct.node.path} has no resource of its own")
    resource.override_logical_id(logical_id)
