"""The replica nodes on Amazon EC2, read from the settings of their boot scripts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TAG = "mainstay:replica"
_SETTING = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ReplicaNode:
    """A follower, or the one that applies later than its follower."""

    address: str
    follower: str | None  # address of whom it follows; None: it is a follower itself
    delay_minutes: int
    secret: str | None = None  # of its administrator, by name


def read(ec2: Any) -> list[ReplicaNode]:
    """Return the replica nodes of a Region, followers first. `ec2` is a boto3 client."""
    return sorted(_nodes(ec2), key=lambda node: node.follower is not None)


def _nodes(ec2: Any) -> Iterator[ReplicaNode]:
    addresses = {
        interface["NetworkInterfaceId"]: interface["PrivateIpAddress"]
        for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        if not any(tag["Key"] == _TAG for tag in template.get("Tags", ())):
            continue
        [version] = ec2.describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        script = base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode()
        settings = dict(_SETTING.findall(script))
        if (address := addresses.get(settings["INTERFACE_ID"])) is not None:
            yield ReplicaNode(
                address=address,
                follower=settings.get("FOLLOWER_ADDRESS"),
                delay_minutes=int(settings.get("DELAY_MINUTES", 0)),
                secret=settings.get("NODES_SECRET"),
            )
