"""The queue of a Region's audit events: stateful, and below whoever fills and drains it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.database.audit_queue import AuditQueue


class EventsStack(cdk.Stack):
    """What waits here is in no database yet."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        key: kms.IKey,
        keep_data: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the audit events that wait for the transaction store",
            termination_protection=keep_data,
        )
        self.queue = AuditQueue(
            self,
            "Audit",
            key=key,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep_data else cdk.RemovalPolicy.DESTROY,
        )
