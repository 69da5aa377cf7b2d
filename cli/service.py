"""`mainstay service show`: how many tasks each service runs, and what its deployments are at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from cli.beliefs import LAYERS
from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.output import answer, table

_HEADS = ("layer", "service", "running", "wanted", "rollout", "why")


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def service() -> None:
    """Show the services of a Region."""


@service.command()
@as_json
@on_environment
def show(deployed: Deployed, as_json: bool) -> None:
    """Show tasks and deployments of the edge, the app tier and the worker."""
    rows = [row for layer in LAYERS for row in _services(deployed, layer)]
    if as_json:
        for row in rows:
            answer(row, as_json=True)
        return
    table(_HEADS, [tuple(row.values()) for row in rows])


def _services(deployed: Deployed, layer: str) -> Iterator[dict[str, Any]]:
    ecs = deployed.client("ecs")
    for _, arn in deployed.resources(layer, "AWS::ECS::Service"):
        cluster, name = arn.split("/")[-2:]
        for found in ecs.describe_services(cluster=cluster, services=[name])["services"]:
            newest = found.get("deployments", [{}])[0]
            yield {
                "layer": layer,
                "service": name,
                "running": found["runningCount"],
                "wanted": found["desiredCount"],
                "rollout": newest.get("rolloutState", ""),
                "why": newest.get("rolloutStateReason", ""),
            }
