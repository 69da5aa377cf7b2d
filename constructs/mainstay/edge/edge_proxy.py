"""nginx between the public load balancer and the app tier."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.edge.edge_limits import EdgeLimits
from mainstay.network.network import Network
from mainstay.network.tier_security_groups import EDGE_PORT
from mainstay.read_only.control_table import ControlTable
from mainstay.read_only.mode_sidecar import ModeSidecar
from mainstay.stateless.capacity import Capacity
from mainstay.stateless.image import container_image
from mainstay.stateless.stateless_service import StatelessService

# The image of the folder beside this file, when no other is configured.
NGINX_FOLDER = Path(__file__).parent / "nginx"

# The name that the internal load balancer's certificate answers to; it is in no zone.
APP_LABEL = "app-tier"

_RUN = "/run/edge"  # where the flag of read-only mode is, of nginx and its sidecar
_MODE_WAIT_SECONDS = 30


class EdgeProxy(Construct):
    """The nginx tasks of a Region, one service over all of its zones.

    nginx's single-threaded event loop carries floods that a thread per connection cannot; it is
    the only server between the load balancers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        listener: elbv2.ApplicationListener,
        domain: str,
        app_balancer: elbv2.IApplicationLoadBalancer,
        image: Path | str,
        mode_image: str | None,
        control: ControlTable,
        limits: EdgeLimits,
        capacity: Capacity,
        longest_request: cdk.Duration,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        cluster = ecs.Cluster(
            self, "Cluster", vpc=network.vpc, container_insights_v2=ecs.ContainerInsights.ENHANCED
        )
        self.tasks = StatelessService(
            self,
            "Nginx",
            cluster=cluster,
            subnets=network.subnets("edge"),
            security_group=network.security_groups.edge,
            image=container_image(self, "Image", image),
            environment={
                "APP_ADDRESS": f"{app_balancer.load_balancer_dns_name}:443",
                "APP_NAME": f"{APP_LABEL}.{domain}",
                "DOMAIN": domain,
                "LONGEST_REQUEST_SECONDS": str(int(longest_request.to_seconds())),
                # No other peer can connect (tier_security_groups.py), and the load balancer
                # appends the address that it saw.
                "TRUSTED_PROXIES": network.cidr,
                # The sidecar asks for ten seconds, then says READ_ONLY; this is for its start.
                "MODE_WAIT_SECONDS": str(_MODE_WAIT_SECONDS),
                **limits.variables,
            },
            port=EDGE_PORT,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            health_path="/healthz",
            capacity=capacity,
            longest_request=longest_request,
            log_group=log_group,
            writable_paths=(_RUN,),
        )
        self.mode = ModeSidecar(
            self,
            "Mode",
            task_definition=self.tasks.task_definition,
            control=control,
            layer="edge",
            volume=self.tasks.scratch[_RUN],
            folder=_RUN,
            log_group=log_group,
            image=mode_image,
        )
        listener.add_action(
            "ToEdge", action=elbv2.ListenerAction.forward([self.tasks.target_group])
        )
        self.tasks.serve_behind(listener)
