"""A relational store: one Aurora PostgreSQL cluster, whatever its purpose and place."""

from __future__ import annotations

from itertools import pairwise

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.database.instance_size import InstanceSize
from mainstay.database.membership import CopyOfGlobalDatabase, Membership
from mainstay.database.placement import Placement
from mainstay.database.reader_limits import ReaderLimits
from mainstay.database.reader_scaling import ReaderScaling
from mainstay.database.store_kind import DATABASE, StoreKind
from mainstay.database.upkeep import Upkeep
from mainstay.database.user_secret import MASTER_USER, master_secret_name, user_secret
from mainstay.network.network import Network


class RelationalStore(Construct):
    """A cluster with instances in chosen zones, which loses no committed row to any one zone.

    What differs between the masters, the transaction store, their copies and a report's store are
    values: `kind`, `membership`, `placement`, `size`. `identifier` is physical and unique in all
    Regions: log groups, the Region switch and runbooks name the cluster by it. The secret goes
    along to `secret_copies` (Region -> ARN of the key there), for after a failover the copy has
    the same master user.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        kind: StoreKind,
        membership: Membership,
        identifier: str,
        postgresql_version: str,
        network: Network,
        placement: Placement,
        size: InstanceSize,
        readers: ReaderLimits,
        key: kms.IKey,
        secret_copies: dict[str, str],
        upkeep: Upkeep,
        backup_retention: cdk.Duration,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.kind = kind
        self.identifier = identifier
        self.secret = (
            None
            if isinstance(membership, CopyOfGlobalDatabase)
            else user_secret(
                self,
                "Secret",
                name=master_secret_name(identifier),
                user=MASTER_USER,
                key=key,
                copies=secret_copies,
                removal_policy=removal_policy,
            )
        )
        engine = rds.DatabaseClusterEngine.aurora_postgres(
            version=rds.AuroraPostgresEngineVersion.of(
                postgresql_version, postgresql_version.partition(".")[0]
            )
        )
        # The default group has logical replication off, so a promoted copy could not publish.
        parameters = rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            description=f"The {kind.name} store",
            parameters=kind.all_parameters,
            removal_policy=removal_policy,
        )
        first, *others = (
            size.instance(
                zone_id,
                zone_name=network.zone_name(zone_id),
                promotion_tier=min(order, 1),
                insights_key=key,
            )
            for order, zone_id in enumerate(placement.instances)
        )
        self.cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            cluster_identifier=identifier,
            engine=engine,
            **membership.identity(self.secret, DATABASE),
            **size.of_cluster(),
            writer=first,
            readers=others,
            instance_update_behaviour=rds.InstanceUpdateBehaviour.ROLLING,
            vpc=network.vpc,
            vpc_subnets=network.data_subnets(placement.zones),
            security_groups=network.security_groups.of_store(kind.name),
            parameter_group=parameters,
            storage_type=rds.DBClusterStorageType.AURORA_IOPT1,  # writes are not charged one by one
            storage_encrypted=True,
            storage_encryption_key=key,
            iam_authentication=True,
            backup=rds.BackupProps(retention=backup_retention, preferred_window=upkeep.backup),
            copy_tags_to_snapshot=True,
            preferred_maintenance_window=upkeep.maintenance,
            auto_minor_version_upgrade=False,  # the eight steps choose the moment, not AWS
            cloudwatch_logs_exports=["postgresql"],
            enable_performance_insights=True,
            performance_insight_encryption_key=key,
            monitoring_interval=cdk.Duration.minutes(1),
            deletion_protection=removal_policy == cdk.RemovalPolicy.RETAIN,
            removal_policy=removal_policy,
        )
        resource = self.cluster.node.default_child
        assert isinstance(resource, rds.CfnDBCluster)
        # The L2 has no such property; left to Aurora, the volume may stand in any three zones.
        resource.availability_zones = [network.zone_name(zone) for zone in placement.zones]
        self._one_after_the_other(placement)
        self._acknowledge_instances(placement)
        if removal_policy != cdk.RemovalPolicy.RETAIN:
            self._acknowledge_no_protection()
        membership.join(self, self.cluster, removal_policy)
        scales = membership.scales_readers and readers.max_readers > len(others)
        self.least_readers = len(others) if scales else None  # None where nothing scales them
        if scales:
            ReaderScaling(
                self,
                "ReaderScaling",
                cluster=self.cluster,
                min_readers=len(others),
                limits=readers,
            )

    def _one_after_the_other(self, placement: Placement) -> None:
        """So that a new class never takes writer and readers at once (aws-cdk #10595).

        ROLLING of the L2 makes every reader wait for the writer, but no reader for another
        (aws-cdk-lib 2.275.0).
        """
        instances = [self.cluster.node.find_child(zone_id) for zone_id in placement.instances]
        for earlier, later in pairwise(instances):
            later.node.add_dependency(earlier)

    def _acknowledge_instances(self, placement: Placement) -> None:
        for zone_id in placement.instances:
            acknowledge(
                self.cluster.node.find_child(zone_id),
                {
                    "NIST.800.53.R5-RDSInBackupPlan": "An instance of Aurora holds no data: the "
                    "volume of its cluster is backed up continuously, to any second of the days "
                    "that the environment names, and restored without regard to instances.",
                },
            )
        acknowledge(
            self.cluster.node.find_child("MonitoringRole"),
            {
                "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
                "AmazonRDSEnhancedMonitoringRole]": "The policy lets Amazon RDS write to the log "
                "group RDSOSMetrics and to nothing else; the service names the group, and AWS "
                "keeps the policy in step with what its monitoring writes.",
            },
        )

    def _acknowledge_no_protection(self) -> None:
        acknowledge(
            self.cluster,
            dict.fromkeys(
                ("AwsSolutions-RDS10", "NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled"),
                "This environment keeps no data by its configuration (keep_data=False), so that "
                "one command destroys it; environments that keep data protect their clusters.",
            ),
        )
