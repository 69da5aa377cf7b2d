"""The certificate of a Region: a stack of its own, for it waits for the domain's delegation."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from mainstay.dns.region_certificate import RegionCertificate
from stacks.dns_stack import DnsStack


class CertificateStack(cdk.Stack):
    """What both load balancers of the Region present."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_name: str,
        env: cdk.Environment,
        dns: DnsStack,
        domain: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name,
            env=env,
            description="mainstay: the certificate of a Region",
        )
        zone = dns.zone_for(self)
        self.certificate = RegionCertificate(self, "Region", zone=zone, domain=domain).certificate
