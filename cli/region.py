"""`mainstay region show | leave REGION | return REGION`: a Region's place in the DNS.

A data point in each other Region is the switch (docs/decisions/0006-leaving-dns.md): it works while
the Region itself and the control plane of Route 53 are away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError, NotDeployedError
from cli.output import answer

METRIC = "RegionLeft"
LEAVE, RETURN = 1, 0


def alarm_name(environment: str, region: str) -> str:
    """Return the name of the alarm that takes a Region out of DNS; it stands in the others."""
    return f"mainstay-{environment}-{region}-left"


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def region() -> None:
    """Take a Region out of DNS, and let it return."""


@region.command()
@as_json
@on_environment
def show(deployed: Deployed, as_json: bool) -> None:
    """Show which Regions a person has taken out of DNS."""
    for name in deployed.regions:
        states = {there.region: alarm["StateValue"] for there, alarm in _switches(deployed, name)}
        out = "ALARM" in states.values()
        answer({"region": name, "out_of_dns": out, "switch": states}, as_json=as_json)


@region.command()
@click.argument("leaving")
@as_json
@on_environment
def leave(deployed: Deployed, leaving: str, as_json: bool) -> None:
    """Take a Region out of DNS: users go to the other one within two minutes."""
    _set(deployed, leaving, LEAVE, as_json=as_json)


@region.command(name="return")
@click.argument("returning")
@as_json
@on_environment
def return_(deployed: Deployed, returning: str, as_json: bool) -> None:
    """Let a Region return to DNS."""
    _set(deployed, returning, RETURN, as_json=as_json)


def _set(deployed: Deployed, name: str, value: int, *, as_json: bool) -> None:
    if name not in deployed.regions:
        raise CommandRefusedError(
            f"'{deployed.name}' has {' and '.join(deployed.regions)}, got '{name}'"
        )
    for there, alarm in _switches(deployed, name):
        there.client("cloudwatch").put_metric_data(
            Namespace=alarm["Namespace"],
            MetricData=[
                {"MetricName": METRIC, "Dimensions": alarm["Dimensions"], "Value": float(value)}
            ],
        )
        done = "leaves" if value == LEAVE else "returns to"
        answer({"region": name, "done": f"{done} DNS", "set_in": there.region}, as_json=as_json)


def _switches(deployed: Deployed, name: str) -> Iterator[tuple[Deployed, dict[str, Any]]]:
    """Yield the alarms, each with its Region, by which a Region leaves DNS."""
    others = [deployed.beside(each) for each in deployed.regions if each != name]
    if not others:
        raise CommandRefusedError(f"'{deployed.name}' has one Region: it cannot leave DNS")
    for there in others:
        wanted = alarm_name(deployed.name, name)
        found = there.client("cloudwatch").describe_alarms(AlarmNames=[wanted])["MetricAlarms"]
        if not found:
            raise NotDeployedError(f"no alarm '{wanted}' in {there.region}: is its Exit deployed?")
        yield there, found[0]
