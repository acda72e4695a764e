"""An AWS account as moto pretends it, with ionbox "installed", and runs with their traces."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ionbox.cli.main import main
from ionbox_cloud import keys
from ionbox_science import __version__

from tests.patience import wait_until

REGION = "eu-central-1"
ACCOUNT = "123456789012"
PREFIX = "/ionbox/ionbox"
INBOX, WORK, RESULTS = "the-inbox", "the-work", "the-results"

# What a run does is written into its dataset's name.
DEFINITION = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.dataset.name", "StringMatches": "slow*", "Next": "Slow"},
                {"Variable": "$.dataset.name", "StringMatches": "broken*", "Next": "RunFailed"},
            ],
            "Default": "Annotated",
        },
        "Slow": {"Type": "Wait", "Seconds": 600, "Next": "Annotated"},
        "RunFailed": {"Type": "Fail", "Error": "MemoryError", "Cause": "too large"},
        "Annotated": {"Type": "Succeed"},
    },
}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def run_command(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return Ended(int(end.value.code or 0), captured.out, captured.err)


def refusal(code: str, message: str = "no", operation: str = "SomeCall") -> ClientError:
    """An error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@functools.cache
def open_client(service: str, url: str | None) -> Any:
    """Make a client; tests share them, since each takes longer to make than most tests.

    Without a URL it sends nothing: moto answers, with what the account of the test has.
    """
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


class Overridden:
    """A client with some of its methods replaced, and a note of every call of those."""

    def __init__(self, client: Any, **methods: Callable[..., Any]) -> None:
        self._client = client
        self._methods = methods
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self._methods:
            return getattr(self._client, name)

        def noted(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return self._methods[name](**arguments)

        return noted


def raising(error: Exception) -> Callable[..., Any]:
    def method(**_: Any) -> Any:
        raise error

    return method


@dataclass
class Cloud:
    """The account; `fakes` stand in for clients of a service where moto cannot.

    S3 is spoken to at its server's address, which others than boto3 can do, too.
    """

    s3_url: str
    state_machine: str = ""
    fakes: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return open_client(service, self.s3_url if service == "s3" else None)

    def fake(self, service: str, **methods: Callable[..., Any]) -> Overridden:
        fake = self.fakes[service] = Overridden(self.client(service), **methods)
        return fake

    # --- the installation ---

    def install(
        self,
        name: str = "ionbox",
        version: str = __version__,
        default_config: Mapping[str, Any] = MappingProxyType({}),
        **left_out: None,
    ) -> None:
        for bucket in (INBOX, RESULTS):
            where = {"LocationConstraint": REGION}
            self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        made = self.client("stepfunctions").create_state_machine(
            name="annotate",
            definition=json.dumps(DEFINITION),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
        )
        self.state_machine = made["stateMachineArn"]
        self.client("ecs").create_cluster(clusterName="the-cluster")
        queues = {
            queue: self.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
            for queue in ("runs", "dead")
        }
        outputs = {
            "InboxBucket": INBOX,
            "WorkBucket": WORK,
            "ResultsBucket": RESULTS,
            "StateMachineArn": self.state_machine,
            "RunQueueUrl": queues["runs"],
            "DeadLetterQueueUrl": queues["dead"],
            "ClusterName": "the-cluster",
            "LogGroupPrefix": PREFIX,
            "IonboxVersion": version,
            "MaxRuns": "5",
            "MaxLambdaMb": "10240",
            "Architecture": "x86_64",
            "DefaultConfig": json.dumps(dict(default_config)),
        }
        self.make_stack(name, {key: outputs[key] for key in outputs if key not in left_out}, WORK)

    def make_stack(self, name: str, outputs: dict[str, str], work: str = "") -> None:
        """Make a stack; the work bucket is a part of it, as the only one of the three."""
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": work}}
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}
            | ({"WorkBucket": bucket} if work else {}),
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        self.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps(template)
        )

    # --- objects ---

    def put(self, bucket: str, key: str, value: Any) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=data)

    def keys(self, bucket: str) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    def read(self, bucket: str, key: str) -> bytes:
        return bytes(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    # --- runs ---

    def start(self, name: str, dataset: str, *, wait: bool = True) -> str:
        """Start an execution; returns its ARN."""
        request = {"dataset": {"name": dataset, "imzml_key": f"{dataset}.imzML"}}
        arn = self.client("stepfunctions").start_execution(
            stateMachineArn=self.state_machine, name=name, input=json.dumps(request)
        )["executionArn"]
        if wait:
            self.state_when_ended(arn)
        else:
            self._wait_until_begun(arn)
        return str(arn)

    def _wait_until_begun(self, arn: str) -> None:
        """Let moto begin: it cannot stop what has not."""
        ask = self.client("stepfunctions").get_execution_history
        wait_until(lambda: len(ask(executionArn=arn)["events"]) > 2)

    def stop(self, arn: str) -> None:
        """Stop an execution and wait until it is stopped."""
        self.client("stepfunctions").stop_execution(executionArn=arn)
        assert self.state_when_ended(arn) == "ABORTED"

    def state_when_ended(self, arn: str) -> str:
        """Wait for the end of an execution, which moto stops in its own time."""
        ask = self.client("stepfunctions").describe_execution
        wait_until(lambda: ask(executionArn=arn)["status"] != "RUNNING")
        return str(ask(executionArn=arn)["status"])

    def leave_traces(self, name: str, dataset: str) -> None:
        """Write what a run that succeeded leaves behind."""
        write_traces(lambda key, value: self.put(WORK, key, value), *traces_in_work(name))
        write_traces(
            lambda key, value: self.put(RESULTS, key, value), *traces_in_results(name, dataset)
        )


def write_traces(put: Callable[[str, Any], None], *traces: tuple[str, Any]) -> None:
    for key, value in traces:
        put(key, value)


def record(state: str, item: int, **more: Any) -> dict[str, Any]:
    usual = {"duration_s": 10.0, "cpu_s": 9.0, "peak_memory_mb": 800.0, "planned_mb": 0}
    return {"state": state, "item": item, "rung_mb": 1769, **usual, **more}


def traces_in_work(name: str) -> list[tuple[str, Any]]:
    return [
        (keys.record(name, "PlanRun", 0), record("PlanRun", 0, rung_mb=10240, duration_s=2.0)),
        (keys.items(name, "AnnotateSegments"), [{}, {}, {}]),
        (
            keys.record(name, "AnnotateSegments", 0),
            record("AnnotateSegments", 0, planned_mb=1500),
        ),
        (
            keys.record(name, "AnnotateSegments", 1),
            record("AnnotateSegments", 1, planned_mb=1500, rung_mb=5120, peak_memory_mb=4000.0),
        ),
        (keys.failure(name, "AnnotateSegments", 2), {"item": 2}),
    ]


def traces_in_results(name: str, dataset: str) -> list[tuple[str, Any]]:
    folder = f"results/d1/r-{name}"
    ended = "2026-11-20T10:00:00+00:00"
    status = {"execution_id": name, "status": "succeeded", "reused": False, "results": folder}
    run = {"run_id": f"r-{name}", "n_annotations": 1234, "dataset": {"id": "d1", "name": dataset}}
    return [
        (f"{folder}/annotations.csv", b"# ionbox\nformula\n"),
        (f"{folder}/ion_images.zarr/images/c/0/0/0/0", bytes(5000)),
        (f"{folder}/run.json", run),
        (keys.status(name), {**status, "ended": ended}),
    ]


def write_files(root: Path, *traces: tuple[str, Any]) -> None:
    """Write traces as files of a folder."""
    for key, value in traces:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
