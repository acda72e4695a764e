"""The state machine, from the same file that the local runner interprets.

The file names functions and buckets by placeholders (``${PlanRun}``); CloudFormation fills them
with the ARNs of this stack. For a memory ladder that is a list, lowest rung first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aws_cdk import Aws, aws_iam, aws_stepfunctions
from constructs import Construct

from cdk import fan_out
from cdk.fan_out import DEFINITION
from cdk.functions import Functions, log_group
from cdk.functions_table import PROJECT
from cdk.names import name_resource
from cdk.permissions import Objects
from cdk.reviewed import acknowledge_wildcard
from cdk.settings import StackSettings
from cdk.sort_task import FargateSort
from cdk.storage import Storage

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")

NO_TASK = dict.fromkeys(
    ("Cluster", "SortTask", "Subnets", "SecurityGroup", "AssignPublicIp"), "none"
)
"""Without Fargate no plan asks for a task; these only fill the definition."""


class UnfilledPlaceholder(ValueError):  # noqa: N818 (named like the errors of the rings)
    """The state machine's file wants something that this stack does not have."""


def state_machine_arn(settings: StackSettings, kind: str = "stateMachine") -> str:
    """Return the ARN of the state machine, or of its executions, from its name.

    The machine's own role and its handlers speak of it; a reference would go round in a circle.
    """
    return f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:{kind}:{settings.stack_name}"


def placeholders_of(definition: str) -> set[str]:
    """Return the names of a definition's ``${…}``."""
    return set(_PLACEHOLDER.findall(definition))


class Workflow(Construct):
    """The state machine and its role.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    settings : StackSettings
        What the deployer chose.
    functions : Functions
        The functions that states call.
    storage : Storage
        Where it finds the items of Maps.
    sort_task : FargateSort or None
        The Fargate task, if there is one.

    Raises
    ------
    UnfilledPlaceholder
        If the state machine's file has a placeholder for which there is no value.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StackSettings,
        functions: Functions,
        storage: Storage,
        sort_task: FargateSort | None,
    ) -> None:
        super().__init__(scope, "Workflow")
        self._settings = settings
        definition = DEFINITION.read_text("utf-8")
        wanted = placeholders_of(definition)
        called = {state: functions.arns(state) for state in sorted(wanted & functions.roles.keys())}
        self.role = self._make_role(called, storage, sort_task)
        values = {
            **{state: ",".join(arns) for state, arns in called.items()},
            "WorkBucket": storage.work.bucket_name,
            **fan_out.placeholders(settings),
            "MapConcurrency": str(settings.map_concurrency),
            **(sort_task.placeholders() if sort_task else NO_TASK),
        }
        missing = sorted(wanted - values.keys())
        if missing:
            raise UnfilledPlaceholder(
                f"nothing fills {', '.join(missing)} in {DEFINITION.relative_to(PROJECT)}: a "
                "placeholder is a function of functions.json, or one that cdk/workflow.py knows"
            )
        self.machine = aws_stepfunctions.StateMachine(
            self,
            "Machine",
            state_machine_name=settings.stack_name,
            definition_body=aws_stepfunctions.DefinitionBody.from_string(definition),
            definition_substitutions={name: values[name] for name in sorted(wanted)},
            role=self.role,
            logs=aws_stepfunctions.LogOptions(
                # of this name, AWS needs no line of its own in the region's policy for deliveries
                # of logs, which holds 5,120 characters and is shared by all that deliver
                destination=log_group(
                    self,
                    settings,
                    "statemachine",
                    f"/aws/vendedlogs/states/{settings.stack_name}",
                ),
                level=aws_stepfunctions.LogLevel.ALL,
                include_execution_data=False,  # names of people's files
            ),
            tracing_enabled=True,
        )
        name_resource(self.machine, "StateMachine")
        acknowledge_wildcard(
            self.role,
            "*",
            "delivery of logs (logs:*LogDelivery and what belongs to it) and X-Ray know no "
            "narrower resource",
        )

    def _make_role(
        self, called: Mapping[str, list[str]], storage: Storage, sort_task: FargateSort | None
    ) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            "Role",
            assumed_by=aws_iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description="ionbox: what the state machine may do",
        )
        name_resource(role, "StateMachineRole")

        def allow(actions: list[str], resources: list[str]) -> None:
            role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=resources))

        allow(["lambda:InvokeFunction"], [arn for arns in called.values() for arn in arns])
        storage.allow(role, Objects(work_reads=("executions/*/items/",)), may_list=False)
        # the items of a distributed Map run as executions of the machine itself
        executions = state_machine_arn(self._settings, "execution")
        allow(["states:StartExecution"], [state_machine_arn(self._settings)])
        allow(["states:DescribeExecution", "states:StopExecution"], [f"{executions}:*"])
        allow(["states:RedriveExecution"], [f"{executions}/*"])
        for end in (":*", "/*"):
            acknowledge_wildcard(
                role,
                "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
                f"{self._settings.stack_name}{end}",
                "executions of this state machine only; their names are known in a run",
            )
        if sort_task:
            sort_task.let_start(role)
        return role
