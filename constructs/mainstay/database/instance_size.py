"""The two sizes of an Aurora instance: a class with fixed memory, or a range of capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds


class InstanceSize(Protocol):
    """The size of every instance of a cluster: a failover makes any of them the writer."""

    def instance(
        self, construct_id: str, *, zone_name: str, promotion_tier: int, insights_key: kms.IKey
    ) -> rds.IClusterInstance:
        """An instance in the zone of that name (a letter, as a reference)."""
        ...

    def of_cluster(self) -> dict[str, Any]:
        """Return the properties that the cluster needs for it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """Fixed memory and CPU: predictable under a steady load."""

    instance_class: str  # such as r8g.xlarge

    def instance(
        self, construct_id: str, *, zone_name: str, promotion_tier: int, insights_key: kms.IKey
    ) -> rds.IClusterInstance:
        return rds.ClusterInstance.provisioned(
            construct_id,
            instance_type=ec2.InstanceType(self.instance_class),
            availability_zone=zone_name,
            promotion_tier=promotion_tier,
            auto_minor_version_upgrade=False,
            publicly_accessible=False,
            enable_performance_insights=True,
            performance_insight_encryption_key=insights_key,
        )

    def of_cluster(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Serverless:
    """Capacity that follows the load, in Aurora capacity units of about 2 GiB."""

    min_acu: float
    max_acu: float

    def instance(
        self, construct_id: str, *, zone_name: str, promotion_tier: int, insights_key: kms.IKey
    ) -> rds.IClusterInstance:
        return rds.ClusterInstance.serverless_v2(
            construct_id,
            # Tiers 0 and 1 keep the writer's capacity, so that a promoted reader can carry it.
            scale_with_writer=True,
            availability_zone=zone_name,
            auto_minor_version_upgrade=False,
            publicly_accessible=False,
            enable_performance_insights=True,
            performance_insight_encryption_key=insights_key,
        )

    def of_cluster(self) -> dict[str, Any]:
        return {
            "serverless_v2_min_capacity": self.min_acu,
            "serverless_v2_max_capacity": self.max_acu,
        }
