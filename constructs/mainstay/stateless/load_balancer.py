"""The common properties of every load balancer, public or internal."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3

from mainstay.acknowledge import acknowledge


def harden(
    load_balancer: elbv2.ApplicationLoadBalancer,
    *,
    longest_request: cdk.Duration,
    access_logs: s3.IBucket,
    log_prefix: str,
    deletion_protection: bool,
) -> None:
    """Refuse requests that two parsers could read differently, log, and allow a zonal shift.

    A target that says nothing for `longest_request` is given up with 504.
    """
    for attribute, value in {
        "routing.http.desync_mitigation_mode": "strictest",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.xff_header_processing.mode": "append",
        "idle_timeout.timeout_seconds": str(int(longest_request.to_seconds())),
        "deletion_protection.enabled": str(deletion_protection).lower(),
        # A zone that is sick but not dead is left by one call: `aws arc-zonal-shift`.
        "zonal_shift.config.enabled": "true",
    }.items():
        load_balancer.set_attribute(attribute, value)
    load_balancer.log_access_logs(access_logs, prefix=log_prefix)
    if not deletion_protection:
        acknowledge(
            load_balancer,
            {
                "NIST.800.53.R5-ELBDeletionProtectionEnabled": "This environment keeps no data and "
                "is made to be destroyed in one command; every environment that keeps data sets "
                "deletion protection.",
            },
        )
