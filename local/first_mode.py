"""The first state of a Region's mode, which on AWS the bootstrap makes: READ_WRITE, once."""

from __future__ import annotations

import os
import subprocess
import sys

from local.assembly import Assembly
from local.target import Target

_TABLE = "AWS::DynamoDB::GlobalTable"


class FirstModeError(RuntimeError):
    """The mode of a Region could not be begun; the message is what the command said."""


def begin(target: Target, made: Assembly) -> None:
    """Begin the mode in every Region's control table by the command that a person would use.

    A mode that has begun stays as it is. Raises FirstModeError with what the command said.
    """
    for stack in made.stacks:
        if stack.name.endswith("-control"):
            _begin(target, stack.region, _table(target, stack.region, stack.name))


def _table(target: Target, region: str, stack: str) -> str:
    cloudformation = target.client("cloudformation", region)
    found = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    return next(one["PhysicalResourceId"] for one in found if one["ResourceType"] == _TABLE)


def _begin(target: Target, region: str, table: str) -> None:
    command = [sys.executable, "-m", "control_table", "begin"]
    done = subprocess.run(
        [*command, "--table", table, "--by", "make local"],
        env={"PATH": os.environ.get("PATH", os.defpath), **target.variables(region)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise FirstModeError(f"the mode of {region} did not begin:\n{done.stderr.strip()}")
