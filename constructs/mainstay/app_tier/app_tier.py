"""The app tier of a Region: one internal load balancer, two halves that both serve."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.app_tier.halves import HALVES
from mainstay.app_tier.live_task_definition import LiveTaskDefinition, LiveTaskDefinitions
from mainstay.app_tier.stores import Stores
from mainstay.network.network import Network
from mainstay.network.tier_security_groups import APP_BALANCER_PORT, APP_PORT
from mainstay.stateless.capacity import Capacity
from mainstay.stateless.image import ImageSource, container_image
from mainstay.stateless.load_balancer import harden
from mainstay.stateless.stateless_service import StatelessService


class AppTier(Construct):
    """Both halves take traffic in normal operation; an upgrade moves it from one to the other.

    `half_capacity` is one half's: both together run the tier's N+1, and either may grow to carry
    everything before the other leaves. Weights live in a listener rule that holds nothing else,
    so that no edit of the template has a reason to rewrite them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        certificate: acm.ICertificate,
        environment_name: str,
        domain: str,
        image: ImageSource,
        stores: Stores,
        half_capacity: Capacity,
        longest_request: cdk.Duration,
        log_group: logs.ILogGroup,
        access_logs: s3.IBucket,
        deletion_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=network.vpc,
            vpc_subnets=network.subnets("app"),
            internet_facing=False,
            security_group=network.security_groups.internal,
        )
        harden(
            self.load_balancer,
            longest_request=longest_request,
            access_logs=access_logs,
            log_prefix="internal",
            deletion_protection=deletion_protection,
        )
        acknowledge(
            self.load_balancer,
            {
                "NIST.800.53.R5-ALBWAFEnabled": "This load balancer has no public address and "
                "admits the edge tier alone; every request to it has passed AWS WAF at the public "
                "load balancer and the edge's normalisation after it.",
            },
        )
        listener = self.listener = self.load_balancer.add_listener(
            "Https",
            port=APP_BALANCER_PORT,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[certificate],
            ssl_policy=elbv2.SslPolicy.TLS13_12_RES_PQ,
            default_action=elbv2.ListenerAction.fixed_response(503),  # both halves are below
            open=False,
        )
        cluster = ecs.Cluster(
            self, "Cluster", vpc=network.vpc, container_insights_v2=ecs.ContainerInsights.ENHANCED
        )
        definitions = LiveTaskDefinitions(self, "LiveTaskDefinitions", log_group=log_group)
        server_image = container_image(self, "Image", image)
        self.families = {half: f"mainstay-{environment_name}-{half}" for half in HALVES}
        self.halves: dict[str, StatelessService] = {}
        for half in HALVES:
            self.halves[half] = StatelessService(
                self,
                half.capitalize(),
                cluster=cluster,
                subnets=network.subnets("app"),
                security_group=network.security_groups.app,
                image=server_image,
                environment={
                    "PORT": str(APP_PORT),
                    "HALF": half,
                    "LONGEST_REQUEST_SECONDS": str(int(longest_request.to_seconds())),
                    "DOMAIN": domain,
                },
                port=APP_PORT,
                protocol=elbv2.ApplicationProtocol.HTTP,
                health_path="/health/ready",
                capacity=half_capacity,
                longest_request=longest_request,
                log_group=log_group,
            )
            # The halves know the same servers in the same order: the mode and a task's own schema
            # version decide which master it reads, so either half may be the first to change.
            stores.let_serve(self.halves[half].container)
        weights = self.weights = elbv2.ApplicationListenerRule(
            self,
            "Weights",
            listener=listener,
            priority=100,  # rules of operations, such as the test listener's, go before it
            conditions=[elbv2.ListenerCondition.path_patterns(["/*"])],
            action=elbv2.ListenerAction.weighted_forward(
                [
                    elbv2.WeightedTargetGroup(target_group=service.target_group, weight=50)
                    for service in self.halves.values()
                ]
            ),
        )
        for half, service in self.halves.items():
            service.serve_behind(listener)
            service.service.node.add_dependency(weights)
            live = LiveTaskDefinition(
                service,
                "Live",
                family=self.families[half],
                base=service.task_definition,
                definitions=definitions,
            )
            live.run_in(service.service)
