"""Describes what an upgrade changes: services, rules and tables of both Regions, as deployed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STAYS, LEAVES = "blue", "green"
HALVES = (STAYS, LEAVES)


@dataclass(frozen=True, kw_only=True)
class Service:
    """An ECS service that takes part. `targets` is its target group's ARN, where it has one."""

    cluster: str
    name: str
    family: str
    targets: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Describes one Region: `halves` and `workers` by name; `edge` only acknowledges modes."""

    region: str
    table: str
    halves: dict[str, Service]
    workers: tuple[Service, ...]
    edge: Service
    rule: str | None = None  # of the weights; the standby's are never touched
    balancer: str  # full name of the public load balancer, as its metrics have it
    alarms: tuple[str, ...]

    @property
    def releasing(self) -> dict[str, Service]:
        """Return every service whose family gets the new image, by its name in the Region."""
        numbered = {f"worker-{n}": each for n, each in enumerate(self.workers, start=1)}
        return {**self.halves, **numbered}


@dataclass(frozen=True, kw_only=True)
class Exit:
    """The switch that takes the standby out of DNS, and what shows that it is out."""

    namespace: str
    metric: str
    alarm: str
    seconds: int  # from the alarm to the end of every resolver's memory of the old answer
    quiet_requests: int  # a minute: what Route 53's checkers alone account for


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Clusters of the masters, by identifier: in READ_ONLY the target's readers take all reads."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Describes where one-off tasks run, and their variables beside their command."""

    cluster: str
    family: str
    container: str
    variables: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Site:
    """The whole of it. `client` gives a boto3 client of a service in a Region."""

    primary: Place
    standby: Place | None
    exit: Exit | None
    readers: Readers | None  # None where nothing scales them
    quiet_seconds: int  # without any request, until a half is known to have none
    operations: Operations
    client: Callable[[str, str], Any]

    @property
    def places(self) -> tuple[Place, ...]:
        return (self.primary,) if self.standby is None else (self.primary, self.standby)


def site_of(text: str, client: Callable[[str, str], Any]) -> Site:
    """The site of the function's variable `SITE`, as JSON."""
    given = json.loads(text)
    standby = given.get("standby")
    return Site(
        primary=_place(given["primary"]),
        standby=_place(standby) if standby else None,
        exit=Exit(**given["exit"]) if given.get("exit") else None,
        readers=Readers(**given["readers"]) if given.get("readers") else None,
        quiet_seconds=given["quiet_seconds"],
        operations=Operations(**given["operations"]),
        client=client,
    )


def _place(given: dict[str, Any]) -> Place:
    return Place(
        **{
            **given,
            "halves": {name: Service(**each) for name, each in given["halves"].items()},
            "workers": tuple(Service(**each) for each in given["workers"]),
            "edge": Service(**given["edge"]),
            "alarms": tuple(given["alarms"]),
        }
    )
