"""The front tier of a Region: firewall, public load balancer, nginx."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from mainstay.edge.edge_limits import EdgeLimits
from mainstay.edge.edge_proxy import EdgeProxy
from mainstay.edge.firewall import Firewall, ManagedRules, RateLimits
from mainstay.edge.public_load_balancer import PublicLoadBalancer
from mainstay.logs.region_logs import RegionLogs
from mainstay.network.network import Network
from mainstay.read_only.control_table import ControlTable
from mainstay.stateless.capacity import Capacity


class EdgeStack(cdk.Stack):
    """What users reach; stateless like the app tier behind it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        domain: str,
        network: Network,
        certificate: acm.ICertificate,
        logs: RegionLogs,
        app_balancer: elbv2.IApplicationLoadBalancer,
        image: Path | str,
        mode_image: str | None,
        control: ControlTable,
        limits: EdgeLimits,
        capacity: Capacity,
        managed_rules: ManagedRules,
        rate_limits: RateLimits,
        longest_request: cdk.Duration,
        client_keep_alive: cdk.Duration,
        deletion_protection: bool,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the front tier of a Region",
        )
        public = PublicLoadBalancer(
            self,
            "Public",
            vpc=network.vpc,
            subnets=network.subnets("public"),
            security_group=network.security_groups.public,
            certificate=certificate,
            client_keep_alive=client_keep_alive,
            longest_request=longest_request,
            access_logs=logs.access,
            deletion_protection=deletion_protection,
        )
        self.load_balancer = public.load_balancer
        self.listener = public.listener
        Firewall(
            self,
            "Firewall",
            load_balancer=self.load_balancer,
            managed_rules=managed_rules,
            rate_limits=rate_limits,
            log_group=logs.firewall,
        )
        self.proxy = EdgeProxy(
            self,
            "Edge",
            network=network,
            listener=public.listener,
            domain=domain,
            app_balancer=app_balancer,
            image=image,
            mode_image=mode_image,
            control=control,
            limits=limits,
            capacity=capacity,
            longest_request=longest_request,
            log_group=logs.edge,
        )
