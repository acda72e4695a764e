"""From an object in the inbox to a started run, and from a run's end to people.

::

    inbox ─Object Created─▶ Intake ─▶ run queue        kick queue ─▶ StartRuns ─▶ state machine
                              └─────── kick ─────────────▲ ▲ ▲                        │
                                       every 5 minutes ──┘ └────── an execution ended ┤
                                                                    AnnounceEnd ◀─────┘

Two queues, so that waiting runs are kept for days while a kick, which only says "look again", may
get lost. Whatever cannot be delivered lies in the dead-letter queue, as it came.
"""

from __future__ import annotations

import json

from aws_cdk import (
    Aws,
    Duration,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_lambda,
    aws_lambda_event_sources,
    aws_sns,
    aws_sqs,
)
from constructs import Construct

from cdk.functions import Functions
from cdk.names import name_resource
from cdk.reviewed import acknowledge, acknowledge_wildcard
from cdk.settings import StackSettings
from cdk.storage import Storage
from cdk.workflow import state_machine_arn

_LONGEST_RETENTION = Duration.days(14)  # the most that SQS keeps
# The one message group of the kick queue: Lambda never works on two batches of a group at once, so
# there is never more than one StartRuns that counts running executions.
_ONE_AT_A_TIME = "kick"
_ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]

DROPPED = [
    *({"suffix": {"equals-ignore-case": suffix}} for suffix in (".imzml", ".ibd", ".json")),
    {"prefix": "databases/"},
]
"""Keys in the inbox that start Intake; `ionbox_cloud.events.drops` decides what they are."""


class EventPath(Construct):
    """Queues, rules and what the three functions outside the state machine may do.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    settings : StackSettings
        What the deployer chose.
    functions : Functions
        The functions; Intake, StartRuns and AnnounceEnd get their variables and permissions here.
    storage : Storage
        The buckets; the inbox sends the events.
    topic : Topic
        Where people are told.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StackSettings,
        functions: Functions,
        storage: Storage,
        topic: aws_sns.Topic,
    ) -> None:
        super().__init__(scope, "Events")
        self._settings = settings
        self._functions = functions
        self._topic = topic
        self.dead_letters = self._queue("DeadLetters", retention_period=_LONGEST_RETENTION)
        self.runs = self._queue(
            "RunQueue",
            retention_period=_LONGEST_RETENTION,
            # longer than StartRuns may take, so that no second one sees what the first is starting
            visibility_timeout=Duration.minutes(3),
            dead_letter_queue=aws_sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=10
            ),
        )
        self.kicks = self._kick_queue()
        self._configure_functions()
        self._start_runs_when_kicked()
        self._on_dropped_objects(storage)
        self._on_ended_runs()
        self._rule(
            "EveryFiveMinutes",
            "a kick lost, or capacity freed elsewhere",
            schedule=aws_events.Schedule.rate(Duration.minutes(5)),
        ).add_target(self._kick())

    def _queue(self, name: str, **options: object) -> aws_sqs.Queue:
        queue = aws_sqs.Queue(
            self,
            name,
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            **options,  # type: ignore[arg-type] # passed on as they came
        )
        name_resource(queue, name)
        return queue

    def _kick_queue(self) -> aws_sqs.Queue:
        queue = self._queue(
            "KickQueue",
            fifo=True,
            content_based_deduplication=True,
            # longer than StartRuns may take, as Lambda wants it; after this a failed one is tried
            # again, and kicks stay for a few such tries
            visibility_timeout=Duration.seconds(150),
            retention_period=Duration.minutes(10),
        )
        acknowledge(
            queue, "SQS3", "a kick says nothing but 'look again', and the next comes in 5 minutes"
        )
        return queue

    def _configure_functions(self) -> None:
        variables = {
            "IONBOX_STATE_MACHINE": state_machine_arn(self._settings),
            "IONBOX_RUN_QUEUE": self.runs.queue_url,
            "IONBOX_KICK_QUEUE": self.kicks.queue_url,
            "IONBOX_MAX_RUNS": str(self._settings.max_runs),
            "IONBOX_TOPIC": self._topic.topic_arn,
            "IONBOX_DEFAULT_CONFIG": json.dumps(dict(self._settings.default_config)),
            "IONBOX_EVENT_BUS": "default",
        }
        for state in ("Intake", "StartRuns", "AnnounceEnd"):
            self._functions.add_environment(state, variables)
        for state in ("Intake", "StartRuns"):
            self._may_look_at_executions(state)
        for state in ("Intake", "AnnounceEnd"):
            self._functions.allow(state, ["sns:Publish"], [self._topic.topic_arn])
        self._functions.allow(
            "Intake", ["sqs:SendMessage"], [self.runs.queue_arn, self.kicks.queue_arn]
        )
        self._functions.allow(
            "StartRuns",
            ["states:StartExecution", "states:ListExecutions"],
            [state_machine_arn(self._settings)],
        )
        self._functions.allow(
            "StartRuns",
            # to send: one that has to let a small run go first goes to the queue's end
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"],
            [self.runs.queue_arn],
        )
        bus = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:event-bus/default"
        # the bus is the account's: only events that say they are ours
        self._functions.roles["AnnounceEnd"].add_to_policy(
            aws_iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[bus],
                conditions={"StringEquals": {"events:source": "ionbox"}},
            )
        )

    def _may_look_at_executions(self, state: str) -> None:
        executions = f"{state_machine_arn(self._settings, 'execution')}:*"
        self._functions.allow(state, ["states:DescribeExecution"], [executions])
        acknowledge_wildcard(
            self._functions.roles[state],
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
            f"{self._settings.stack_name}:*",
            "executions of one state machine; their names are known in a run",
        )

    def _start_runs_when_kicked(self) -> None:
        self._functions.one("StartRuns").add_event_source(
            # kicks that came together are one call: one look is enough for all of them
            aws_lambda_event_sources.SqsEventSource(self.kicks, batch_size=10)
        )

    def _on_dropped_objects(self, storage: Storage) -> None:
        rule = self._rule(
            "ObjectDropped",
            "a dataset, its settings or a database",
            event_pattern=aws_events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [storage.inbox.bucket_name]},
                    "object": {"key": DROPPED},
                },
            ),
        )
        rule.add_target(self._call("Intake"))

    def _on_ended_runs(self) -> None:
        rule = self._rule(
            "RunEnded",
            "announce the end, start the next run",
            event_pattern=aws_events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [state_machine_arn(self._settings)],
                    "status": _ENDED,
                },
            ),
        )
        rule.add_target(self._call("AnnounceEnd"))
        rule.add_target(self._kick())

    def _rule(
        self,
        name: str,
        description: str,
        *,
        event_pattern: aws_events.EventPattern | None = None,
        schedule: aws_events.Schedule | None = None,
    ) -> aws_events.Rule:
        rule = aws_events.Rule(
            self,
            name,
            description=f"ionbox: {description}",
            event_pattern=event_pattern,
            schedule=schedule,
        )
        name_resource(rule, name)
        return rule

    def _call(self, state: str) -> aws_events_targets.LambdaFunction:
        """Make a function a target; an event that it fails on three times is a dead letter too."""
        function = self._functions.one(state)
        # two kinds of failure: this is for calls that fail, the target below for calls not made
        aws_lambda.EventInvokeConfig(
            self,
            f"{state}Retries",
            function=function,
            retry_attempts=2,
            max_event_age=Duration.hours(6),
        )
        resource = function.node.default_child
        assert isinstance(resource, aws_lambda.CfnFunction)
        # the event as it came, like those that EventBridge cannot deliver: one way to redrive
        resource.dead_letter_config = aws_lambda.CfnFunction.DeadLetterConfigProperty(
            target_arn=self.dead_letters.queue_arn
        )
        self._functions.allow(state, ["sqs:SendMessage"], [self.dead_letters.queue_arn])
        return aws_events_targets.LambdaFunction(
            function,
            dead_letter_queue=self.dead_letters,
            retry_attempts=24,
            max_event_age=Duration.hours(24),
        )

    def _kick(self) -> aws_events_targets.SqsQueue:
        return aws_events_targets.SqsQueue(
            self.kicks,
            message_group_id=_ONE_AT_A_TIME,
            dead_letter_queue=self.dead_letters,
            retry_attempts=3,
            max_event_age=Duration.minutes(5),  # the next kick comes then
        )
