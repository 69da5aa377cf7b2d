"""The load balancer that faces the internet."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.stateless.load_balancer import harden

LOG_PREFIX = "public"  # of its access log, in the bucket of the Region's logs


class PublicLoadBalancer(Construct):
    """Takes TLS 1.2 and 1.3 from users, refuses malformed requests, and sends HTTP to HTTPS.

    `listener` waits for the edge to attach itself.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection,
        security_group: ec2.ISecurityGroup,
        certificate: acm.ICertificate,
        client_keep_alive: cdk.Duration,
        longest_request: cdk.Duration,
        access_logs: s3.IBucket,
        deletion_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=vpc,
            vpc_subnets=subnets,
            internet_facing=True,
            security_group=security_group,
            # A client that keeps its connection keeps its balancer node: the default, an hour,
            # would hold clients on a node in a zone that was just taken out of DNS.
            client_keep_alive=client_keep_alive,
        )
        harden(
            self.load_balancer,
            longest_request=longest_request,
            access_logs=access_logs,
            log_prefix=LOG_PREFIX,
            deletion_protection=deletion_protection,
        )
        self.listener = self.load_balancer.add_listener(
            "Https",
            port=443,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[certificate],
            # Set explicitly: the default in CloudFormation still offers TLS 1.0.
            ssl_policy=elbv2.SslPolicy.TLS13_12_RES_PQ,
            open=False,  # the tier's own group admits the internet
        )
        to_https = self.load_balancer.add_listener(
            "Http",
            port=80,
            protocol=elbv2.ApplicationProtocol.HTTP,
            default_action=elbv2.ListenerAction.redirect(
                protocol="HTTPS", port="443", permanent=True
            ),
            open=False,
        )
        acknowledge(
            to_https,
            {
                "NIST.800.53.R5-ELBv2ACMCertificateRequired": "This listener answers every request "
                "with a permanent redirect to HTTPS and forwards none; a certificate is a property "
                "of the HTTPS listener, which has one.",
            },
        )
