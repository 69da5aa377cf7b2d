"""The physical names and ARNs that CloudFormation gives, as long as they come.

For whoever has a limit on a text that is made of them, such as a function's variables.
"""

from __future__ import annotations

from typing import Any

from assembly.reader import Assembly
from assembly.stack import Stack
from tests.conftest import ACCOUNT

_SUFFIX = "-" + "X" * 13  # of 12 or 13 letters and digits
_ID = "0123456789abcdef"


class Names:
    """Resolves a value of an assembly's templates, references between stacks included."""

    def __init__(self, assembly: Assembly) -> None:
        self._stacks = assembly.stacks
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack in self._stacks.values()
            for output in stack.template.get("Outputs", {}).values()
            if "Export" in output
        }

    def text(self, value: Any, stack: Stack) -> str:
        match value:
            case str():
                return value
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.text(part, stack) for part in parts)
            case {"Fn::ImportValue": name}:
                other, found = self._exports[name]
                return self.text(found, other)
            case {"Fn::GetStackOutput": {"StackName": name, "OutputName": output}}:
                other = self._stacks[name]
                return self.text(other.template["Outputs"][output]["Value"], other)
            case {"Ref": "AWS::Partition"}:
                return "aws"
            case {"Ref": "AWS::Region"}:
                return stack.region
            case {"Ref": logical_id}:
                return self._of(stack, logical_id, "Ref")
            case {"Fn::GetAtt": [logical_id, attribute]}:
                return self._of(stack, logical_id, attribute)
        raise AssertionError(f"no text for {value}")

    def _of(self, stack: Stack, logical_id: str, attribute: str) -> str:
        kind = stack.resources[logical_id]["Type"]
        name = f"{stack.name}-{logical_id}{_SUFFIX}"
        balancing = f"arn:aws:elasticloadbalancing:{stack.region}:{ACCOUNT}"
        short = name[:32]  # the most that a load balancer and a target group may have
        match kind, attribute:
            case (
                "AWS::ECS::Cluster" | "AWS::DynamoDB::GlobalTable" | "AWS::CloudWatch::Alarm",
                "Ref",
            ) | ("AWS::ECS::Service", "Name"):
                return name[:255]
            case "AWS::ElasticLoadBalancingV2::TargetGroup", "Ref":
                return f"{balancing}:targetgroup/{short}/{_ID}"
            case "AWS::ElasticLoadBalancingV2::ListenerRule", "Ref":
                return f"{balancing}:listener-rule/app/{short}/{_ID}/{_ID}/{_ID}"
            case "AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName":
                return f"app/{short}/{_ID}"
            case "AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName":
                return f"internal-{short}-0123456789.{stack.region}.elb.amazonaws.com"
        raise AssertionError(f"no name for {attribute} of a {kind}: add it above")
