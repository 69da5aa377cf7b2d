"""The environment: every value that may differ from one deployment of mainstay to another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from config import aws_facts
from config.backups import Backups
from config.databases import Databases
from config.problems import report, type_problems
from config.region import LegacyEdge, Region
from config.tier_size import IMAGE_REFERENCE, TierSize, WorkerSize

__all__ = ["Environment", "FrontDoor", "LegacyEdge", "Region", "TierSize", "WorkerSize"]

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])")
# Servers get so long beyond the longest request to end it before Fargate kills them; it is
# `mainstay.stateless.drain` that gives it, and a test holds the two equal.
DRAIN_SECONDS = 15

_NAME = re.compile(r"[a-z][a-z0-9-]*")  # part of the name of every stack and plan


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """The limits of the public load balancer and its firewall."""

    managed_rules: Literal["count", "block"]  # count first, read the log, then block
    requests_per_client_per_minute: int  # of one address to one tenant: blocked above
    requests_per_tenant_per_minute: int  # of all addresses to one tenant: counted and labelled
    # A request that takes longer is cut by the balancers; the edge and the app answer before them.
    longest_request_seconds: int
    client_keep_alive_seconds: int  # a client changes to another balancer node after this

    def problems(self, path: str) -> Iterator[str]:
        floor = aws_facts.WAF_RATE_LIMIT_MIN
        if self.requests_per_client_per_minute < floor:
            yield (
                f"'{path}.requests_per_client_per_minute' should be at least {floor}, "
                f"got {self.requests_per_client_per_minute}"
            )
        if self.requests_per_tenant_per_minute <= self.requests_per_client_per_minute:
            yield (
                f"'{path}.requests_per_tenant_per_minute' should be above that of one client "
                f"({self.requests_per_client_per_minute}), "
                f"got {self.requests_per_tenant_per_minute}"
            )
        limit = aws_facts.FARGATE_STOP_SECONDS_MAX - DRAIN_SECONDS
        if not 5 <= self.longest_request_seconds <= limit:
            yield (
                f"'{path}.longest_request_seconds' should be 5 to {limit}, "
                f"got {self.longest_request_seconds}"
            )
        if not 60 <= self.client_keep_alive_seconds <= 600:
            yield (
                f"'{path}.client_keep_alive_seconds' should be 60 to 600, "
                f"got {self.client_keep_alive_seconds}"
            )


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of mainstay. Raises InvalidEnvironmentError with every problem at once."""

    name: str
    account: str
    domain: str
    hosted_zone_id: str | None  # None until the zone exists; then its id, from the DNS stack
    dnssec: bool  # the DS record at the registrar comes last: see docs/runbooks/delegation.md
    routing: Literal["failover", "latency"]
    primary: Region
    standby: Region | None
    egress: Literal["nat", "endpoints"]
    edge: TierSize
    app: TierSize
    worker: WorkerSize
    databases: Databases
    backups: Backups
    front_door: FrontDoor
    log_retention_days: int
    keep_data: bool  # RETAIN, deletion and termination protection; False only where loss is fine
    mode_image: str | None = None  # of the edge's sidecar; None builds the repository's folder
    dump_image: str | None = None  # of dumps and drills, x86-64; None builds the repository's
    github_repository: str | None = None  # owner/name that may deploy; None makes no role

    def __post_init__(self) -> None:
        report(list(self._problems()))

    @property
    def regions(self) -> tuple[Region, ...]:
        """The primary Region, then the standby where there is one."""
        return (self.primary,) if self.standby is None else (self.primary, self.standby)

    def with_images(
        self,
        *,
        edge: str | None,
        app: str | None,
        mode: str | None = None,
        dumps: str | None = None,
    ) -> Environment:
        """Return the environment with images built elsewhere; None leaves a tier's image."""
        return replace(
            self,
            mode_image=self.mode_image if mode is None else mode,
            dump_image=self.dump_image if dumps is None else dumps,
            edge=self.edge if edge is None else replace(self.edge, image=edge),
            app=self.app if app is None else replace(self.app, image=app),
        )

    def _problems(self) -> Iterator[str]:
        path = self.name if isinstance(self.name, str) else "environment"
        wrong = list(type_problems(self, path))
        if wrong:
            yield from wrong
            return
        yield from self._own_problems(path)
        places = ("primary", "standby")
        misplaced = [
            problem
            for place, region in zip(places, self.regions, strict=False)
            for problem in region.problems(f"{path}.{place}")
        ]
        yield from misplaced
        if not misplaced:  # a wrong Region would make every zone of the databases wrong
            yield from self.databases.problems(f"{path}.databases", self.primary, self.standby)
        yield from self.backups.problems(f"{path}.backups")
        yield from self._network_problems(path)
        for tier, size in (("edge", self.edge), ("app", self.app)):
            yield from size.problems(f"{path}.{tier}")
            for region in self.regions:
                if len(region.zone_ids) > 1:
                    zones = len(region.zone_ids)
                    yield from size.ceiling_problems(f"{path}.{tier}", region.name, zones)
        yield from self.worker.problems(f"{path}.worker")
        yield from self.front_door.problems(f"{path}.front_door")

    def _own_problems(self, path: str) -> Iterator[str]:
        if not _NAME.fullmatch(self.name):
            yield (
                f"'name' should be lower-case letters, digits and hyphens, beginning with a "
                f"letter, got '{self.name}'"
            )
        plan, limit = f"mainstay-{self.name}", aws_facts.REGION_SWITCH_PLAN_NAME_MAX
        if len(plan) > limit:
            yield (
                f"'name' makes the plan name '{plan}' {len(plan)} characters long and a Region "
                f"switch plan takes {limit}: shorten it to {limit - len('mainstay-')}"
            )
        for name in ("mode_image", "dump_image"):
            image = getattr(self, name)
            if image is not None and not IMAGE_REFERENCE.fullmatch(image):
                yield (
                    f"'{path}.{name}' should be an image reference with a tag or digest, such as "
                    f"'registry.example/{name.partition('_')[0]}:1.4', got '{image}'"
                )
        if not re.fullmatch(r"\d{12}", self.account):
            yield f"'{path}.account' should be 12 digits, got '{self.account}'"
        too_long = len(self.domain) > aws_facts.CERTIFICATE_DOMAIN_MAX
        if too_long or not _DOMAIN.fullmatch(self.domain):
            yield (
                f"'{path}.domain' should be a domain such as id.example.com, of at most "
                f"{aws_facts.CERTIFICATE_DOMAIN_MAX} characters, got '{self.domain}'"
            )
        if self.hosted_zone_id is not None and not re.fullmatch(r"Z[0-9A-Z]+", self.hosted_zone_id):
            yield f"'{path}.hosted_zone_id' should look like Z0123ABC, got '{self.hosted_zone_id}'"
        if self.log_retention_days not in aws_facts.LOG_RETENTION_DAYS:
            periods = ", ".join(map(str, aws_facts.LOG_RETENTION_DAYS))
            got = self.log_retention_days
            yield f"'{path}.log_retention_days' should be one of {periods}, got {got}"
        repository = self.github_repository
        if repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            yield f"'{path}.github_repository' should be owner/name, got '{repository}'"

    def _network_problems(self, path: str) -> Iterator[str]:
        for region in self.regions:
            gateways = len(region.zone_ids)
            if self.egress == "nat" and gateways > aws_facts.ELASTIC_IPS_PER_REGION:
                yield (
                    f"'{path}.egress' is 'nat': one gateway per zone makes {gateways} in "
                    f"{region.name}, and an account has {aws_facts.ELASTIC_IPS_PER_REGION} Elastic "
                    f"IP addresses per Region; use fewer zones or 'endpoints'"
                )
        if self.standby is None:
            return
        if self.primary.name == self.standby.name:
            yield f"'{path}.standby' should be in another Region than {self.primary.name}"
        one, other = self.primary.network, self.standby.network
        if one is not None and other is not None and one.overlaps(other):
            yield (
                f"'{path}.standby.cidr' should not overlap the primary's {one}, "
                f"got '{self.standby.cidr}'; peered networks need ranges of their own"
            )
