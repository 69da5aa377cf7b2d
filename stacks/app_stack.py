"""The app tier of a Region."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from mainstay.app_tier.app_tier import AppTier
from mainstay.app_tier.stores import Stores
from mainstay.logs.region_logs import RegionLogs
from mainstay.network.network import Network
from mainstay.stateless.capacity import Capacity
from mainstay.stateless.image import ImageSource


class AppStack(cdk.Stack):
    """Stateless: it can be destroyed and deployed again without losing anything."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        environment_name: str,
        domain: str,
        network: Network,
        certificate: acm.ICertificate,
        logs: RegionLogs,
        image: ImageSource,
        stores: Stores,
        half_capacity: Capacity,
        longest_request: cdk.Duration,
        deletion_protection: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the app tier of a Region",
        )
        self.tier = AppTier(
            self,
            "App",
            network=network,
            certificate=certificate,
            environment_name=environment_name,
            domain=domain,
            image=image,
            stores=stores,
            half_capacity=half_capacity,
            longest_request=longest_request,
            log_group=logs.app,
            access_logs=logs.access,
            deletion_protection=deletion_protection,
        )
