"""Who is told, and of what: one topic for ends of runs and for alarms."""

from __future__ import annotations

from aws_cdk import (
    Aws,
    Duration,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_iam,
    aws_sns,
    aws_sns_subscriptions,
)
from constructs import Construct

from cdk.events import EventPath
from cdk.functions import Functions
from cdk.names import name_resource
from cdk.settings import StackSettings
from cdk.workflow import Workflow

_HOUR = Duration.hours(1)


def make_topic(scope: Construct, settings: StackSettings) -> aws_sns.Topic:
    """Make the topic, and subscribe the address of the settings, if there is one."""
    topic = aws_sns.Topic(scope, "Topic", enforce_ssl=True, display_name=settings.stack_name)
    name_resource(topic, "Topic")
    # a policy of one's own ends what a topic without one allows: alarms of this account
    topic.add_to_resource_policy(
        aws_iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )
    if settings.notification_email:
        topic.add_subscription(aws_sns_subscriptions.EmailSubscription(settings.notification_email))
    return topic


class Alarms(Construct):
    """The alarms; each says in its description what to do.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    topic : Topic
        Where an alarm is announced.
    workflow : Workflow
        The state machine, which counts its executions.
    events : EventPath
        The queues, which count what waits in them and for how long.
    functions : Functions
        Among them those outside the state machine, whose failures no run reports.
    """

    def __init__(
        self,
        scope: Construct,
        topic: aws_sns.Topic,
        workflow: Workflow,
        events: EventPath,
        functions: Functions,
    ) -> None:
        super().__init__(scope, "Alarms")
        self._action = aws_cloudwatch_actions.SnsAction(topic)
        machine = workflow.machine
        self._alarm(
            "RunFailed",
            "A run failed: see status.json of the run, or 'ionbox status'.",
            machine.metric_failed(period=Duration.minutes(5), statistic="Sum"),
        )
        self._alarm(
            "RunStuck",
            "A run was ended because it took longer than a run may: see 'ionbox status'.",
            machine.metric_timed_out(period=Duration.minutes(5), statistic="Sum"),
        )
        self._alarm(
            "DeadLetter",
            "Something could not be handled and lies in the dead-letter queue: "
            "'ionbox redrive --dead-letters' tries again.",
            events.dead_letters.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
        )
        self._alarm(
            "NothingStarts",
            "Runs have been waiting for 3 hours, and StartRuns was not called: see its log, and "
            "whether it is throttled.",
            # Not whether one started: a few long runs may take all places for most of a day. A run
            # that keeps its place for longer is RunStuck, one that cannot start a DeadLetter.
            # FILL: a metric without any event has no value
            aws_cloudwatch.MathExpression(
                expression="IF(age > 3600 AND FILL(looked, 0) == 0, 1, 0)",
                using_metrics={
                    "age": events.runs.metric_approximate_age_of_oldest_message(
                        period=_HOUR, statistic="Maximum"
                    ),
                    "looked": functions.one("StartRuns").metric_invocations(
                        period=_HOUR, statistic="Sum"
                    ),
                },
                period=_HOUR,
                label="runs wait, nobody looks",
            ),
            evaluation_periods=3,
        )
        for state in ("Intake", "StartRuns", "AnnounceEnd"):
            self._alarm(
                f"{state}Failed",
                f"{state} failed: see its log.",
                functions.one(state).metric_errors(period=Duration.minutes(5), statistic="Sum"),
                evaluation_periods=3,  # a failure that a retry mends is none
                datapoints_to_alarm=2,
            )

    def _alarm(
        self,
        name: str,
        description: str,
        metric: aws_cloudwatch.IMetric,
        *,
        evaluation_periods: int = 1,
        datapoints_to_alarm: int | None = None,
    ) -> None:
        alarm = aws_cloudwatch.Alarm(
            self,
            name,
            alarm_description=description,
            metric=metric,
            threshold=1,
            comparison_operator=(
                aws_cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        name_resource(alarm, f"{name}Alarm")
        alarm.add_alarm_action(self._action)
