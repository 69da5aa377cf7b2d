"""Zones: their tags. Health checks: their children, and booleans as the API writes them."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.kinds.route53 import tag
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::Route53::HostedZone", _tag_zone)
    route53 = inside.service("route53")
    route53._parse_health_check_config = _with_children(route53._parse_health_check_config)
    route53._build_health_check_el = _with_booleans(route53._build_health_check_el)


def _tag_zone(made: Made, old: Properties, new: Properties) -> None:
    tag("hostedzone", made.physical_id, old, new, "HostedZoneTags")


def _with_children(parse: Any) -> Any:
    """The emulator reads the names of a health check's children and Regions as empty."""

    def parsed(element: Any) -> dict[str, Any]:
        config = parse(element)
        for child in element:
            name = child.tag.rpartition("}")[2]
            if name in ("ChildHealthChecks", "Regions"):
                config[name] = [item.text for item in child]
        return config

    return parsed


def _with_booleans(build: Any) -> Any:
    """An SDK reads `true`; the emulator writes `True`, which is false to it."""

    def built(parent: Any, check: dict[str, Any]) -> None:
        config = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in check["config"].items()
        }
        build(parent, {**check, "config": config})

    return built
