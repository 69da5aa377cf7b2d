"""Checks that a legacy edge which fails does not take its Region out of DNS while traffic moves."""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Environment
from deploy.clients import AwsClients
from deploy.findings import CheckProblem

# "If the number of healthy targets is below this value, mark the node as unhealthy in DNS. The
# possible values are off or an integer" (Elastic Load Balancing, "Target group attributes"): the
# balancer's alias would leave DNS for a group that serves nobody any longer.
_ATTRIBUTES = tuple(
    f"target_group_health.dns_failover.minimum_healthy_targets.{of}"
    for of in ("count", "percentage")
)


def legacy_groups(clients: AwsClients, environment: Environment) -> Iterator[CheckProblem]:
    """Yield a problem per Region whose legacy target group counts for the balancer's DNS name."""
    for region in environment.regions:
        if region.legacy_edge is None:
            continue
        arn = region.legacy_edge.target_group_arn
        elbv2 = clients("elbv2", region.name)
        found = elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        values = {one["Key"]: one["Value"] for one in found}
        wrong = [name for name in _ATTRIBUTES if values.get(name, "off") != "off"]
        if wrong or _ATTRIBUTES[0] not in values:
            yield CheckProblem(
                what=f"the legacy edge of {region.name} takes the Region out of DNS when its "
                "servers are unhealthy, whoever serves",
                fix=f"aws elbv2 modify-target-group-attributes --region {region.name} "
                f"--target-group-arn {arn} --attributes "
                + " ".join(f"Key={name},Value=off" for name in wrong or _ATTRIBUTES[:1]),
            )
