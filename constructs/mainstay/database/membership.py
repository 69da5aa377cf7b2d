"""A cluster's membership of a global database: none, as its first, or as its copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import aws_cdk as cdk
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mainstay.interfaces import as_secret


class Membership(Protocol):
    """One of the three below."""

    @property
    def scales_readers(self) -> bool: ...

    def identity(self, secret: secretsmanager.Secret | None, database: str) -> dict[str, Any]:
        """Where the cluster has its master user and its database from."""
        ...

    def join(
        self, scope: Construct, cluster: rds.DatabaseCluster, removal_policy: cdk.RemovalPolicy
    ) -> None:
        """Make the cluster a member."""
        ...


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A cluster of one Region."""

    scales_readers: bool = True

    def identity(self, secret: secretsmanager.Secret | None, database: str) -> dict[str, Any]:
        assert secret is not None
        return {
            "credentials": rds.Credentials.from_secret(as_secret(secret)),
            "default_database_name": database,
            # Past its standard support an engine is refused rather than silently charged more; a
            # copy has what its first has.
            "engine_lifecycle_support": (
                rds.EngineLifecycleSupport.OPEN_SOURCE_RDS_EXTENDED_SUPPORT_DISABLED
            ),
        }

    def join(
        self, scope: Construct, cluster: rds.DatabaseCluster, removal_policy: cdk.RemovalPolicy
    ) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class FirstOfGlobalDatabase(Alone):
    """The cluster that the global database is made from, and that takes the writes.

    `global_identifier` is physical, for the copy in the other Region joins by it. Switching the
    roles is an act of operations; the templates say who was first, not who writes.
    """

    global_identifier: str

    def join(
        self, scope: Construct, cluster: rds.DatabaseCluster, removal_policy: cdk.RemovalPolicy
    ) -> None:
        # No L2 exists. Engine, version and encryption are those of the source.
        whole = rds.CfnGlobalCluster(
            scope,
            "Global",
            global_cluster_identifier=self.global_identifier,
            source_db_cluster_identifier=cluster.cluster_arn,
            deletion_protection=removal_policy == cdk.RemovalPolicy.RETAIN,
        )
        whole.apply_removal_policy(removal_policy)


@dataclass(frozen=True, kw_only=True)
class CopyOfGlobalDatabase:
    """A read-only copy in another Region, kept by Aurora's storage, that can be promoted."""

    global_identifier: str
    # "Aurora Auto Scaling isn't supported for secondary DB clusters" (Amazon Aurora User Guide,
    # "Limitations of Amazon Aurora global databases").
    scales_readers: bool = False

    def identity(self, secret: secretsmanager.Secret | None, database: str) -> dict[str, Any]:
        assert secret is None, "a copy has the master user of its first"
        # Makes the L2 leave out user and password, which the API refuses (aws-cdk #29880); the
        # property itself is taken out again below.
        return {"replication_source_identifier": self.global_identifier}

    def join(
        self, scope: Construct, cluster: rds.DatabaseCluster, removal_policy: cdk.RemovalPolicy
    ) -> None:
        resource = cluster.node.default_child
        assert isinstance(resource, rds.CfnDBCluster)
        resource.add_property_deletion_override("ReplicationSourceIdentifier")
        # The L2 makes a secret that nothing uses.
        cluster.node.try_remove_child("Secret")
        # No property of the L2: aws-cdk #22212, "Aurora global database".
        resource.add_property_override("GlobalClusterIdentifier", self.global_identifier)
