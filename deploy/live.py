"""Stacks that stand in the account, as CloudFormation describes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from assembly.stack import Stack
from deploy.clients import AwsClients


@dataclass(frozen=True, kw_only=True)
class LiveStack:
    """A stack as it stands in the account."""

    name: str
    region: str
    status: str
    protected: bool = False  # against termination

    @property
    def events_command(self) -> str:
        """Return the command that shows what happened to it."""
        return (
            f"aws cloudformation describe-stack-events --region {self.region} "
            f"--stack-name {self.name}"
        )


@dataclass(frozen=True, kw_only=True)
class LiveResource:
    """A resource of a stack that stands."""

    stack: str
    region: str
    logical_id: str
    type: str
    physical_id: str


def live_stack(cloudformation: Any, region: str, name: str) -> LiveStack | None:
    """Return the stack of that name, or None where there is none."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return LiveStack(
        name=name,
        region=region,
        status=found["StackStatus"],
        protected=found.get("EnableTerminationProtection", False),
    )


def live_stacks(clients: AwsClients, stacks: Iterable[Stack]) -> dict[str, LiveStack]:
    """Return those of an assembly's stacks that stand, by path."""
    found = {
        stack.path: live_stack(clients("cloudformation", stack.region), stack.region, stack.name)
        for stack in stacks
    }
    return {path: live for path, live in found.items() if live is not None}


def resources(clients: AwsClients, stack: LiveStack) -> tuple[LiveResource, ...]:
    """Return every resource of the stack that was made and not deleted."""
    pages = (
        clients("cloudformation", stack.region)
        .get_paginator("list_stack_resources")
        .paginate(StackName=stack.name)
    )
    return tuple(
        LiveResource(
            stack=stack.name,
            region=stack.region,
            logical_id=one["LogicalResourceId"],
            type=one["ResourceType"],
            physical_id=one["PhysicalResourceId"],
        )
        for page in pages
        for one in page["StackResourceSummaries"]
        if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"
    )
