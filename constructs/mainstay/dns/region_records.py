"""One Region's own records in the zone, and the health check that holds them there."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from mainstay.dns.routing import Routing

HEALTH_PATH = "/health/login"


@jsii.implements(targets.IAliasRecordTargetProps)
class _EvaluateTargetHealth:
    """`LoadBalancerTarget` silently drops a plain object's attributes; jsii wants this form."""

    @property
    def evaluate_target_health(self) -> bool:
        return True

    @property
    def hosted_zone_id(self) -> None:
        return None


class RegionRecords(Construct):
    """The Region's name, its share of the domain and of every tenant's name below it.

    A Region is in DNS while logins succeed there *and* nobody has taken it out: Route 53's
    checkers ask `/health/login` from eight places every 10 seconds and drop the Region after
    three failures, in the data plane. `exit_alarm`, in the other Region, is the person's switch
    (see `RegionExit`); a single Region has none. Each Region's stack writes its own records only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        zone: route53.IHostedZone,
        domain: str,
        load_balancer: elbv2.IApplicationLoadBalancer,
        routing: Routing,
        exit_alarm: route53.AlarmIdentifier | None,
    ) -> None:
        super().__init__(scope, construct_id)
        region = cdk.Stack.of(self).region
        alias = targets.LoadBalancerTarget(
            load_balancer, cast("targets.IAliasRecordTargetProps", _EvaluateTargetHealth())
        )
        target = route53.RecordTarget.from_alias(cast("route53.IAliasRecordTarget", alias))
        own_name = f"{region}.{domain}"
        # Never routed: it is what the checkers and a person name to reach this Region alone.
        route53.ARecord(self, "Own", zone=zone, record_name=region, target=target)

        login = route53.HealthCheck(
            self,
            "Login",
            type=route53.HealthCheckType.HTTPS,
            fqdn=own_name,
            port=443,
            enable_sni=True,
            resource_path=HEALTH_PATH,
            request_interval=cdk.Duration.seconds(10),
            failure_threshold=3,
        )
        self.health_check: route53.IHealthCheck = login
        if exit_alarm is not None:
            staying = route53.HealthCheck(
                self,
                "Staying",
                type=route53.HealthCheckType.CLOUDWATCH_METRIC,
                alarm_identifier=exit_alarm,
                # No data is no word: the Region stays as it was, healthy at first.
                insufficient_data_health_status=(
                    route53.InsufficientDataHealthStatusEnum.LAST_KNOWN_STATUS
                ),
            )
            self.health_check = route53.HealthCheck(
                self,
                "InDns",
                type=route53.HealthCheckType.CALCULATED,
                child_health_checks=[login, staying],
                health_threshold=2,
            )
        for name, record_name in (("Domain", None), ("Tenants", "*")):
            route53.ARecord(
                self,
                name,
                zone=zone,
                record_name=record_name,
                target=target,
                health_check=self.health_check,
                **routing.record_arguments(region),
            )
