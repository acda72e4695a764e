"""What roles allow, and what was asked: each judged by the other.

A request becomes one or more actions on resources, as IAM sees it, with the values that conditions
compare. Actions that follow from another are added: who runs a task with tags must be allowed to
tag, and to pass the task its roles.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.rehearsal.request_log import STATE_MACHINE, Request
from tests.rehearsal.tasks import PRINCIPAL
from tests.rehearsal.template import ACCOUNT, Template

_LISTING = "s3:ListBucket"


@dataclass(frozen=True)
class Asked:
    """One action on one resource, by a role.

    Attributes
    ----------
    role : str
        Logical id of the role.
    action, resource : str
        ``s3:GetObject`` and an ARN.
    context : mapping
        Values by condition key.
    """

    role: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of resources that a role is allowed.

    Attributes
    ----------
    role, action, pattern : str
        Logical id, ``s3:GetObject``, ARN with ``*``.
    conditions : tuple of (str, str, str)
        Operator, key and value of each condition.
    """

    role: str
    action: str
    pattern: str
    conditions: tuple[tuple[str, str, str], ...]

    def covers(self, asked: Asked) -> bool:
        """Say whether it allows what was asked.

        Raises
        ------
        KeyError
            If a condition compares what is not known here.
        """
        if (self.role, self.action) != (asked.role, asked.action):
            return False
        if not _matches(self.pattern, asked.resource):
            return False
        return all(_HOLDS[op](value, asked.context[key]) for op, key, value in self.conditions)


def _matches(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


_HOLDS = {
    "StringEquals": str.__eq__,
    "ArnEquals": _matches,
    "StringLike": _matches,
    "ArnLike": _matches,
}


def read_grants(template: Template) -> list[Grant]:
    """Return all that the template's roles are allowed.

    Raises
    ------
    ValueError
        If a statement denies: then an allowed action may be none.
    """
    grants = []
    for policy in template.of_type("IAM::Policy").values():
        properties = policy["Properties"]
        for statement in properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                raise ValueError("a statement that denies is not judged here")
            conditions = tuple(
                (operator, key, template.value(value))
                for operator, pairs in statement.get("Condition", {}).items()
                for key, value in pairs.items()
            )
            grants += [
                Grant(role["Ref"], action, template.value(resource), conditions)
                for role in properties["Roles"]
                for action in _list(statement["Action"])
                for resource in _list(statement["Resource"])
            ]
    return grants


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Translator:
    """Turns requests into what IAM is asked.

    Parameters
    ----------
    template : Template
        Says which role a function has.
    """

    def __init__(self, template: Template) -> None:
        self._template = template

    def asked(self, requests: Iterable[Request]) -> set[tuple[str, str, str]]:
        """Return role, action and resource of each, once."""
        return {(each.role, each.action, each.resource) for each in self.translate(requests)}

    def translate(self, requests: Iterable[Request]) -> Iterator[Asked]:
        """Yield what IAM is asked for each request."""
        for request in requests:
            role = self._role(request)
            for action, resource, context in self._actions(request):
                yield Asked(role, action, resource, context)

    def _role(self, request: Request) -> str:
        if request.key_id == STATE_MACHINE:
            return "StateMachineRole"
        if request.principal == PRINCIPAL:
            return PRINCIPAL
        function = self._template.resources[request.principal]
        role: str = function["Properties"]["Role"]["Fn::GetAtt"][0]
        return role

    def _actions(self, request: Request) -> Iterator[tuple[str, str, dict[str, str]]]:
        parameters = request.parameters
        match request.service:
            case "s3":
                yield from ((action, resource, {}) for action, resource in _of_s3(request))
            case "lambda":
                name = unquote(request.path).split("/functions/")[1].removesuffix("/invocations")
                yield "lambda:InvokeFunction", name.removesuffix(":$LATEST"), {}
            case "sqs":
                queue = parameters["QueueUrl"].rpartition("/")[2]
                yield f"sqs:{request.action}", self._template.arn("sqs", queue), {}
            case "sns":
                yield f"sns:{request.action}", parameters["TopicArn"], {}
            case "states":
                # a token says what it belongs to only to AWS
                machine = self._template.arn("states", f"stateMachine:{self._template.stack_name}")
                named = parameters.get("executionArn") or parameters.get("stateMachineArn")
                yield f"states:{request.action}", named or machine, {}
            case "events":
                for entry in parameters["Entries"]:
                    bus = self._template.arn("events", f"event-bus/{entry['EventBusName']}")
                    yield "events:PutEvents", bus, {"events:source": entry["Source"]}
            case "ecs":
                yield from self._of_ecs(request)
            case service:
                raise KeyError(f"requests to {service} are not judged here")

    def _of_ecs(self, request: Request) -> Iterator[tuple[str, str, dict[str, str]]]:
        cluster = request.parameters["cluster"]
        definition = request.parameters["taskDefinition"]
        yield f"ecs:{request.action}", definition, {"ecs:cluster": cluster}
        (task,) = self._template.of_type("ECS::TaskDefinition").values()
        properties = task["Properties"]
        for role in (properties["TaskRoleArn"], properties["ExecutionRoleArn"]):
            passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
            yield "iam:PassRole", self._template.value(role), passed
        tags = request.parameters.get("tags") or (
            request.parameters.get("propagateTags") == "TASK_DEFINITION" and properties.get("Tags")
        )
        if tags:
            name = cluster.rpartition("/")[2]
            task_arn = self._template.arn("ecs", f"task/{name}/{'0' * 32}")
            yield "ecs:TagResource", task_arn, {"ecs:CreateAction": request.action}


def _of_s3(request: Request) -> Iterator[tuple[str, str]]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    query = parse_qs(request.query, keep_blank_values=True)
    method, keys = request.action, request.parameters.get("Keys", ())
    for deleted in keys:
        yield "s3:DeleteObject", f"arn:aws:s3:::{bucket}/{deleted.decode()}"
    if keys:
        return
    if not key:
        yield _LISTING, f"arn:aws:s3:::{bucket}"
        return
    kind = "Tagging" if "tagging" in query else ""
    version = "Version" if "versionId" in query else ""
    if method in ("GET", "HEAD"):
        action = f"s3:GetObject{version}{kind}"
    elif method == "DELETE":
        action = "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    else:
        action = f"s3:PutObject{kind}"
    yield action, f"arn:aws:s3:::{bucket}/{key}"


def denied(grants: Iterable[Grant], asked: Iterable[Asked]) -> set[str]:
    """Return what was asked and is not allowed, one line for each kind."""
    known = list(grants)
    return {
        f"{each.role}: {each.action} on {_blur(each.resource)}"
        for each in asked
        if not any(grant.covers(each) for grant in known)
    }


def unused(grants: Iterable[Grant], asked: Iterable[Asked]) -> list[Grant]:
    """Return what is allowed and was not asked.

    A role that reads objects of a bucket needs to list it as well, also if it never does: else S3
    answers "denied" for an object that is not there.
    """
    made = list(asked)
    read = {(each.role, each.resource.partition("/")[0]) for each in made if _reads(each)}
    return [
        grant
        for grant in grants
        if not any(grant.covers(each) for each in made)
        and not (grant.action == _LISTING and (grant.role, grant.pattern) in read)
    ]


def _reads(asked: Asked) -> bool:
    return asked.action == "s3:GetObject"


def _blur(resource: str) -> str:
    """Write ids as ``…``: what differs between runs only."""
    resource = resource.replace(ACCOUNT, "")
    return re.sub(r"[0-9a-f]{16,}(-\d+)?|(?<=bucket)-\w+", "…", resource)


def describe(grant: Grant, template: Template) -> str:
    """Return ``Role: action on Bucket/folder/*``, with logical ids."""
    pattern = grant.pattern
    for logical_id, physical in template.physical.items():
        if len(physical) > 12:
            pattern = pattern.replace(physical.rpartition(":")[2], logical_id)
    return f"{grant.role}: {grant.action} on {re.sub(r'^arn:aws:[^:]*:[^:]*:[^:]*:', '', pattern)}"
