"""The high-memory way to sort a dataset: a Fargate task in a network that takes no connection.

For datasets that fit no Lambda function. Nothing here costs while no task runs. The task has no
image of ours: it starts AWS's Python image with `cdk.bootstrap_task` as its command, which fetches
the very zips that the functions have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Aws, Duration, aws_ec2, aws_ecs, aws_iam, aws_s3_assets
from constructs import Construct

from cdk.functions import CODE, log_group
from cdk.functions_table import MEMORY_TUNING, FunctionsTable
from cdk.names import name_resource
from cdk.permissions import OBJECTS
from cdk.reviewed import acknowledge, acknowledge_wildcard
from cdk.settings import ECR_IMAGE, StackSettings
from cdk.storage import Storage

STATE = "SortSpectra"
CONTAINER = "sort"
BOOTSTRAP = Path(__file__).with_name("bootstrap_task.py")

# Lambda's own Python image, public, by digest: no docker where this is deployed, no registry.
# The digests stand in public Dockerfiles; they were not pulled when this was written.
IMAGES = {
    "x86_64": "public.ecr.aws/lambda/python:3.13"
    "@sha256:c99d19619deec5348812dfe5f34a896996f8577d25e2c60ab0cd81e74222c019",
    "arm64": "public.ecr.aws/lambda/python:3.13-arm64"
    "@sha256:5f36c532ad3eb10e52e5b7cbe4b80855fca3703c581c1a4f3c11790c2e4ac378",
}

_ARCHITECTURES = {
    "x86_64": aws_ecs.CpuArchitecture.X86_64,
    "arm64": aws_ecs.CpuArchitecture.ARM64,
}


class FargateSort(Construct):
    """Network, cluster and task definition.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    settings : StackSettings
        What the deployer chose.
    table : FunctionsTable
        The task's size and entry, and the ladder its plan needs to know.
    storage : Storage
        The buckets, to which the task's role gets its access.
    built : mapping of str to Path
        Folder of each part that was built: ``functions``, and the layers ``science`` and ``cloud``.
    state_machine_arn : str
        The state machine that the task tells how it ended.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StackSettings,
        table: FunctionsTable,
        storage: Storage,
        built: Mapping[str, Path],
        state_machine_arn: str,
    ) -> None:
        super().__init__(scope, STATE)
        entry = table.tasks[STATE]
        self._settings = settings
        self.network = self._own_network() if settings.vpc_id else self._network()
        self.security_group = self._security_group()
        self.cluster = aws_ecs.Cluster(self, "Cluster", vpc=self.network)
        acknowledge(
            self.cluster,
            "ECS4",
            "Container Insights are billed per task; each run records its own time and memory",
        )
        self.logs = log_group(self, settings, STATE)
        self.role = self._task_role(storage, state_machine_arn)
        self.execution_role = self._execution_role()
        self.family = f"{settings.stack_name}-{STATE}"
        self.definition = aws_ecs.FargateTaskDefinition(
            self,
            "Definition",
            family=self.family,
            cpu=entry.vcpu * 1024,  # a run asks for the size it needs when it starts the task
            memory_limit_mib=entry.memory_mb,
            runtime_platform=aws_ecs.RuntimePlatform(
                cpu_architecture=_ARCHITECTURES[settings.architecture],
                operating_system_family=aws_ecs.OperatingSystemFamily.LINUX,
            ),
            task_role=self.role,
            execution_role=self.execution_role,
        )
        acknowledge(self.definition, "ECS2", "names of buckets and files are no secrets")
        self._add_container(storage, table, built, entry.entry, entry.layers)

    def _own_network(self) -> aws_ec2.IVpc:
        """Take the network of the settings, which is left as it is."""
        return aws_ec2.Vpc.from_vpc_attributes(
            self,
            "Network",
            vpc_id=self._settings.vpc_id,
            # of no consequence: where tasks start is said by their subnets
            availability_zones=["unknown"],
        )

    def _network(self) -> aws_ec2.IVpc:
        network = aws_ec2.Vpc(
            self,
            "Network",
            max_azs=2,  # should one zone have no room for a task
            nat_gateways=0,  # tasks have public addresses instead: a gateway costs when idle
            subnet_configuration=[
                aws_ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=aws_ec2.SubnetType.PUBLIC,
                    map_public_ip_on_launch=False,
                )
            ],
            # S3 by the endpoint costs nothing, and the task's gigabytes stay off the internet
            gateway_endpoints={
                "S3": aws_ec2.GatewayVpcEndpointOptions(
                    service=aws_ec2.GatewayVpcEndpointAwsService.S3
                )
            },
            restrict_default_security_group=False,  # would install a function; nothing uses it
        )
        acknowledge(
            network, "VPC7", "nothing can connect to the tasks, and flow logs are billed by volume"
        )
        return network

    def _security_group(self) -> aws_ec2.ISecurityGroup:
        if self._settings.security_group_id:
            return aws_ec2.SecurityGroup.from_security_group_id(
                self, "SecurityGroup", self._settings.security_group_id, mutable=False
            )
        group = aws_ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.network,
            description="ionbox: sort tasks call AWS; nothing calls them",
            allow_all_outbound=False,
        )
        group.add_egress_rule(aws_ec2.Peer.any_ipv4(), aws_ec2.Port.tcp(443), "AWS, over TLS")
        return group

    def _task_role(self, storage: Storage, state_machine_arn: str) -> aws_iam.Role:
        role = self._role("TaskRole", "what SortSpectra may do")
        storage.allow(role, OBJECTS[STATE])
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=[
                    "states:SendTaskHeartbeat",
                    "states:SendTaskSuccess",
                    "states:SendTaskFailure",
                ],
                resources=[state_machine_arn],
            )
        )
        return role

    def _execution_role(self) -> aws_iam.Role:
        role = self._role("ExecutionRole", "what starts SortSpectra: it opens its log")
        self.logs.grant_write(role)
        image = ECR_IMAGE.fullmatch(self._settings.sort_image)
        if image:
            repository = (
                f"arn:{Aws.PARTITION}:ecr:{image['region']}:{image['account']}:"
                f"repository/{image['repository']}"
            )
            role.add_to_policy(
                aws_iam.PolicyStatement(
                    actions=[
                        "ecr:BatchCheckLayerAvailability",
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                    ],
                    resources=[repository],
                )
            )
            role.add_to_policy(
                aws_iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
            )
            acknowledge_wildcard(role, "*", "a login to ECR is of the account, not of a repository")
        return role

    def _role(self, name: str, what: str) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            name,
            assumed_by=aws_iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description=f"ionbox: {what}",
        )
        name_resource(role, f"{STATE}{name}")
        return role

    def _add_container(
        self,
        storage: Storage,
        table: FunctionsTable,
        built: Mapping[str, Path],
        entry: str,
        layer_names: tuple[str, ...],
    ) -> None:
        code = aws_s3_assets.Asset(self, "Code", path=str(built[CODE]))
        zips = [
            aws_s3_assets.Asset(self, f"{name.capitalize()}Zip", path=str(built[name]))
            for name in layer_names
        ]
        for asset in (code, *zips):
            self.role.add_to_policy(
                aws_iam.PolicyStatement(
                    actions=["s3:GetObject"],
                    resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
                )
            )
        self.definition.add_container(
            CONTAINER,
            container_name=CONTAINER,
            image=aws_ecs.ContainerImage.from_registry(
                self._settings.sort_image or IMAGES[self._settings.architecture]
            ),
            entry_point=["/var/lang/bin/python3", "-c", BOOTSTRAP.read_text("utf-8")],
            environment={
                **MEMORY_TUNING,
                **storage.environment(),
                "IONBOX_RUNGS_MB": json.dumps(table.rungs_mb, separators=(",", ":")),
                "IONBOX_CODE_ZIP": code.s3_object_url,
                "IONBOX_LAYER_ZIPS": ",".join(each.s3_object_url for each in zips),
                "IONBOX_ENTRY": entry,
                "PYTHONPATH": "/var/runtime",  # where the image has boto3, if not in its Python
                "PYTHONUNBUFFERED": "1",
            },
            logging=aws_ecs.LogDriver.aws_logs(stream_prefix=CONTAINER, log_group=self.logs),
            # an init process passes SIGTERM on; Linux spares process 1, which the task would be
            linux_parameters=aws_ecs.LinuxParameters(self, "Linux", init_process_enabled=True),
            stop_timeout=Duration.seconds(120),  # from SIGTERM to the end; the most Fargate allows
        )

    def placeholders(self) -> dict[str, str]:
        """Return what fills the placeholders of SortSpectra in the state machine's file."""
        return {
            "Cluster": self.cluster.cluster_arn,
            "SortTask": self.definition.task_definition_arn,
            "Subnets": self._settings.subnet_ids
            or ",".join(subnet.subnet_id for subnet in self.network.public_subnets),
            "AssignPublicIp": "ENABLED" if self._settings.assign_public_ip else "DISABLED",
            "SecurityGroup": self.security_group.security_group_id,
        }

    def let_start(self, role: aws_iam.Role) -> None:
        """Let a role, the state machine's, start the task in this cluster and pass it its roles."""
        any_revision = (
            f"arn:{Aws.PARTITION}:ecs:{Aws.REGION}:{Aws.ACCOUNT_ID}:task-definition/{self.family}:*"
        )
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[any_revision],
                conditions={"ArnEquals": {"ecs:cluster": self.cluster.cluster_arn}},
            )
        )
        acknowledge_wildcard(
            role,
            "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:"
            f"task-definition/{self.family}:*",
            "the revisions of one task: a run that began before an update uses the one before",
        )
        # the state machine asks for the definition's tags on its tasks; who sets tags may tag
        tasks = (
            f"arn:{Aws.PARTITION}:ecs:{Aws.REGION}:{Aws.ACCOUNT_ID}:task/"
            f"{self.cluster.cluster_name}/*"
        )
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["ecs:TagResource"],
                resources=[tasks],
                conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
            )
        )
        acknowledge_wildcard(
            role,
            "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/"
            "<SortSpectraClusterBDADF742>/*",
            "tasks of one cluster, only as they start; their ids are known in a run",
        )
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role.role_arn, self.execution_role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        )
