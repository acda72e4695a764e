"""A small AWS account in moto's server: the stack's buckets, queues, topic, bus and state machine.

Executions run for ever there, until a test ends them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ionbox.local.runtime import Call, LambdaContext, load_handler
from ionbox_cloud import environment as variables
from ionbox_cloud.aws_clients import open_client
from ionbox_cloud.environment import StoresEnvironment
from ionbox_cloud.errors import NamelessError
from ionbox_cloud.events.executions import open_executions
from ionbox_cloud.store import Stores, open_stores
from moto.sqs.models import sqs_backends
from moto.stepfunctions.models import stepfunctions_backends

from tests.handlers.in_memory import ALL_FUNCTIONS

ACCOUNT, REGION = "123456789012", "us-east-1"
EVENTS = Path(__file__).parents[1] / "events"
DEFAULTS = {"databases": ["lipids"], "resolving_power": 140_000}

_BUCKETS = {
    "inbox": variables.INBOX_VARIABLE,
    "work": variables.WORK_VARIABLE,
    "results": variables.RESULTS_VARIABLE,
}
_DEFINITION = '{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": true}}}'


def call_event_handler(name: str, event: Mapping[str, Any]) -> None:
    """Call the handler of a function that AWS sends events; an error keeps its words."""
    try:
        invoke_event_handler(name, event)
    except NamelessError as error:
        nameless = error
    else:
        return
    assert nameless.__context__ is not None
    raise nameless.__context__


def invoke_event_handler(name: str, event: Mapping[str, Any]) -> None:
    """Call it as Lambda does."""
    function = ALL_FUNCTIONS[name]
    context = LambdaContext(Call.of(function, "request-1", ""))
    assert load_handler(str(function.handler))(event, context) == {}


def read_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return event


def created(key: str) -> dict[str, Any]:
    """The event of an object in the inbox, as EventBridge passes it on."""
    event = read_event("intake")
    event["detail"]["object"]["key"] = key
    return event


def ended(execution_id: str, status: str, **detail: Any) -> dict[str, Any]:
    """The event of an execution's end, as EventBridge passes it on."""
    event = read_event("announce_end")
    event["detail"] |= {"name": execution_id, "status": status, **detail}
    return event


@dataclass(frozen=True)
class Account:
    """One stack in the account, all names its own.

    Attributes
    ----------
    environment : dict
        The handlers' environment.
    mail_url, bus_url, dead_url : str
        Queues with what people were told, what programs were told, and dead letters.
    """

    environment: dict[str, str]
    mail_url: str
    bus_url: str
    dead_url: str

    @classmethod
    def create(cls, *, versioned: bool = True, max_runs: int = 2) -> Account:
        stack = f"ionbox-{uuid.uuid4().hex[:12]}"
        s3, sqs = open_client("s3"), open_client("sqs")
        environment = {}
        for bucket, variable in _BUCKETS.items():
            s3.create_bucket(Bucket=f"{stack}-{bucket}")
            environment[variable] = f"s3://{stack}-{bucket}"
        if versioned:
            s3.put_bucket_versioning(
                Bucket=f"{stack}-inbox", VersioningConfiguration={"Status": "Enabled"}
            )

        def make_queue(name: str, **attributes: str) -> str:
            made = sqs.create_queue(QueueName=f"{stack}-{name}", Attributes=attributes)
            return str(made["QueueUrl"])

        dead = make_queue("dead")
        redrive = {"deadLetterTargetArn": _queue_arn(dead), "maxReceiveCount": 3}
        mail, bus = make_queue("mail"), make_queue("bus")
        sns, events = open_client("sns"), open_client("events")
        topic = sns.create_topic(Name=stack)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_queue_arn(mail))
        events.create_event_bus(Name=stack)
        pattern = json.dumps({"source": ["ionbox"], "detail-type": ["ionbox run ended"]})
        events.put_rule(Name=stack, EventBusName=stack, EventPattern=pattern)
        events.put_targets(
            Rule=stack, EventBusName=stack, Targets=[{"Id": "bus", "Arn": _queue_arn(bus)}]
        )
        machine = open_client("stepfunctions").create_state_machine(
            name=stack, definition=_DEFINITION, roleArn=f"arn:aws:iam::{ACCOUNT}:role/ionbox"
        )
        environment |= {
            variables.STATE_MACHINE_VARIABLE: machine["stateMachineArn"],
            variables.RUN_QUEUE_VARIABLE: make_queue("runs", RedrivePolicy=json.dumps(redrive)),
            variables.KICK_QUEUE_VARIABLE: make_queue("kicks.fifo", FifoQueue="true"),
            variables.MAX_RUNS_VARIABLE: str(max_runs),
            variables.TOPIC_VARIABLE: topic,
            variables.EVENT_BUS_VARIABLE: stack,
            variables.DEFAULT_CONFIG_VARIABLE: json.dumps(DEFAULTS),
        }
        return cls(environment, mail, bus, dead)

    @property
    def stores(self) -> Stores:
        return open_stores(StoresEnvironment.from_environment(self.environment))

    @property
    def run_queue_url(self) -> str:
        return self.environment[variables.RUN_QUEUE_VARIABLE]

    @property
    def kick_queue_url(self) -> str:
        return self.environment[variables.KICK_QUEUE_VARIABLE]

    # --- what happens ---

    def drop(self, key: str, data: bytes = b"data") -> dict[str, Any]:
        """Write into the inbox; returns the event, which nobody has seen yet."""
        self.stores.inbox.write(key, data)
        return created(key)

    def intake(self, *events: Mapping[str, Any]) -> None:
        for event in events:
            call_event_handler("Intake", event)

    def start_runs(self) -> None:
        """What the event source mapping does: StartRuns gets the kicks, which are then gone."""
        kicks = self.take(self.kick_queue_url)
        event = read_event("start_runs")
        (record, *_) = event["Records"]
        event["Records"] = [record | {"body": body} for body in kicks]
        if kicks:
            call_event_handler("StartRuns", event)

    def settle(self) -> None:
        """Let StartRuns see all kicks."""
        while self.count(self.kick_queue_url):
            self.start_runs()

    def end(self, execution_id: str, status: str = "SUCCEEDED") -> None:
        """End an execution; EventBridge kicks StartRuns."""
        execution = next(e for e in self._machine().executions if e.name == execution_id)
        execution.status, execution.stop_date = status, datetime.now(UTC)
        open_client("sqs").send_message(
            QueueUrl=self.kick_queue_url,
            MessageBody=json.dumps(ended(execution_id, status)),
            MessageGroupId="kick",
            MessageDeduplicationId=uuid.uuid4().hex,
        )

    def forget_process(self) -> None:
        """The next call of a handler is in another process."""
        open_executions.cache_clear()

    # --- what is there ---

    def executions(self, status: str | None = None) -> list[str]:
        """Names of executions in the order in which they were started."""
        found = self._machine().executions
        return [e.name for e in found if status in (None, e.status)]

    def requests(self) -> list[dict[str, Any]]:
        """Inputs of the executions."""
        return [json.loads(e.execution_input) for e in self._machine().executions]

    def count(self, queue_url: str) -> int:
        """Messages that can be received now."""
        name = "ApproximateNumberOfMessages"
        answer = open_client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def take(self, queue_url: str) -> list[str]:
        """Take what a queue holds."""
        bodies = []
        sqs = open_client("sqs")
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def mail(self) -> list[tuple[str, str]]:
        """Subject and text of what people were told since the last call."""
        letters = map(json.loads, self.take(self.mail_url))
        return [(letter["Subject"], letter["Message"]) for letter in letters]

    def announced(self) -> list[dict[str, Any]]:
        """Our events since the last call."""
        return [json.loads(body) for body in self.take(self.bus_url)]

    def show_all(self) -> None:
        """Make messages that were received but not removed visible again."""
        queue = sqs_backends[ACCOUNT][REGION].queues[self.run_queue_url.rpartition("/")[2]]
        queue.pending_messages.clear()
        for message in queue._messages:
            message.change_visibility(0)

    def _machine(self) -> Any:
        arn = self.environment[variables.STATE_MACHINE_VARIABLE]
        return stepfunctions_backends[ACCOUNT][REGION].describe_state_machine(arn)


def _queue_arn(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"
