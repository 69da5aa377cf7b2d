"""The public hosted zone of the whole system, from which its resolvers learn both Regions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from constructs import Construct

from mainstay.interfaces import as_key


class GlobalZone(Construct):
    """The zone, signed where asked for, whose certificates only Amazon may issue.

    Accelerated recovery keeps record changes possible within 60 minutes of a loss of us-east-1
    (Route 53 Developer Guide). It is insurance: no failover here waits for a record change.
    `hosted_zone_id` is its own id, where the configuration knows it already.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        domain: str,
        hosted_zone_id: str | None,
        dnssec: bool,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._domain, self._hosted_zone_id = domain, hosted_zone_id
        self.zone = route53.PublicHostedZone(
            self, "Zone", zone_name=domain, accelerated_recovery_enabled=True
        )
        self.zone.apply_removal_policy(removal_policy)
        # Both Regions' stacks read the zone's id; a weak reference leaves no export between
        # Regions that could never be removed again.
        cdk.CrossStackReferences.of(self.zone).produce(cdk.ReferenceStrength.WEAK)
        route53.CaaAmazonRecord(self, "OnlyAmazonIssues", zone=self.zone)
        if dnssec:
            key = kms.Key(
                self,
                "KeySigningKey",
                description="Signs the keys of the DNS zone",
                key_spec=kms.KeySpec.ECC_NIST_P256,
                key_usage=kms.KeyUsage.SIGN_VERIFY,
                removal_policy=removal_policy,
            )
            self.zone.enable_dnssec(kms_key=as_key(key))
        cdk.CfnOutput(
            self,
            "NameServers",
            description="Delegate the domain to these at its parent before any certificate",
            value=cdk.Fn.join(" ", self.zone.hosted_zone_name_servers or []),
        )
        cdk.CfnOutput(
            self,
            "ZoneId",
            description="hosted_zone_id of the environment, once the zone exists",
            value=self.zone.hosted_zone_id,
        )

    def for_stack(self, scope: Construct) -> route53.IHostedZone:
        """Return the zone as another stack sees it; `scope` is that stack.

        With its id known from the configuration, a Region's stacks deploy without asking
        CloudFormation in the zone's Region, which may be the one that is down.
        """
        if self._hosted_zone_id is None:
            return self.zone
        return route53.HostedZone.from_hosted_zone_attributes(
            scope, "Zone", hosted_zone_id=self._hosted_zone_id, zone_name=self._domain
        )
