"""Readers of two masters: one cluster may be given as many as the other has."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from mainstay.acknowledge import acknowledge


@dataclass(frozen=True, kw_only=True)
class MasterReaders:
    """Clusters whose readers come and go, by identifier: in READ_ONLY the target's take all reads.

    `least` is how few the target has at other times (functions.reader_parity).
    """

    region: str
    source: str
    target: str
    least: int

    @property
    def as_json(self) -> dict[str, str]:
        """Return what a function gets of it."""
        return {"region": self.region, "source": self.source, "target": self.target}

    def let_raise(self, role: iam.Role) -> None:
        """Let a role count readers of both and raise the target's least number."""
        here = f"{self.region}:{cdk.Stack.of(role).account}"
        instances = f"arn:aws:rds:{here}:db:*"
        scalable = f"arn:aws:application-autoscaling:{here}:scalable-target/*"
        clusters = [f"arn:aws:rds:{here}:cluster:{name}" for name in (self.source, self.target)]
        of_databases = {"StringEquals": {"application-autoscaling:service-namespace": "rds"}}
        for actions, resources, conditions in (
            (["rds:DescribeDBClusters"], clusters, {}),
            (["rds:DescribeDBInstances"], [instances], {}),
            (["application-autoscaling:RegisterScalableTarget"], [scalable], of_databases),
            (["application-autoscaling:DescribeScalableTargets"], ["*"], {}),
        ):
            role.add_to_policy(
                iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
            )
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{instances}]": "Readers that autoscaling adds have "
                "names of its own; which of them are available is read by their cluster.",
                f"AwsSolutions-IAM5[Resource::{scalable}]": "A scalable target's id is Application "
                "Auto Scaling's own and in no template; a condition limits it to databases.",
                "AwsSolutions-IAM5[Resource::*]": "DescribeScalableTargets knows no resources "
                "(Service Authorization Reference, Application Auto Scaling).",
            },
        )
