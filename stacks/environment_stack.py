"""The stack that every unit of deployment is."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct


class EnvironmentStack(cdk.Stack):
    """A stack with a physical name, in one Region of one account.

    A `protected` one cannot be deleted before a person takes the protection away: it holds state,
    or what nothing above it survives the loss of. `zone_ids` are the Region's, in the order of the
    environment file.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        account: str,
        region: str,
        description: str,
        protected: bool,
        zone_ids: tuple[str, ...] = (),
    ) -> None:
        self._zone_ids = zone_ids
        super().__init__(
            scope,
            construct_id,
            stack_name=name,
            env=cdk.Environment(account=account, region=region),
            description=f"mainstay: {description}",
            termination_protection=protected,
        )

    @property
    def availability_zones(self) -> list[str]:
        """The zones by id; CDK would ask an AWS account for their letters."""
        return list(self._zone_ids)
