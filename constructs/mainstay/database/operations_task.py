"""The one-off task in which operations on the databases run, from the service's own image."""

from __future__ import annotations

from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.database.metrics import database_namespace
from mainstay.database.store_access import CERTIFICATES
from mainstay.database.store_kind import DATABASE
from mainstay.network.network import Network
from mainstay.read_only.control_table import ControlTable
from mainstay.stateless.image import ImageSource, container_image

CONTAINER = "operations"
COMMAND = ("python", "-m", "service.operations")


@dataclass(frozen=True, kw_only=True)
class OperableNode:
    """A server that operations know: its address, and where its administrator's password is."""

    host: str
    secret_name: str
    cluster: str | None = None  # of Aurora, by identifier


@dataclass(frozen=True, kw_only=True)
class Operable:
    """The nodes that the task may work on, by the names of `service.operations`."""

    nodes: dict[str, OperableNode]  # ENTITY_A, ENTITY_B, TRANSACTION, FOLLOWER, DELAYED
    replication_secret_name: str
    canary_secret_name: str
    keys: tuple[kms.IKey, ...] = field(repr=False)  # of the secrets


class OperationsTask(Construct):
    """A task definition with the databases' addresses, run by hand or by a state machine.

    `mainstay database` gives the command after `python -m service.operations`, in the cluster of
    this construct, the app tier's subnets and the security group of operations. The family is
    physical, for that command names it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        family: str,
        environment_name: str,
        network: Network,
        image: ImageSource,
        operable: Operable,
        control: ControlTable,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.family = family
        self.network = network
        self.log_group = log_group
        self.cluster = ecs.Cluster(
            self, "Cluster", vpc=network.vpc, container_insights_v2=ecs.ContainerInsights.ENHANCED
        )
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=family,
            cpu=1_024,  # a checksum over every table is the most that an operation computes
            memory_limit_mib=2_048,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        role = self.definition.task_role
        variables = {
            "DATABASE_NAME": DATABASE,
            "REPLICATION_SECRET": operable.replication_secret_name,
            "CANARY_SECRET": operable.canary_secret_name,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": CERTIFICATES,
            **_addresses(operable.nodes),
            **control.grant_change_mode(role),
            **control.grant_upgrade(role),
        }
        self.definition.add_container(
            "Operations",
            container_name=CONTAINER,
            image=container_image(self, "Image", image),
            command=[*COMMAND, "--help"],
            environment=variables,
            readonly_root_filesystem=True,
            logging=ecs.LogDrivers.aws_logs(stream_prefix="operations", log_group=log_group),
        )
        self._grant(role, operable, database_namespace(environment_name))

    def _grant(self, role: iam.IRole, operable: Operable, namespace: str) -> None:
        stack = cdk.Stack.of(self)
        place = f"{stack.region}:{stack.account}"
        names = [node.secret_name for node in operable.nodes.values()]
        names += [operable.replication_secret_name, operable.canary_secret_name]
        clusters = [node.cluster for node in operable.nodes.values() if node.cluster is not None]
        for statement in (
            iam.PolicyStatement(
                actions=["secretsmanager:GetSecretValue"],
                # By name, as in the standby, where no reference leads to a copy; Secrets Manager
                # ends an ARN with six letters.
                resources=[
                    f"arn:aws:secretsmanager:{place}:secret:{name}-??????"
                    for name in sorted(set(names))
                ],
            ),
            iam.PolicyStatement(
                # A reader is promoted inside of its cluster, once: it is asked who writes there.
                actions=["rds:DescribeDBClusters", "rds:FailoverDBCluster"],
                resources=[f"arn:aws:rds:{place}:cluster:{cluster}" for cluster in clusters],
            ),
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
            ),
        ):
            role.add_to_principal_policy(statement)
        for key in operable.keys:
            key.grant_decrypt(role)
        acknowledge_inline_policy(role)
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "cloudwatch:PutMetricData knows no resources "
                "(Service Authorization Reference, Amazon CloudWatch); a condition limits it to "
                "the namespace of the databases' own metrics.",
            },
        )
        execution_role = self.definition.obtain_execution_role()
        acknowledge_inline_policy(execution_role)
        acknowledge(
            execution_role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken, which a task needs "
                "to pull its image, knows no resources (Service Authorization Reference, Amazon "
                "ECR); the pull itself is granted on the one repository.",
            },
        )
        acknowledge(
            self.definition,
            {
                "AwsSolutions-ECS2": "The variables say where the databases are and which secrets "
                "hold their passwords; nothing of them is secret, and an operation that is to "
                "repair a Region must not need a parameter store to begin.",
            },
        )


def _addresses(nodes: dict[str, OperableNode]) -> dict[str, str]:
    variables = {}
    for name, node in nodes.items():
        variables[f"{name}_HOST"] = node.host
        variables[f"{name}_SECRET"] = node.secret_name
        if node.cluster is not None:
            variables[f"{name}_CLUSTER"] = node.cluster
        else:
            # A server of our own signs its certificate itself, and only this network reaches it.
            variables[f"{name}_SSLMODE"] = "require"
    return variables
