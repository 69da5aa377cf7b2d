"""Acknowledges a finding of cdk-nag: on one construct, with a reason for an auditor."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import IConstruct

_REASON_MIN = 60


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Accept the findings on this construct; `reasons` is finding -> one full sentence.

    Raises ValueError for a whole stack or app, which would hide findings not yet made, and for
    a reason too short to persuade anybody.
    """
    if isinstance(construct, cdk.Stack | cdk.App):
        raise ValueError(f"'construct' should be one resource, got all of '{construct.node.path}'")
    for finding, reason in reasons.items():
        if len(reason) < _REASON_MIN:
            raise ValueError(f"the reason for {finding} should be a full sentence, got '{reason}'")
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def acknowledge_inline_policy(role: IConstruct) -> None:
    """Acknowledge the inline policy of a role that CDK grants to: it is the role's own."""
    acknowledge(
        role,
        {
            "NIST.800.53.R5-IAMNoInlinePolicy": "The policy is generated from grants to exactly "
            "this role and deleted with it; a managed policy could be attached to another "
            "principal, which is the spread of permissions that the control is about.",
        },
    )
