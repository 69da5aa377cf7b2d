"""Names that an account keeps once for all of its environments: each has the environment's in it.

CDK generates some from a construct's path, which is the same in every environment.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

ENVIRONMENT_TAG = "mainstay:environment"  # on everything that can be tagged, by app.py


def own_name(construct: Construct, *, end: str = "") -> str:
    """Return a name of the construct: its stack's, which is the environment's, and its path there.

    `end` is appended to it.
    """
    stack = cdk.Stack.of(construct)
    path = construct.node.path.removeprefix(stack.node.path).strip("/").replace("/", "-").lower()
    return "-".join(filter(None, (stack.stack_name, path, end)))


def metric_namespace(environment_name: str, part: str) -> str:
    """Return where an environment's own metrics are; a role is let write there and nowhere else."""
    return f"Mainstay/{environment_name}/{part}"
