"""An emulated account with the stack in it.

moto makes most of the stack's resources and answers for them (`LEFT_OUT` has the others). Where it
knows less than this stack needs, the gap is filled here, one function for each: nothing else of
moto is changed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from unittest import mock

import boto3
from ionbox.local.definition import adapt_task, each_state
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core.config import default_user_config
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.events.models import Rule
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.utilities.arns import parse_arn
from werkzeug.serving import BaseWSGIServer, make_server

from tests.moto_connections import KeepingHandler
from tests.patience import PATIENCE_S, RUN_S, wait_until
from tests.rehearsal.functions import REGION, CallRecord, Function, Functions
from tests.rehearsal.request_log import Request, RequestLog
from tests.rehearsal.sandbox import Place
from tests.rehearsal.tasks import Tasks
from tests.rehearsal.template import ACCOUNT, Template

_LOOK_S = 0.25
_DEEP = 100_000  # calls in each other: moto's Step Functions recurses for each item of a Map

LEFT_OUT = {
    "AWS::CloudWatch::Alarm": "moto makes no alarms",
    "AWS::Lambda::EventInvokeConfig": "moto retries no call that EventBridge makes",
    "AWS::SNS::TopicPolicy": "moto has no policy of who may publish",
    "AWS::SQS::QueuePolicy": "moto has no policy of who may send",
    "AWS::S3::BucketPolicy": "denies whatever does not come by TLS, which is everything here",
}
"""Types of resources that the emulated account does not have, and why."""


@dataclass(frozen=True)
class Ended:
    """How an execution ended, as Step Functions has it."""

    name: str
    arn: str
    status: str
    error: str
    cause: str
    seconds: float


class Account:
    """The account, from `open` to `close`.

    Parameters
    ----------
    cdk_out : Path
        What `make synth` made.
    folder : Path
        For logs, and for what stands for disks.
    n_calls : int
        Calls of functions at once.
    """

    def __init__(self, cdk_out: Path, folder: Path, n_calls: int = 2) -> None:
        self.template = Template(cdk_out, REGION)
        self.outputs: dict[str, str] = {}
        self._folder = folder
        self._n_calls = n_calls
        self._undo = contextlib.ExitStack()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything: sandboxes, watcher, server."""
        self._closed.set()
        self._undo.close()

    def _open(self) -> None:
        for name in ("logs", "root", "task-tmp"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._log, self._port = self._undo.enter_context(_serve())
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._undo.enter_context(
            mock.patch.dict(
                os.environ,
                {
                    "MOTO_PORT": self._port,
                    "AWS_ENDPOINT_URL": self.endpoint,
                    "AWS_DEFAULT_REGION": REGION,
                    "AWS_ACCESS_KEY_ID": "test",
                    "AWS_SECRET_ACCESS_KEY": "test",
                },
            )
        )
        self.functions = Functions(self.endpoint, self._folder / "logs", self._n_calls)
        self._undo.callback(self.functions.close)
        self.tasks = Tasks(self.template, self.endpoint, self._place("fargate"), self._folder)
        self._undo.callback(self.tasks.close)
        self._fill_gaps()
        self._upload_assets()
        self._create_stack()
        watcher = threading.Thread(target=self._tell_ends, daemon=True)
        watcher.start()
        self._undo.callback(watcher.join)

    # --- what people and tests do ---

    def client(self, service: str) -> Any:
        """Return a client of a person who may do everything."""
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION)

    def drop(self, files: Mapping[str, Path | bytes]) -> None:
        """Upload files to the inbox, by key, in their order."""
        s3 = self.client("s3")
        for key, content in files.items():
            body = content.read_bytes() if isinstance(content, Path) else content
            s3.put_object(Bucket=self.outputs["InboxBucket"], Key=key, Body=body)

    def executions(self) -> list[Ended]:
        """Return the executions that ended, the newest first."""
        sfn = self.client("stepfunctions")
        arn = self.outputs["StateMachineArn"]
        found = []
        for each in sfn.list_executions(stateMachineArn=arn)["executions"]:
            if each["status"] != "RUNNING":
                said = sfn.describe_execution(executionArn=each["executionArn"])
                found.append(
                    Ended(
                        each["name"],
                        each["executionArn"],
                        said["status"],
                        said.get("error") or "",
                        said.get("cause") or "",
                        (said["stopDate"] - said["startDate"]).total_seconds(),
                    )
                )
        return found

    def results(self) -> dict[str, bytes]:
        """Return the objects of the results bucket, by key."""
        s3, bucket = self.client("s3"), self.outputs["ResultsBucket"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def mails(self) -> list[tuple[str, str]]:
        """Return subject and text of what was published to the topic."""
        from moto.sns.models import sns_backends

        topics = sns_backends[ACCOUNT][REGION].topics
        (topic,) = topics.values()
        return [(subject or "", text) for _, text, subject, *_ in topic.sent_notifications]

    @property
    def calls(self) -> list[CallRecord]:
        """Calls of functions and tasks, in the order in which they ended."""
        return sorted(self.functions.records + self.tasks.records, key=lambda call: call.ended)

    def wait_for_calls(self, logical_id: str, n: int, after: int) -> None:
        """Wait until a function has ended so many calls, beyond the first calls of the account."""
        wait_until(lambda: sum(c.function == logical_id for c in self.calls[after:]) >= n, RUN_S)

    def settle(self) -> None:
        """Wait until no call runs, no message waits, and no execution goes on."""
        wait_until(self._is_still, RUN_S)

    def _is_still(self) -> bool:
        sqs, sfn = self.client("sqs"), self.client("stepfunctions")
        for name in ("RunQueueUrl", "KickQueueUrl"):
            answer = sqs.get_queue_attributes(QueueUrl=self.outputs[name], AttributeNames=["All"])
            counts = answer["Attributes"]
            if int(counts["ApproximateNumberOfMessages"]) or int(
                counts["ApproximateNumberOfMessagesNotVisible"]
            ):
                return False
        running = sfn.list_executions(
            stateMachineArn=self.outputs["StateMachineArn"], statusFilter="RUNNING"
        )["executions"]
        return not running and not self.functions.n_running

    @property
    def requests(self) -> list[Request]:
        """What sandboxes and the state machine asked for."""
        return [each for each in self._log.requests if each.key_id != "test"]

    def delay_storage(self, seconds: float) -> None:
        """Answer what sandboxes ask of S3 later by some seconds."""
        self._log.delay_s = seconds

    # --- deploying ---

    def _place(self, kind: str, code: Path | None = None, layers: tuple[Path, ...] = ()) -> Place:
        return Place(
            kind,
            self._folder / "root",
            code or self._folder / "root",
            layers,
            self._folder / "task-tmp",
        )

    def _upload_assets(self) -> None:
        s3 = self.client("s3")
        for asset in self.template.assets():
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=asset.bucket)
            body = _zip(asset.path) if asset.is_zipped else asset.path.read_bytes()
            s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)

    def _create_stack(self) -> None:
        name, cloudformation = self.template.stack_name, self.client("cloudformation")
        s3 = self.client("s3")
        s3.create_bucket(Bucket="templates")
        s3.put_object(
            Bucket="templates", Key="template.json", Body=json.dumps(self._for_moto()).encode()
        )
        for parameter in self.template.document.get("Parameters", {}).values():
            # the bootstrap's version, which a deployment compares
            self.client("ssm").put_parameter(
                Name=parameter["Default"], Value="30", Type="String", Overwrite=True
            )
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"http://localhost:{self._port}/templates/template.json",
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for page in pages:
            for each in page["StackResourceSummaries"]:
                self.template.physical[each["LogicalResourceId"]] = each["PhysicalResourceId"]
        self._finish_buckets()
        self._add_functions()
        self._create_machine()

    def _for_moto(self) -> dict[str, Any]:
        """Return the template as far as moto can make it."""
        document: dict[str, Any] = json.loads(json.dumps(self.template.document))
        resources = document["Resources"]
        gone = {name for name, r in resources.items() if r["Type"] in LEFT_OUT}
        for name in gone:
            del resources[name]
        for each in resources.values():
            needed = each.get("DependsOn", [])
            each["DependsOn"] = [name for name in needed if name not in gone]
            if each["Type"] == "AWS::StepFunctions::StateMachine":
                # moto makes one that it never runs; `_create_machine` makes the one it runs
                each["Properties"]["DefinitionString"] = _NOTHING
                each["Properties"].pop("DefinitionSubstitutions")
            if each["Type"] == "AWS::SQS::Queue" and each["Properties"].get("FifoQueue"):
                each["Properties"]["QueueName"] = "kick.fifo"  # the name that AWS makes ends so
        return document

    def _finish_buckets(self) -> None:
        """Set what moto's CloudFormation does not: versions, and events to EventBridge."""
        s3 = self.client("s3")
        for name, bucket in self.template.of_type("S3::Bucket").items():
            physical, properties = self.template.physical[name], bucket["Properties"]
            if "VersioningConfiguration" in properties:
                s3.put_bucket_versioning(
                    Bucket=physical, VersioningConfiguration=properties["VersioningConfiguration"]
                )
            notified = properties.get("NotificationConfiguration", {})
            if notified.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled"):
                s3.put_bucket_notification_configuration(
                    Bucket=physical, NotificationConfiguration={"EventBridgeConfiguration": {}}
                )

    def _add_functions(self) -> None:
        for logical_id, each in self.template.of_type("Lambda::Function").items():
            properties = each["Properties"]
            contents = [
                self.template.resources[layer["Ref"]]["Properties"]["Content"]["S3Key"]
                for layer in properties["Layers"]
            ]
            # the last layer is on top, which is the first of an overlay
            layers = tuple(self.template.asset_of(key) for key in reversed(contents))
            code = self.template.asset_of(properties["Code"]["S3Key"])
            physical = self.template.physical[logical_id]
            self.functions.add(
                Function(
                    logical_id=logical_id,
                    name=physical,
                    arn=self.template.arn("lambda", f"function:{physical}"),
                    memory_mb=properties["MemorySize"],
                    timeout_s=properties["Timeout"],
                    handler=properties["Handler"],
                    variables=self.template.values(properties["Environment"]["Variables"]),
                    place=self._place("lambda", code, layers),
                )
            )

    def _create_machine(self) -> None:
        """Make the state machine: filled in, and its task as moto wants it."""
        (machine,) = self.template.of_type("StepFunctions::StateMachine").values()
        properties = machine["Properties"]
        definition = properties["DefinitionString"]
        for key, value in properties["DefinitionSubstitutions"].items():
            definition = definition.replace(f"${{{key}}}", self.template.value(value))
        # moto knows no EXPRESS items of Maps: they are what they would be with `STANDARD`
        definition = definition.replace('"ExecutionType": "EXPRESS"', '"ExecutionType": "STANDARD"')
        document = json.loads(definition)
        for state in each_state(document):
            adapt_task(state)
        made = self.client("stepfunctions").create_state_machine(
            name=properties["StateMachineName"],
            definition=json.dumps(document),
            roleArn=self.template.value(properties["RoleArn"]),
        )
        assert made["stateMachineArn"] == self.outputs["StateMachineArn"]

    # --- gaps of moto ---

    def _fill_gaps(self) -> None:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEEP)
        self._undo.callback(sys.setrecursionlimit, before)
        steps = default_user_config["stepfunctions"]
        self._undo.enter_context(mock.patch.dict(steps, {"execute_state_machine": True}))
        for owner, name, replacement in (
            (LambdaFunction, "invoke", self._invoke()),
            (Rule, "send_to_targets", self._send_to_targets()),
            (EC2ContainerServiceResponse, "run_task", self.tasks.run_task()),
        ):
            self._undo.enter_context(mock.patch.object(owner, name, replacement))

    def _invoke(self) -> Callable[..., bytes]:
        """A call runs the function's asset; moto runs none without docker."""
        functions = self.functions

        def invoke(
            function: LambdaFunction, body: Any, _: object, response_headers: dict[str, str]
        ) -> bytes:
            payload = body if isinstance(body, bytes) else (body or "{}").encode()
            returned, answer = functions.call(function.function_name, payload)
            if not returned:
                response_headers["x-amz-function-error"] = "Unhandled"
            return answer

        return invoke

    def _send_to_targets(self) -> Callable[..., None]:
        """EventBridge calls functions, and asynchronously; moto's knows other targets only."""
        functions, send = self.functions, Rule.send_to_targets

        def send_to_targets(rule: Rule, event: Any, **options: Any) -> None:
            if rule.scheduled_expression or not rule.event_pattern.matches_event(event):
                return
            for target in rule.targets:
                if parse_arn(target["Arn"]).service == "lambda":
                    name = (
                        lambda_backends[ACCOUNT][REGION].get_function(target["Arn"]).function_name
                    )
                    payload = json.dumps(event).encode()
                    threading.Thread(
                        target=functions.call, args=(name, payload), daemon=True
                    ).start()
            others = [t for t in rule.targets if parse_arn(t["Arn"]).service != "lambda"]
            if others:
                with mock.patch.object(rule, "targets", others):
                    send(rule, event, **options)

        return send_to_targets

    def _tell_ends(self) -> None:
        """Step Functions tells EventBridge how an execution ended; moto's does not."""
        told: set[str] = set()
        events = self.client("events")
        while not self._closed.wait(_LOOK_S):
            for ended in self.executions():
                if ended.arn not in told:
                    told.add(ended.arn)
                    events.put_events(Entries=[self._end_event(ended)])

    def _end_event(self, ended: Ended) -> dict[str, Any]:
        now = time.time()
        detail = {
            "executionArn": ended.arn,
            "stateMachineArn": self.outputs["StateMachineArn"],
            "name": ended.name,
            "status": ended.status,
            "startDate": int((now - ended.seconds) * 1000),
            "stopDate": int(now * 1000),
            "input": None,
            "output": None,
        }
        return {
            "Time": datetime.now(UTC),
            "Source": "aws.states",
            "DetailType": "Step Functions Execution Status Change",
            "Resources": [ended.arn],
            "Detail": json.dumps(detail),
        }


_NOTHING = json.dumps({"StartAt": "Nothing", "States": {"Nothing": {"Type": "Succeed"}}})


@contextlib.contextmanager
def _serve() -> Iterator[tuple[RequestLog, str]]:
    """Run moto's server behind a `RequestLog`; yields that, and the port."""
    log = RequestLog(DomainDispatcherApplication(create_backend_app))
    server: BaseWSGIServer = make_server(
        "127.0.0.1", 0, log, threaded=True, request_handler=KeepingHandler
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield log, str(server.server_port)
    finally:
        server.shutdown()
        thread.join(PATIENCE_S)
        server.server_close()


def _zip(folder: Path) -> bytes:
    """Return a folder as a zip, not compressed: it does not travel."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
