"""Where a Region's backups lie: stateful, and below everything that writes or reads them."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.backup.backup_store import BackupStore, StoreArns
from mainstay.logs.region_logs import RegionLogs


class BackupStoreStack(cdk.Stack):
    """Nothing here is ever deleted by a deploy, and what is locked by nobody."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        archive_name: str,
        dumps_name: str,
        logs: RegionLogs,
        dump_days: int,
        vault_days: int,
        other: StoreArns | None,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: where backups lie",
            termination_protection=keep_data,
        )
        self.store = BackupStore(
            self,
            "Store",
            archive_name=archive_name,
            dumps_name=dumps_name,
            access_logs=logs.access,
            locked=keep_data,
            dump_days=dump_days,
            vault_days=vault_days,
            other=other,
        )
