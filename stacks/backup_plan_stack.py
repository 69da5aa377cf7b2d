"""AWS Backup of the managed stores, where their clusters stand."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.backup.backup_plan import BackupPlan
from mainstay.backup.backup_store import BackupStore
from mainstay.network.network import Network


class BackupPlanStack(cdk.Stack):
    """Stateless: recovery points lie in the vault, and stay there without it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        name: str,
        store: BackupStore,
        copy_vault_arn: str | None,
        keep_days: int,
        clusters: tuple[str, ...],
        table: str,
        network: Network,
        zone_ids: tuple[str, ...],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: AWS Backup of the managed stores",
        )
        BackupPlan(
            self,
            "Plan",
            name=name,
            vault=store.vault,
            copy_vault_arn=copy_vault_arn,
            keep=cdk.Duration.days(keep_days),
            clusters=clusters,
            table=table,
            network=network,
            zone_ids=zone_ids,
        )
