"""The live weights: one listener rule of the public load balancer, written by nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The rule that divides the traffic between two target groups, by their ARNs."""

    elbv2: Any
    rule: str
    legacy: str
    new: str

    def percent(self) -> int:
        """Return the new chain's part of the traffic, as the load balancer has it now.

        Raises ValueError where the rule is not a choice between these two target groups.
        """
        (rule,) = self.elbv2.describe_rules(RuleArns=[self.rule])["Rules"]
        groups = rule["Actions"][-1].get("ForwardConfig", {}).get("TargetGroups", ())
        weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        if set(weights) != {self.legacy, self.new} or not sum(weights.values()):
            raise ValueError(
                f"'rule' should divide traffic between {self.legacy} and {self.new}, got {weights}"
            )
        return round(100 * weights[self.new] / sum(weights.values()))

    def set(self, percent: int) -> bool:
        """Give the new chain this part, 0 to 100; True where that changed anything.

        Raises ValueError outside the range.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"'percent' should be 0 to 100, got {percent}")
        if self.percent() == percent:
            return False
        groups = [
            {"TargetGroupArn": self.legacy, "Weight": 100 - percent},
            {"TargetGroupArn": self.new, "Weight": percent},
        ]
        self.elbv2.modify_rule(
            RuleArn=self.rule,
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )
        return True
