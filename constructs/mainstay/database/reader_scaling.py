"""Readers that come and go with the load, beside those that a template names."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from mainstay.database.reader_limits import ReaderLimits


class ReaderScaling(Construct):
    """Adds readers while those there are stay above the CPU target, and takes them away slowly.

    It never goes below `min_readers`, those of the template, whose zones are chosen; Aurora places
    what it adds in one of the cluster's zones, with the writer's class.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: rds.DatabaseCluster,
        min_readers: int,
        limits: ReaderLimits,
    ) -> None:
        super().__init__(scope, construct_id)
        readers = scaling.ScalableTarget(
            self,
            "Target",
            service_namespace=scaling.ServiceNamespace.RDS,
            scalable_dimension="rds:cluster:ReadReplicaCount",
            resource_id=f"cluster:{cluster.cluster_identifier}",
            min_capacity=min_readers,
            max_capacity=limits.max_readers,
            role=iam.Role.from_role_arn(self, "Role", _service_linked_role(self)),
        )
        readers.node.add_dependency(cluster)  # with its instances: it scales what is there
        readers.scale_to_track_metric(
            "Cpu",
            predefined_metric=scaling.PredefinedMetric.RDS_READER_AVERAGE_CPU_UTILIZATION,
            target_value=limits.cpu_target_percent,
            scale_out_cooldown=cdk.Duration.minutes(5),  # a new reader takes minutes to help
            scale_in_cooldown=cdk.Duration.minutes(15),
        )


def _service_linked_role(scope: Construct) -> str:
    """The one that Application Auto Scaling uses for clusters, whatever role it is given."""
    account = cdk.Stack.of(scope).account
    path = "aws-service-role/rds.application-autoscaling.amazonaws.com"
    return f"arn:aws:iam::{account}:role/{path}/AWSServiceRoleForApplicationAutoScaling_RDSCluster"
