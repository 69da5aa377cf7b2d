"""The warehouse of a Region: filled in the primary, waiting for a snapshot in the standby."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.database.relational_store import RelationalStore
from mainstay.database.warehouse import Warehouse
from mainstay.database.zero_etl import ZeroEtl
from mainstay.network.network import Network


class WarehouseStack(cdk.Stack):
    """Stateful. Without a `source` it is empty and costs nothing until a snapshot is restored."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        name: str,
        network: Network,
        zone_ids: tuple[str, ...],
        key: kms.IKey,
        base_rpu: int,
        max_rpu: int,
        copies: dict[str, str],
        copy_retention_days: int,
        source: RelationalStore | None,
        log_group: logs.ILogGroup,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the warehouse for reports",
            termination_protection=keep_data,
        )
        self.warehouse = Warehouse(
            self,
            "Warehouse",
            name=name,
            network=network,
            zone_ids=zone_ids,
            key=key,
            base_rpu=base_rpu,
            max_rpu=max_rpu,
            copies=copies,
            copy_retention_days=copy_retention_days,
            source_arn=source and source.cluster.cluster_arn,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )
        if source is not None:
            ZeroEtl(
                self,
                "ZeroEtl",
                name=name,
                source_arn=source.cluster.cluster_arn,
                target_database=source.kind.name,
                warehouse=self.warehouse,
                log_group=log_group,
            )
