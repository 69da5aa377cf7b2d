"""Facts of AWS that an environment is checked against: zone ids, quotas, task sizes."""

from __future__ import annotations

# How a Region's Availability Zone ids begin, and how many zones it has (AWS General Reference,
# "AWS Regions and Availability Zones", and `aws ec2 describe-availability-zones`). Regions that
# no deployment of mainstay uses can be added here, one line each.
ZONES: dict[str, tuple[str, int]] = {
    "us-east-1": ("use1", 6),
    "us-east-2": ("use2", 3),
    "us-west-1": ("usw1", 3),
    "us-west-2": ("usw2", 4),
    "ca-central-1": ("cac1", 4),
    "eu-central-1": ("euc1", 3),
    "eu-north-1": ("eun1", 3),
    "eu-south-1": ("eus1", 3),
    "eu-west-1": ("euw1", 3),
    "eu-west-2": ("euw2", 3),
    "eu-west-3": ("euw3", 3),
    "ap-northeast-1": ("apne1", 4),
    "ap-northeast-2": ("apne2", 4),
    "ap-south-1": ("aps1", 3),
    "ap-southeast-1": ("apse1", 3),
    "ap-southeast-2": ("apse2", 3),
    "sa-east-1": ("sae1", 3),
}

# Zones that lack what the tiers need. use1-az3 has no Nitro hardware, so neither current EC2
# and Aurora classes nor AWS Graviton tasks can be placed there.
UNUSABLE_ZONES = {"use1-az3": "it has no current instance types (no Nitro hardware)"}

# Route 53 keeps DNSSEC key-signing keys in this Region only (Route 53 Developer Guide, "Working
# with customer managed keys for DNSSEC"), so the zone's stack stands there.
DNS_REGION = "us-east-1"

# Amazon VPC quotas: "Elastic IP addresses per Region" is 5 unless raised; a NAT gateway needs one.
ELASTIC_IPS_PER_REGION = 5

# Fargate task sizes, CPU units -> memory in MiB (Amazon ECS Developer Guide, "Task size").
FARGATE_MEMORY_MIB: dict[int, range] = {
    256: range(512, 2_049, 512),
    512: range(1_024, 4_097, 1_024),
    1_024: range(2_048, 8_193, 1_024),
    2_048: range(4_096, 16_385, 1_024),
    4_096: range(8_192, 30_721, 1_024),
    8_192: range(16_384, 61_441, 4_096),
    16_384: range(32_768, 122_881, 8_192),
}

# Fargate stops a task at most this long after SIGTERM (`stopTimeout`, Amazon ECS API Reference).
FARGATE_STOP_SECONDS_MAX = 120

# Retention periods that CloudWatch Logs accepts, in days, up to a year (PutRetentionPolicy).
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365)

# AWS WAF rate-based rules take limits from 10 (AWS WAF Developer Guide, "Rate-based rule").
WAF_RATE_LIMIT_MIN = 10

# A certificate's first name (AWS Certificate Manager User Guide, "Quotas").
CERTIFICATE_DOMAIN_MAX = 64

# A Region switch plan's name (ARC API Reference, CreatePlan: 1 to 32 letters, digits, hyphens).
REGION_SWITCH_PLAN_NAME_MAX = 32


def zone_ids(region: str) -> tuple[str, ...]:
    """The ids of a Region's zones, such as use1-az1."""
    prefix, count = ZONES[region]
    return tuple(f"{prefix}-az{number}" for number in range(1, count + 1))
