"""Judges what AWS tries when a resource is made: the role that it names, the key, the bucket.

Each resource fails as its service would fail it. Roles of tasks and of instances are tried when
they start, and functions' when they run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, keys, sessions
from local.emulator.extension.access.checks import Check
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after

# Type -> the service that takes on a role, and where its properties name the role.
_ROLES = {
    "AWS::Lambda::Function": ("lambda", ("Role",)),
    "AWS::Scheduler::Schedule": ("scheduler", ("Target", "RoleArn")),
    "AWS::EC2::FlowLog": ("vpc-flow-logs", ("DeliverLogsPermissionArn",)),
    "AWS::RDS::DBInstance": ("monitoring.rds", ("MonitoringRoleArn",)),
    "AWS::RDS::DBCluster": ("monitoring.rds", ("MonitoringRoleArn",)),
    "AWS::Backup::BackupSelection": ("backup", ("BackupSelection", "IamRoleArn")),
    "AWS::Backup::RestoreTestingSelection": ("backup", ("IamRoleArn",)),
    "AWS::S3::Bucket": ("s3", ("ReplicationConfiguration", "Role")),
}

# Elastic Load Balancing User Guide, "Enable access logs": its account in older Regions.
_BALANCERS = {"us-east-1": "127311923021", "us-west-2": "797873946194"}


def install() -> None:
    for kind in _ROLES:
        after(kind, _taken_on(kind))
    after("AWS::S3::Bucket", _logged)
    after("AWS::Logs::LogGroup", _sealed)
    after("AWS::EC2::FlowLog", _flowing)
    after("AWS::Route53::KeySigningKey", _signed)
    after("AWS::ElasticLoadBalancingV2::LoadBalancer", _access_logged)


def _taken_on(kind: str) -> Callable[[Made, Properties, Properties], None]:
    service, path = _ROLES[kind]

    def taken_on(made: Made, old: Properties, new: Properties) -> None:
        role: Any = new
        for name in path:
            role = (role or {}).get(name)
        if role:
            sessions.assume(role, f"{service}.amazonaws.com", kind.rpartition("::")[2])

    return taken_on


def _logged(made: Made, old: Properties, new: Properties) -> None:
    """S3's server access logs are written by a service of its own."""
    given = new.get("LoggingConfiguration") or {}
    if "DestinationBucketName" in given:
        to = f"arn:aws:s3:::{given['DestinationBucketName']}/{given.get('LogFilePrefix', '')}log"
        by = {"aws:sourceaccount": inside.account(), "aws:sourcearn": made.attributes["Arn"]}
        judge.need(judge.service("logging.s3.amazonaws.com"), [Check("s3:PutObject", to, by)])


def _flowing(made: Made, old: Properties, new: Properties) -> None:
    """A flow log begins with a stream per interface (VPC User Guide, "Publish flow logs").

    Without the permission it is made, and delivers nothing.
    """
    group = new.get("LogGroupName")
    role = new.get("DeliverLogsPermissionArn")
    if group and role:
        stream = (
            f"arn:aws:logs:{inside.region()}:{inside.account()}:log-group:{group}:log-stream:eni"
        )
        who = sessions.assume(role, "vpc-flow-logs.amazonaws.com", "flow-logs")
        names = ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")
        judge.allowed(who, [Check(f"logs:{name}", stream) for name in names])


def _sealed(made: Made, old: Properties, new: Properties) -> None:
    """CloudWatch Logs User Guide, "Encrypt log data using AWS KMS"."""
    group = f"arn:aws:logs:{inside.region()}:{inside.account()}:log-group:{made.physical_id}"
    key = keys.arn(new.get("KmsKeyId"))
    if key is not None:
        by = {"kms:encryptioncontext:aws:logs:arn": group}
        names = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey")
        who = judge.service(f"logs.{inside.region()}.amazonaws.com")
        judge.need(who, [Check(f"kms:{name}", key, by) for name in names])


def _signed(made: Made, old: Properties, new: Properties) -> None:
    """Route 53 Developer Guide, "KMS key and ZSK management in Route 53"."""
    key = new["KeyManagementServiceArn"]
    zone = f"arn:aws:route53:::hostedzone/{new['HostedZoneId']}"
    by = {"aws:sourcearn": zone, "aws:sourceaccount": inside.account()}
    names = ("DescribeKey", "GetPublicKey", "Sign")
    who = judge.service("dnssec-route53.amazonaws.com")
    grant = Check("kms:CreateGrant", key, {**by, "kms:grantisforawsresource": "true"})
    judge.need(who, [*(Check(f"kms:{name}", key, by) for name in names), grant])


def _access_logged(made: Made, old: Properties, new: Properties) -> None:
    """Elastic Load Balancing puts a file for a test when logs are switched on."""
    given = {one["Key"]: one["Value"] for one in new.get("LoadBalancerAttributes", ())}
    if str(given.get("access_logs.s3.enabled", "")).lower() != "true":
        return
    prefix = "".join(f"{part}/" for part in [given.get("access_logs.s3.prefix")] if part)
    path = f"{prefix}AWSLogs/{inside.account()}/ELBAccessLogTestFile"
    own = _BALANCERS.get(inside.region())
    name = f"arn:aws:iam::{own}:root" if own else "logdelivery.elasticloadbalancing.amazonaws.com"
    to = f"arn:aws:s3:::{given['access_logs.s3.bucket']}/{path}"
    judge.need(judge.service(name), [Check("s3:PutObject", to)])
