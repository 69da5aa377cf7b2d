"""Where a stack goes: a Region of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from config.model import Environment, Region


@dataclass(frozen=True, kw_only=True)
class Place:
    """A Region's namespace in the app: `cdk deploy 'us-west-2/*'` deploys it."""

    environment: Environment
    region: Region
    scope: Construct

    def named(self, part: str) -> dict[str, Any]:
        name = f"mainstay-{self.environment.name}-{self.region.name}-{part}"
        env = cdk.Environment(account=self.environment.account, region=self.region.name)
        return {"stack_name": name, "env": env}

    @property
    def longest_request(self) -> cdk.Duration:
        return cdk.Duration.seconds(self.environment.front_door.longest_request_seconds)
