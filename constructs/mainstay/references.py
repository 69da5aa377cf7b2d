"""References between stacks of different Regions."""

from __future__ import annotations

import aws_cdk as cdk


def cross_region(value: str) -> str:
    """Return a value of another Region's stack as a weak reference.

    It is read once, when the stack that uses it is deployed. An export between Regions would need
    functions in both, and could not be removed while it is in use.
    """
    return cdk.Stack.consume_reference(value, cdk.ReferenceStrength.WEAK)
