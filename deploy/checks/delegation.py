"""Checks that the domain's parent names the zone's own servers: certificates wait for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.aws_facts import DNS_REGION
from config.model import Environment
from deploy.clients import AwsClients
from deploy.dns import Dns, DnsError
from deploy.findings import CheckProblem, Unmade
from deploy.live import live_stack, resources
from review.deploy_plan import RUNBOOK, zone_stack_name

DELEGATION = "delegation of the domain"


def delegation(
    clients: AwsClients, environment: Environment, resolver: Dns
) -> Iterator[CheckProblem | Unmade]:
    """Yield what is wrong; nothing is while the zone does not exist yet: its wave comes first."""
    made = _made_zone(clients, environment)
    zone = environment.hosted_zone_id or made
    yield from _adopted(environment, made)
    try:
        seen = resolver.at_parent(environment.domain)
    except DnsError as error:
        yield Unmade(check=DELEGATION, why=str(error))
        return
    if seen.has_ds and not (environment.dnssec and zone):
        signed = "is not signed (dnssec=False)" if zone else "does not exist yet"
        yield CheckProblem(
            what=f"{seen.parent} holds a DS record of {environment.domain}, and the zone {signed}: "
            "validating resolvers refuse every answer",
            fix=f"take the DS record away at {seen.parent}, and wait until its TTL has passed",
        )
    if zone:
        own = frozenset(_name_servers(clients("route53", DNS_REGION), zone))
        yield from _compare(environment.domain, seen.parent, own, seen.name_servers)


def zone_exists(clients: AwsClients, environment: Environment) -> bool:
    """Return whether there is a zone that the domain could be delegated to."""
    return (environment.hosted_zone_id or _made_zone(clients, environment)) is not None


def _compare(
    domain: str, parent: str, own: frozenset[str], named: frozenset[str]
) -> Iterator[CheckProblem]:
    if named == own:
        return
    if not named:
        what = f"{domain} is not delegated: {parent} names no servers for it"
    elif not named & own:
        what = f"{domain} is delegated elsewhere: {parent} names {', '.join(sorted(named))}"
    else:
        missing, foreign = ", ".join(sorted(own - named)), ", ".join(sorted(named - own))
        parts = [f"without {missing}" * bool(missing), f"with {foreign}" * bool(foreign)]
        what = f"{domain} is delegated {' and '.join(filter(None, parts))} at {parent}"
    yield CheckProblem(
        what=what,
        fix=f"at {parent}, make the NS records of {domain} exactly {', '.join(sorted(own))} "
        f"({RUNBOOK}); certificates wait for that",
    )


def _adopted(environment: Environment, made: str | None) -> Iterator[CheckProblem]:
    """Yield a problem where the environment names another zone than its stack has made."""
    named = environment.hosted_zone_id
    if made is not None and named is not None and made != named:
        yield CheckProblem(
            what=f"'{environment.name}.hosted_zone_id' is {named}, and the zone of the stack "
            f"{zone_stack_name(environment)} is {made}",
            fix=f"write hosted_zone_id={made!r} into config/environments.py",
        )


def _made_zone(clients: AwsClients, environment: Environment) -> str | None:
    """Return the id of the zone that the stack has made, or None."""
    name = zone_stack_name(environment)
    stack = live_stack(clients("cloudformation", DNS_REGION), DNS_REGION, name)
    if stack is None:
        return None
    kinds = {resource.type: resource.physical_id for resource in resources(clients, stack)}
    return kinds.get("AWS::Route53::HostedZone")


def _name_servers(route53: Any, zone_id: str) -> Iterator[str]:
    for server in route53.get_hosted_zone(Id=zone_id)["DelegationSet"]["NameServers"]:
        yield server.rstrip(".").lower()
