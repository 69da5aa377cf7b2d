"""An environment's state machine and control tables, by the names that its stacks have."""

from __future__ import annotations

import json
import sys
from typing import Any

REGION = "us-east-1"


class NotFoundError(Exception):
    """Nothing of that environment is deployed there."""


def machine(client: Any, environment: str) -> dict[str, Any]:
    """ARN and site of an environment's upgrades. Raises NotFoundError."""
    name = f"mainstay-{environment}-upgrade"
    sfn = client("stepfunctions")
    for page in sfn.get_paginator("list_state_machines").paginate():
        for found in page["stateMachines"]:
            if found["name"] == name:
                return found
    raise NotFoundError(
        f"no state machine '{name}': is '{environment}' deployed, has it two masters, and is "
        "--region its primary Region?"
    )


def table(client: Any, environment: str, region: str) -> str:
    """The control table of a Region. Raises NotFoundError."""
    stack = f"mainstay-{environment}-{region}-control"
    cloudformation = client("cloudformation")
    try:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    except cloudformation.exceptions.ClientError as error:
        raise NotFoundError(f"no stack '{stack}' in {region}: {error}") from None
    for resource in resources:
        if resource["ResourceType"] == "AWS::DynamoDB::GlobalTable":
            return resource["PhysicalResourceId"]
    raise NotFoundError(f"'{stack}' has no table")


def show(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, default=str)
    print()
