"""What the roles of a synthesised template allow, asked as IAM is: an action on a resource."""

from __future__ import annotations

import re
from typing import Any

from tests.cdk.synthesis import Synthesis


def allows(stack: Synthesis, role: str, action: str, resource: str) -> bool:
    """Say whether a role may do something; conditions are taken for met.

    Parameters
    ----------
    stack : Synthesis
        The template.
    role : str
        Logical id of the role.
    action, resource : str
        Such as ``s3:GetObject`` and the ARN of an object.
    """
    for policy in stack.of_type("IAM::Policy").values():
        properties = policy["Properties"]
        if {"Ref": role} not in properties["Roles"]:
            continue
        for statement in properties["PolicyDocument"]["Statement"]:
            resources = map(str, _as_list(stack.flat(statement["Resource"])))
            if action in _as_list(statement["Action"]) and any(
                _matches(pattern, resource) for pattern in resources
            ):
                return True
    return False


def _matches(pattern: str, resource: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), resource, re.DOTALL))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
