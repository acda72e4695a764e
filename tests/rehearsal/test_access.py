"""What the roles of the stack allow, against what its functions asked for in the rehearsal."""

from __future__ import annotations

import re

import pytest

from tests.rehearsal.access import Asked, Grant, Translator, denied, describe, read_grants, unused
from tests.rehearsal.conftest import Rehearsal

_AGAIN = "a call is made again, or goes on where another ended"
_MANY_IMAGES = "there are thousands of images"

NEVER_ASKED = {
    r"\w+: logs:(CreateLogStream|PutLogEvents) on .*": "Lambda and Fargate write the logs",
    r"StateMachineRole: (logs|xray):\w+ on \*": "Step Functions writes its log and traces",
    r"StateMachineRole: states:\w+ on .*": "Step Functions runs the items of Maps as executions",
    r"StartRunsRole: sqs:\w+ on kick\.fifo": "Lambda looks into the queue that calls StartRuns",
    r"StartRunsRole: sqs:SendMessage on .*": "a large run lets a small one go first",
    r"(Intake|AnnounceEnd)Role: sqs:SendMessage on .*DeadLetters.*": "Lambda gives up on an event",
    r"\w+: s3:AbortMultipartUpload on .*": "the storage library gives up on a large object",
    r"StateMachineRole: lambda:InvokeFunction on function:\w+3008": "a rung is climbed",
    r"StateMachineRole: lambda:InvokeFunction on function:RecordFailure": "an item of a Map fails",
    r"StateMachineRole: lambda:InvokeFunction on function:CompareImages\w*": _MANY_IMAGES,
    r"CompareImagesRole: s3:\w+ on .*": _MANY_IMAGES,
    r"RecordFailureRole: s3:\w+ on .*": "an item of a Map fails",
    r"PlanRunRole: s3:DeleteObject on .*": "an object is damaged",
    r"PlanRunRole: s3:GetObject on WorkBucket/(executions|sort)/\*": _AGAIN,
    r"PlanRunRole: s3:GetObject on ResultsBucket/segments/\*": "segments are there already",
    r"SortSpansRole: s3:GetObject on WorkBucket/sort/\*": _AGAIN,
    r"ChecksumIbdRole: s3:GetObject on ResultsBucket/segments/\*": "the ibd is not as declared",
    r"(PlanMerge|MergeSegments|FinishSegments|SortSpectraTask)Role: s3:GetObject on "
    r"ResultsBucket/segments/\*": _AGAIN,
    r"PlanRecalibrationRole: s3:GetObject on WorkBucket/mz-errors/\*": _AGAIN,
    r"PlanAnnotationRole: s3:GetObject on WorkBucket/scores/\*": _AGAIN,
    r"EstimateFdrRole: s3:GetObject on ResultsBucket/results/\*": _AGAIN,
    r"SortSpectraTaskRole: states:SendTaskFailure on .*": "the task fails",
    r"ReportFailureRole: s3:GetObject on ResultsBucket/segments/\*": "a run fails after the sort",
    r"\w+: s3:ListBucket on ResultsBucket": "an object that is not there is asked for",
    r"AnnounceEndRole: s3:PutObject on ResultsBucket/executions/\*": "a run ends without a status",
    r"IntakeRole: sns:Publish on .*": "what was dropped cannot be made out",
}
"""What is allowed and not asked for in a rehearsal, and when it is."""


@pytest.fixture(scope="session")
def asked(rehearsal: Rehearsal) -> list[Asked]:
    return list(Translator(rehearsal.account.template).translate(rehearsal.account.requests))


def test_whatever_was_asked_is_allowed(rehearsal: Rehearsal, asked: list[Asked]) -> None:
    assert len({each.role for each in asked}) > 15
    assert denied(read_grants(rehearsal.account.template), asked) == set()


def test_whatever_is_allowed_is_asked_for(rehearsal: Rehearsal, asked: list[Asked]) -> None:
    template = rehearsal.account.template
    left = {describe(grant, template) for grant in unused(read_grants(template), asked)}
    unknown = {one for one in left if not any(re.fullmatch(known, one) for known in NEVER_ASKED)}
    assert unknown == set()
    stale = {known for known in NEVER_ASKED if not any(re.fullmatch(known, one) for one in left)}
    assert stale == set()


def grant(action: str, pattern: str, *conditions: tuple[str, str, str]) -> Grant:
    return Grant("Role", action, pattern, conditions)


def test_conditions_are_judged() -> None:
    ours = grant("events:PutEvents", "bus", ("StringEquals", "events:source", "ionbox"))
    assert ours.covers(Asked("Role", "events:PutEvents", "bus", {"events:source": "ionbox"}))
    assert not ours.covers(Asked("Role", "events:PutEvents", "bus", {"events:source": "other"}))
    with pytest.raises(KeyError):
        ours.covers(Asked("Role", "events:PutEvents", "bus"))


def test_both_directions_find_something() -> None:
    grants = [
        grant("s3:GetObject", "arn:aws:s3:::b/in/*"),
        grant("s3:PutObject", "arn:aws:s3:::b/*"),
    ]
    made = [Asked("Role", "s3:GetObject", f"arn:aws:s3:::b/{key}") for key in ("in/x", "out/x")]
    assert denied(grants, made) == {"Role: s3:GetObject on arn:aws:s3:::b/out/x"}
    assert unused(grants, made) == [grants[1]]
