"""Logical ids that people type (``sam local invoke``) and that stay when the code is rearranged.

The CDK would make them from the path of constructs; CloudFormation replaces a resource whose id
changes, which for a bucket or queue means losing what is in it.
"""

from __future__ import annotations

from aws_cdk import CfnElement
from constructs import Construct


def name_resource(construct: Construct, logical_id: str) -> None:
    """Give a construct's resource its logical id, the name it has in the template.

    Raises
    ------
    TypeError
        If the construct is more, or less, than one resource.
    """
    resource = construct.node.default_child
    if not isinstance(resource, CfnElement):
        raise TypeError(f"{construct.node.path} has no resource of its own")
    resource.override_logical_id(logical_id)
