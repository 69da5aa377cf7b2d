"""The certificate of one Region: the domain and every tenant's name."""

from __future__ import annotations

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct


class RegionCertificate(Construct):
    """Validated through the zone, so issuing waits until the domain is delegated to it.

    Each Region has its own: a certificate never leaves the Region that it was issued in.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, zone: route53.IHostedZone, domain: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name=domain,
            subject_alternative_names=[f"*.{domain}"],
            validation=acm.CertificateValidation.from_dns(zone),
            key_algorithm=acm.KeyAlgorithm.EC_PRIME256_V1,
        )
