"""One relational store in one Region: a master, a copy, or a store of reports."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.database.instance_size import InstanceSize
from mainstay.database.membership import Membership
from mainstay.database.placement import Placement
from mainstay.database.reader_limits import ReaderLimits
from mainstay.database.relational_store import RelationalStore
from mainstay.database.store_kind import StoreKind
from mainstay.database.upkeep import Upkeep
from mainstay.network.network import Network


class StoreStack(cdk.Stack):
    """Stateful, and of one cluster alone: no update of another store can roll this one back."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        what: str,
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
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description=f"mainstay: {what}",
            termination_protection=keep_data,
        )
        self.store = RelationalStore(
            self,
            "Store",
            kind=kind,
            membership=membership,
            identifier=identifier,
            postgresql_version=postgresql_version,
            network=network,
            placement=placement,
            size=size,
            readers=readers,
            key=key,
            secret_copies=secret_copies,
            upkeep=upkeep,
            backup_retention=backup_retention,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )
