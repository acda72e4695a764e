"""The Lambda functions: every handler of the table at every rung of its ladder.

Memory is a property of a function, so each rung is a function of its own; all share one code asset
(``functions/``, as built), two layers (the rings), and per handler one role and one log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, aws_iam, aws_lambda, aws_logs
from constructs import Construct

from cdk import fan_out
from cdk.functions_table import MEMORY_TUNING, FunctionEntry, FunctionsTable
from cdk.names import name_resource
from cdk.permissions import OBJECTS
from cdk.reviewed import acknowledge
from cdk.settings import StackSettings
from cdk.storage import Storage

CODE = "functions"
"""What is built of the handlers; all else that is built is a layer."""

_ARCHITECTURES = {
    "x86_64": aws_lambda.Architecture.X86_64,
    "arm64": aws_lambda.Architecture.ARM_64,
}


def log_group(
    scope: Construct, settings: StackSettings, name: str, group_name: str = ""
) -> aws_logs.LogGroup:
    """Make the log group of a handler or of the Fargate task; of another name, if one is given.

    Made here and not by Lambda itself, whose log groups keep everything for ever.
    """
    group = aws_logs.LogGroup(
        scope,
        f"{name}Logs",
        log_group_name=group_name or f"{settings.log_group_prefix}/{name}",
        retention=aws_logs.RetentionDays[_RETENTION[settings.log_retention_days]],
        removal_policy=RemovalPolicy.DESTROY,
    )
    name_resource(group, f"{name[0].upper()}{name[1:]}Logs")
    return group


RESERVED = {"Intake": 3, "StartRuns": 1, "AnnounceEnd": 1}
"""Calls at once that are set aside, and the most there are, of what no Map may hold up. Events that
find Intake busy wait in Lambda's own queue; of StartRuns there is only one anyway."""

# By days: the CDK has names where CloudFormation has numbers.
_RETENTION = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1827: "FIVE_YEARS",
    3653: "TEN_YEARS",
}


class Functions(Construct):
    """The functions, by state; those of a ladder lowest rung first.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    settings : StackSettings
        What the deployer chose.
    table : FunctionsTable
        Handlers, sizes and time limits.
    storage : Storage
        The buckets, to which each role gets its access.
    built : mapping of str to Path
        Folder of each part that was built: ``functions``, and the layers ``science`` and ``cloud``.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StackSettings,
        table: FunctionsTable,
        storage: Storage,
        built: Mapping[str, Path],
    ) -> None:
        super().__init__(scope, "Functions")
        self._settings = settings
        self._storage = storage
        self._architecture = _ARCHITECTURES[settings.architecture]
        self._code = aws_lambda.Code.from_asset(str(built[CODE]))
        self._layers = {
            name: self._layer(name, folder) for name, folder in built.items() if name != CODE
        }
        self._environment = {
            **MEMORY_TUNING,
            **storage.environment(),
            **fan_out.environment(settings),
            "IONBOX_RUNGS_MB": json.dumps(table.rungs_mb, separators=(",", ":")),
        }
        self.roles: dict[str, aws_iam.Role] = {}
        self.by_state = {state: self._rungs_of(entry) for state, entry in table.functions.items()}

    def one(self, state: str) -> aws_lambda.Function:
        """Return the function of a state that has one rung.

        Raises
        ------
        ValueError
            If it has several.
        """
        (function,) = self.by_state[state]
        return function

    def arns(self, state: str) -> list[str]:
        """Return the ARNs of a function's rungs, lowest first."""
        return [function.function_arn for function in self.by_state[state]]

    def add_environment(self, state: str, variables: Mapping[str, str]) -> None:
        """Give a handler, at all its rungs, more variables."""
        for function in self.by_state[state]:
            for name, value in variables.items():
                function.add_environment(name, value)

    def allow(self, state: str, actions: list[str], resources: list[str]) -> None:
        """Allow a handler, at all its rungs, some actions on some ARNs."""
        statement = aws_iam.PolicyStatement(actions=actions, resources=resources)
        self.roles[state].add_to_policy(statement)

    def _layer(self, name: str, folder: Path) -> aws_lambda.LayerVersion:
        layer = aws_lambda.LayerVersion(
            self,
            f"{name.capitalize()}Layer",
            code=aws_lambda.Code.from_asset(str(folder)),
            compatible_runtimes=[aws_lambda.Runtime.PYTHON_3_13],
            compatible_architectures=[self._architecture],
            description=f"ionbox: {name}",
        )
        name_resource(layer, f"{name.capitalize()}Layer")
        return layer

    def _rungs_of(self, entry: FunctionEntry) -> list[aws_lambda.Function]:
        logs = log_group(self, self._settings, entry.state)
        role = aws_iam.Role(
            self,
            f"{entry.state}Role",
            assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"ionbox: what {entry.state} may do",
        )
        name_resource(role, f"{entry.state}Role")
        logs.grant_write(role)
        self._storage.allow(role, OBJECTS[entry.state])
        self.roles[entry.state] = role
        return [self._function(entry, rung_mb, role, logs) for rung_mb in entry.rungs_mb]

    def _function(
        self, entry: FunctionEntry, memory_mb: int, role: aws_iam.Role, logs: aws_logs.LogGroup
    ) -> aws_lambda.Function:
        name = entry.name_of(memory_mb)
        function = aws_lambda.Function(
            self,
            name,
            description=f"ionbox: {entry.state} with {memory_mb} MB",
            runtime=aws_lambda.Runtime.PYTHON_3_13,
            architecture=self._architecture,
            code=self._code,
            handler=entry.handler,
            layers=[self._layers[layer] for layer in entry.layers],
            memory_size=memory_mb,
            timeout=Duration.seconds(entry.timeout_s),
            environment=self._environment,
            role=role,
            log_group=logs,
            reserved_concurrent_executions=(
                RESERVED.get(entry.state) if self._settings.reserve_for_events else None
            ),
        )
        name_resource(function, name)
        acknowledge(
            function,
            "L1",
            "the layers hold libraries compiled for Python 3.13; a newer one comes with new layers",
        )
        return function
