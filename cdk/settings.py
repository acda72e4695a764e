"""What the deployer may choose: the context of ``cdk.json`` and ``cdk deploy -c key=value``.

Everything has its default in ``cdk.json`` and nowhere else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# The lowest rung of the ladders: with less memory, Lambda gives less than one processor.
SMALLEST_LAMBDA_MB = 1769
LARGEST_LAMBDA_MB = 10240  # the most that Lambda has

_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)


class InvalidSettings(ValueError):  # noqa: N818 (named like the errors of the rings)
    """A setting is unknown, missing or unusable; the message says which, and what it may be."""


@dataclass(frozen=True)
class StackSettings:
    """The settings of one stack.

    Attributes
    ----------
    stack_name : str
        Name of the stack, and of its state machine; part of the names of its logs.
    max_lambda_mb : int
        Most memory in MB an account allows a Lambda function; more makes the deployment roll back.
        New accounts: 3008.
    architecture : str
        Of the processors of functions and of the Fargate task: ``x86_64``, or ``arm64``, which is a
        fifth cheaper. Runs of one use no intermediates of the other.
    max_runs : int
        Runs at once; more wait in a queue.
    map_concurrency : int
        Most items of a Map at once, per run. Two Maps of a run may be on at once: with the usual
        1,000 concurrent functions, (1,000 - 5) / (2 x 5 runs) = 99.
    reserve_for_events : bool
        Whether five concurrent functions are set aside for Intake, StartRuns and AnnounceEnd. AWS
        refuses that where fewer than 100 would be left to all others.
    fargate : bool
        Whether datasets beyond a Lambda function may be sorted by a Fargate task; costs nothing
        while none runs. Without it, there is no network either.
    child_execution_type : str
        What the items of Maps run as: ``EXPRESS`` (up to 5 minutes each, quick to start),
        ``STANDARD``, or ``auto``: EXPRESS where items surely are short (`cdk.fan_out`).
    work_expiry_days, segments_expiry_days : int
        Age in days at which intermediates, and datasets' sorted peaks, are deleted; they are
        computed again when wanted.
    log_retention_days : int
        Days for which logs are kept; one of the numbers CloudWatch knows.
    notification_email : str
        Address that is told how runs end, and of alarms; empty: nobody.
    monthly_budget : int
        US dollars a month above which the same address is told, when 80 % are spent and when all
        will be; 0: no budget. It stops nothing.
    kms_key_arn : str
        A key of yours to encrypt the buckets with; empty: keys that S3 manages.
    permissions_boundary : str
        ARN of a policy that no role of the stack may exceed; empty: none.
    vpc_id, subnet_ids, security_group_id : str
        A network of yours for the Fargate task, some of its subnets (with commas between), and a
        security group; empty: a network, and in yours a security group, of the stack's own.
    assign_public_ip : bool
        Whether the task gets a public address; without one the subnets need endpoints.
    sort_image : str
        A copy of the task's image in an ECR repository, for subnets without a way to the internet;
        empty: AWS's public one.
    inbox_bucket, work_bucket, results_bucket : str
        Names of buckets of yours; empty: the stack makes one.
    default_config : mapping
        Settings of runs, weaker than all that come with a dataset.
    """

    stack_name: str
    max_lambda_mb: int
    architecture: str
    max_runs: int
    map_concurrency: int
    reserve_for_events: bool
    fargate: bool
    child_execution_type: str
    work_expiry_days: int
    segments_expiry_days: int
    log_retention_days: int
    notification_email: str
    monthly_budget: int
    kms_key_arn: str
    permissions_boundary: str
    vpc_id: str
    subnet_ids: str
    security_group_id: str
    assign_public_ip: bool
    sort_image: str
    inbox_bucket: str
    work_bucket: str
    results_bucket: str
    default_config: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse values that AWS would refuse only in the middle of a deployment.

        Raises
        ------
        InvalidSettings
            When a value is out of its range or not of its form.
        """
        for name, (is_fit, wanted) in _FIT.items():
            value = getattr(self, name)
            if not is_fit(value):
                raise InvalidSettings(f"{name} is {value!r}; it must be {wanted}")
        self._refuse_half_a_network()
        if self.monthly_budget and not self.notification_email:
            raise InvalidSettings("monthly_budget needs notification_email: who is told of it")
        buckets = [self.inbox_bucket, self.work_bucket, self.results_bucket]
        given = list(filter(None, buckets))
        if len(given) != len(set(given)):
            raise InvalidSettings("inbox_bucket, work_bucket and results_bucket must differ")

    def _refuse_half_a_network(self) -> None:
        if self.vpc_id and not self.subnet_ids:
            raise InvalidSettings("vpc_id needs subnet_ids: where in it the Fargate task starts")
        for name in ("subnet_ids", "security_group_id"):
            if getattr(self, name) and not self.vpc_id:
                raise InvalidSettings(f"{name} needs vpc_id, the network that it is in")
        if not self.assign_public_ip and not self.vpc_id:
            raise InvalidSettings(
                "assign_public_ip is False; that needs vpc_id: from the stack's own network, a "
                "task without a public address reaches nothing"
            )

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> StackSettings:
        """Read the settings; what the CDK keeps there itself (its keys have a colon) is left alone.

        Values given on the command line are texts and are read as JSON.

        Raises
        ------
        InvalidSettings
            When a key is unknown or missing, or a value is of the wrong type or not usable.
        """
        kinds = typing.get_type_hints(cls)
        given = {key: value for key, value in context.items() if ":" not in key}
        for key in given.keys() - kinds.keys():
            nearest = difflib.get_close_matches(key, kinds, n=1)
            meant = f"; did you mean {nearest[0]}?" if nearest else ""
            raise InvalidSettings(
                f"unknown setting {key!r}{meant} Known are: {', '.join(sorted(kinds))}"
            )
        missing = sorted(kinds.keys() - given.keys())
        if missing:
            raise InvalidSettings(f"not set in the context of cdk.json: {', '.join(missing)}")
        return cls(**{key: _read(key, given[key], kinds[key]) for key in kinds})

    @property
    def log_group_prefix(self) -> str:
        """What the names of all log groups begin with."""
        return f"/ionbox/{self.stack_name}"


def setting_names() -> list[str]:
    """Return all settings, in the order of the docs."""
    return [field.name for field in dataclasses.fields(StackSettings)]


def _is_count(value: int) -> bool:
    return value >= 1


_COUNT = (_is_count, "at least 1")


def _text(pattern: str, wanted: str) -> tuple[Callable[[str], bool], str]:
    """Say that a text must match a pattern as a whole, and what that is in words."""
    return lambda text: re.fullmatch(pattern, text) is not None, wanted


ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[a-z0-9._/-]+)(:[\w.-]+|@sha256:[0-9a-f]{64})"
)
"""An image in a repository of ECR."""

_BUCKET = _text(
    r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?",
    "the name of a bucket, or empty",
)

# By setting: whether a value is fit, and what to say it must be.
_FIT: dict[str, tuple[Callable[[Any], bool], str]] = {
    "stack_name": _text(
        r"[A-Za-z][A-Za-z0-9-]{0,39}",
        "a letter, then up to 39 letters, digits and hyphens",
    ),
    "max_lambda_mb": (
        lambda size: SMALLEST_LAMBDA_MB <= size <= LARGEST_LAMBDA_MB,
        f"from {SMALLEST_LAMBDA_MB} to {LARGEST_LAMBDA_MB} (MB)",
    ),
    "architecture": (lambda kind: kind in ("x86_64", "arm64"), "x86_64 or arm64"),
    "max_runs": _COUNT,
    "map_concurrency": _COUNT,
    "child_execution_type": (
        lambda kind: kind in ("auto", "EXPRESS", "STANDARD"),
        "auto, EXPRESS or STANDARD",
    ),
    "work_expiry_days": (lambda days: days >= 3, "at least 3: runs take up to a day"),
    "segments_expiry_days": (lambda days: days >= 3, "at least 3: runs take up to a day"),
    "log_retention_days": (
        lambda days: days in _RETENTION_DAYS,
        f"one of {', '.join(map(str, _RETENTION_DAYS))}",
    ),
    "notification_email": _text(
        r"(\S+@\S+)?",
        "an e-mail address, or empty",
    ),
    "monthly_budget": (lambda dollars: dollars >= 0, "0 (no budget) or more, in US dollars"),
    "permissions_boundary": _text(
        r"(arn:aws[a-z-]*:iam::(\d+|aws):policy/\S+)?",
        "the ARN of a policy (arn:aws:iam::<account>:policy/<name>), or empty",
    ),
    "vpc_id": _text(
        r"(vpc-[0-9a-f]+)?",
        "the id of a network (vpc-…), or empty",
    ),
    "subnet_ids": _text(
        r"(subnet-[0-9a-f]+(,subnet-[0-9a-f]+)*)?",
        "ids of subnets with commas between (subnet-…,subnet-…), or empty",
    ),
    "security_group_id": _text(
        r"(sg-[0-9a-f]+)?",
        "the id of a security group (sg-…), or empty",
    ),
    "sort_image": (
        lambda image: not image or ECR_IMAGE.fullmatch(image) is not None,
        "an image of ECR (<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>), or empty",
    ),
    "inbox_bucket": _BUCKET,
    "work_bucket": _BUCKET,
    "results_bucket": _BUCKET,
    "kms_key_arn": _text(
        r"(arn:aws[a-z-]*:kms:[^:]+:\d+:key/\S+)?",
        "the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), or empty",
    ),
}

_WORDS: dict[Any, str] = {int: "a whole number", bool: "true or false", str: "a text"}


def _read(key: str, value: Any, kind: Any) -> Any:
    """Check the type of a value; a text where none is wanted is what a command line gives."""
    if isinstance(value, str) and kind is not str:
        with contextlib.suppress(ValueError):  # said below
            value = json.loads(value)
    python_type = kind if kind in _WORDS else dict
    if not isinstance(value, python_type) or (kind is int and isinstance(value, bool)):
        raise InvalidSettings(
            f"{key} is {value!r}; it must be {_WORDS.get(kind, 'an object of settings')}"
        )
    return value
