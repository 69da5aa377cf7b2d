"""What drains the audit events of a Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from mainstay.app_tier.audit_worker import AuditWorker
from mainstay.app_tier.stores import Stores
from mainstay.logs.region_logs import RegionLogs
from mainstay.network.network import Network
from mainstay.stateless.image import ImageSource


class WorkerStack(cdk.Stack):
    """Stateless: what it has not drained waits in the queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        network: Network,
        cluster: ecs.ICluster,
        image: ImageSource,
        stores: Stores,
        min_tasks: int,
        max_tasks: int,
        cpu_target_percent: int,
        longest_batch: cdk.Duration,
        logs: RegionLogs,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the worker that drains the audit events of a Region",
        )
        self.worker = AuditWorker(
            self,
            "Audit",
            network=network,
            cluster=cluster,
            environment_name=environment_name,
            image=image,
            stores=stores,
            min_tasks=min_tasks,
            max_tasks=max_tasks,
            cpu_target_percent=cpu_target_percent,
            longest_batch=longest_batch,
            log_group=logs.app,
        )
