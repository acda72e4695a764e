"""The whole stack: everything ionbox is in an AWS account.

The parts are made in the order in which they need each other. The state machine comes late, because
its file needs the ARNs of all functions; what must know it earlier makes its ARN from its name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CfnOutput, Stack, Tags, aws_iam
from constructs import Construct

from cdk.alarms import Alarms, make_topic
from cdk.budget import make_budget
from cdk.events import EventPath
from cdk.functions import Functions
from cdk.functions_table import PROJECT, FunctionsTable
from cdk.settings import StackSettings
from cdk.sort_task import FargateSort
from cdk.storage import Storage
from cdk.workflow import Workflow, state_machine_arn


class IonboxStack(Stack):
    """One ionbox. Knows neither account nor region: where it goes is said at deployment.

    Its outputs are what ``ionbox`` on the command line finds an installation by.

    Parameters
    ----------
    scope : Construct
        The CDK app that is synthesised.
    settings : StackSettings
        What the deployer chose.
    built : mapping of str to Path
        Folder of each part that was built: ``functions``, and the layers ``science`` and ``cloud``.
    """

    def __init__(
        self, scope: Construct, settings: StackSettings, built: Mapping[str, Path]
    ) -> None:
        super().__init__(
            scope,
            settings.stack_name,
            description="ionbox: annotation of imaging mass spectrometry data",
            analytics_reporting=False,
        )
        if settings.permissions_boundary:
            boundary = aws_iam.ManagedPolicy.from_managed_policy_arn(
                self, "Boundary", settings.permissions_boundary
            )
            aws_iam.PermissionsBoundary.of(self).apply(boundary)  # also to roles made below
        table = FunctionsTable.read(settings.max_lambda_mb)
        storage = Storage(self, settings)
        functions = Functions(self, settings, table, storage, built)
        task = table.tasks["SortSpectra"]
        size = {"vcpu": task.vcpu, "memory_mb": task.memory_mb} if settings.fargate else None
        functions.add_environment("PlanRun", {"IONBOX_SORT_TASK": json.dumps(size)})
        sort_task = (
            FargateSort(self, settings, table, storage, built, state_machine_arn(settings))
            if settings.fargate
            else None
        )
        workflow = Workflow(self, settings, functions, storage, sort_task)
        topic = make_topic(self, settings)
        events = EventPath(self, settings, functions, storage, topic)
        make_budget(self, settings)
        Alarms(self, topic, workflow, events, functions)
        Tags.of(self).add("application", "ionbox")
        Tags.of(self).add("stack", settings.stack_name)
        outputs = {
            "InboxBucket": storage.inbox.bucket_name,
            "WorkBucket": storage.work.bucket_name,
            "ResultsBucket": storage.results.bucket_name,
            "StateMachineArn": workflow.machine.state_machine_arn,
            "RunQueueUrl": events.runs.queue_url,
            "KickQueueUrl": events.kicks.queue_url,
            "DeadLetterQueueUrl": events.dead_letters.queue_url,
            "TopicArn": topic.topic_arn,
            "ClusterName": sort_task.cluster.cluster_name if sort_task else "none",
            "LogGroupPrefix": settings.log_group_prefix,
            "IonboxVersion": read_version(),
            "MaxRuns": str(settings.max_runs),
            "MaxLambdaMb": str(settings.max_lambda_mb),
            "Architecture": settings.architecture,
            "DefaultConfig": json.dumps(settings.default_config),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def read_version() -> str:
    """Return ionbox's version, from ``pyproject.toml``: what is deployed is not imported here."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    version: str = project["version"]
    return version
