"""Attributes of a VPC that the emulator does not give."""

from __future__ import annotations

from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::EC2::VPC", _cidr_attributes)


def _cidr_attributes(made: Made, old: Properties, new: Properties) -> None:
    made.attributes["CidrBlock"] = new.get("CidrBlock", "")
    made.attributes["CidrBlockAssociations"] = []
    made.attributes["Ipv6CidrBlocks"] = []
