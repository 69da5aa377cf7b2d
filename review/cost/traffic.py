"""The cost of requests on their way through a Region: linear in their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assembly.stack import Stack
from config.model import Environment
from review.cost.prices import PriceList
from review.cost.resources import HOURS, Quantity

SECONDS = HOURS * 3_600  # in a month
_KB_PER_GB = 1_000_000

# One LCU carries this much in an hour (Elastic Load Balancing pricing); the larger demand counts.
_LCU_GB = 1.0
_LCU_NEW_CONNECTIONS = 25 * 3_600


@dataclass(frozen=True, kw_only=True)
class Path:
    """The way of a request through a Region, read from its stacks."""

    zones: int
    balancers: int  # one after the other
    firewalls: int
    nat_gateways: int
    endpoints: int  # interface endpoints
    flow_logs: int
    log_days: int
    access_log_days: int
    checks_per_second: float  # by Route 53, of this Region's endpoints


def path_through(stacks: Iterable[Stack], prices: PriceList) -> Path:
    """Return the path through one Region's stacks."""
    own = tuple(stacks)

    def properties(kind: str) -> list[dict]:
        return [found for stack in own for found in stack.of_type(kind).values()]

    balancers = properties("AWS::ElasticLoadBalancingV2::LoadBalancer")
    endpoints = [found.get("VpcEndpointType") for found in properties("AWS::EC2::VPCEndpoint")]
    checks = [found["HealthCheckConfig"] for found in properties("AWS::Route53::HealthCheck")]
    expiries = [
        rule["ExpirationInDays"]
        for bucket in properties("AWS::S3::Bucket")
        if "BucketName" not in bucket  # those of backups have one, and are no logs
        for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", ())
        if "ExpirationInDays" in rule
    ]
    kept = [group.get("RetentionInDays", 0) for group in properties("AWS::Logs::LogGroup")]
    every = [check.get("RequestInterval", 30) for check in checks if "ResourcePath" in check]
    return Path(
        zones=max((len(balancer["Subnets"]) for balancer in balancers), default=1),
        balancers=len(balancers),
        firewalls=len(properties("AWS::WAFv2::WebACL")),
        nat_gateways=len(properties("AWS::EC2::NatGateway")),
        endpoints=endpoints.count("Interface"),
        flow_logs=len(properties("AWS::EC2::FlowLog")),
        log_days=max(kept, default=0),
        access_log_days=max(expiries, default=0),
        checks_per_second=sum(prices.assume("checkers") / interval for interval in every),
    )


def average_requests_per_second(environment: Environment, prices: PriceList) -> float:
    """Return the users' requests to all Regions together: a share of the everyday peak."""
    app = environment.app
    everyday_peak = app.peak_tasks * app.requests_per_task_per_minute / 60
    return everyday_peak * prices.assume("load_share")


def requests_per_second(environment: Environment, prices: PriceList) -> dict[str, float]:
    """Return the users' share of each Region: all to the primary, or halves by latency."""
    average = average_requests_per_second(environment, prices)
    regions = environment.regions
    if environment.routing == "latency":
        return {region.name: average / len(regions) for region in regions}
    return {region.name: average * (region is environment.primary) for region in regions}


def quantities(path: Path, requests: float, prices: PriceList) -> Iterator[Quantity]:
    """Yield what this many requests use, once the logs are as old as they are kept."""
    if not path.balancers:
        return
    answers = requests * prices.assume("response_kb") / _KB_PER_GB
    passed = answers + requests * prices.assume("request_kb") / _KB_PER_GB
    connections = requests * prices.assume("connection_share")
    hours = max(passed / _LCU_GB, connections / _LCU_NEW_CONNECTIONS)
    yield "balancer_capacity", hours * path.balancers
    yield "internet_out", answers
    # A balancer's own way to its targets is free; the edge's way to the next balancer is not.
    yield "between_zones", passed * (path.balancers - 1) * (path.zones - 1) / path.zones
    yield "session_reads", requests * prices.assume("session_reads") / 1_000_000
    yield "session_writes", requests * prices.assume("session_writes") / 1_000_000
    if path.firewalls:
        yield "firewall_requests", requests / 1_000_000
    yield from _logs(path, requests, prices)


def _logs(path: Path, requests: float, prices: PriceList) -> Iterator[Quantity]:
    by_tasks = requests * prices.assume("task_log_kb") / _KB_PER_GB
    if path.endpoints:
        yield "endpoint_data", by_tasks
    elif path.nat_gateways:
        yield "nat_data", by_tasks
    if path.log_days:
        by_flows = prices.assume("flow_log_kb") * bool(path.flow_logs)
        by_firewall = prices.assume("firewall_log_kb") * bool(path.firewalls)
        written = by_tasks + requests * (by_flows + by_firewall) / _KB_PER_GB
        months = path.log_days / 30
        yield "logs_in", written
        yield "logs_kept", written * prices.assume("log_compression") * months
    if path.access_log_days:
        written = requests * path.balancers * prices.assume("access_log_kb") / _KB_PER_GB
        yield "objects_kept", written * path.access_log_days / 30
