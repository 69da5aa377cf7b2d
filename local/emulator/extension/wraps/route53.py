"""Zones: their tags."""

from __future__ import annotations

from local.emulator.extension.kinds.route53 import tag
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::Route53::HostedZone", _tag_zone)


def _tag_zone(made: Made, old: Properties, new: Properties) -> None:
    tag("hostedzone", made.physical_id, old, new, "HostedZoneTags")
