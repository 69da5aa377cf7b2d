"""An environment as deployed in one of its Regions, found by the names that its stacks have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from cli.errors import CommandRefusedError, NotDeployedError

Client = Callable[[str, str], Any]  # of a service in a Region


def client(service: str, region: str) -> Any:
    """Return boto3's client, with the credentials of AWS's own configuration."""
    import boto3

    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One Region of an environment; `by` is the person who works there, for the records."""

    name: str
    region: str
    clients: Client = client
    by: str = ""
    regions: tuple[str, ...] = ()  # of the environment, the primary first

    def client(self, service: str) -> Any:
        """Return a client of the Region."""
        return self.clients(service, self.region)

    def beside(self, region: str) -> Deployed:
        """Return the same environment in another Region."""
        return replace(self, region=region)

    def stack(self, tier: str) -> str:
        """Return the name of a tier's stack."""
        return f"mainstay-{self.name}-{self.region}-{tier}"

    def resources(self, tier: str, kind: str) -> Iterator[tuple[str, str]]:
        """Yield logical and physical id of a stack's resources of a type.

        Raises NotDeployedError where the stack is not there.
        """
        cloudformation = self.client("cloudformation")
        try:
            pages = cloudformation.get_paginator("list_stack_resources").paginate(
                StackName=self.stack(tier)
            )
            for page in pages:
                for each in page["StackResourceSummaries"]:
                    if each["ResourceType"] == kind:
                        yield each["LogicalResourceId"], each["PhysicalResourceId"]
        except ClientError as error:
            raise self._absent(tier, error) from None

    def outputs(self, tier: str) -> dict[str, str]:
        """Return a stack's outputs by name. Raises NotDeployedError where it is not there."""
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack(tier))
        except ClientError as error:
            raise self._absent(tier, error) from None
        [found] = answer["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def control_table(self) -> str:
        """Return the name of the Region's control table. Raises NotDeployedError."""
        for _, name in self.resources("control", "AWS::DynamoDB::GlobalTable"):
            return name
        raise NotDeployedError(f"'{self.stack('control')}' has no table: is its deploy done?")

    def upgrade_machine(self) -> str:
        """Return the ARN of the upgrades' state machine. Raises NotDeployedError."""
        name = f"mainstay-{self.name}-upgrade"
        for page in self.client("stepfunctions").get_paginator("list_state_machines").paginate():
            for found in page["stateMachines"]:
                if found["name"] == name:
                    return found["stateMachineArn"]
        raise NotDeployedError(
            f"no state machine '{name}' in {self.region}: is '{self.name}' deployed, has it two "
            "masters, and is --region its primary Region?"
        )

    def _absent(self, tier: str, error: ClientError) -> Exception:
        if "does not exist" not in str(error):
            return error  # such as expired credentials: it says nothing about the stack
        return NotDeployedError(
            f"no stack '{self.stack(tier)}' in {self.region}: is '{self.name}' deployed, and is "
            "--region one of its Regions?"
        )


def refuse_other_account(clients: Client, region: str, *, name: str, account: str) -> None:
    """Raise CommandRefusedError where the credentials are another account's than the environment's.

    An STS that cannot be reached stops nobody: the commands that follow may be needed most then.
    """
    try:
        found = clients("sts", region).get_caller_identity()
    except (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError):
        return
    if found["Account"] != account:
        raise CommandRefusedError(
            f"'{name}' is deployed in account {account}, and these credentials "
            f"({found['Arn']}) are of {found['Account']}: set AWS_PROFILE to the other account's"
        )
