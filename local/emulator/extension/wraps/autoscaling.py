"""Auto Scaling groups: the target groups of their instances."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::AutoScaling::AutoScalingGroup", _keep)
    autoscaling = inside.service("autoscaling")
    actions = autoscaling._ACTION_MAP
    actions["DescribeAutoScalingGroups"] = _completing(
        autoscaling, actions["DescribeAutoScalingGroups"]
    )


def _keep(made: Made, old: Properties, new: Properties) -> None:
    record = inside.service("autoscaling")._asgs[made.physical_id]
    record["TargetGroupARNs"] = list(new.get("TargetGroupARNs") or ())


def _completing(autoscaling: Any, describe: Any) -> Any:
    def described(request: Any) -> Any:
        status, headers, body = describe(request)
        for name, record in autoscaling._asgs.items():
            if arns := record.get("TargetGroupARNs"):
                members = "".join(f"<member>{arn}</member>" for arn in arns)
                mark = f"<AutoScalingGroupName>{name}</AutoScalingGroupName>".encode()
                more = f"<TargetGroupARNs>{members}</TargetGroupARNs>".encode()
                body = body.replace(mark, mark + more, 1)
        return status, headers, body

    return described
