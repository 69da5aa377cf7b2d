"""Attributes of a VPC, of its endpoints and of a flow log that the emulator leaves out."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::EC2::VPC", _cidr_attributes)
    ec2 = inside.service("ec2")
    ec2._vpce_fields_xml = _with_groups(ec2._vpce_fields_xml)
    actions = ec2._ACTION_MAP
    actions["CreateFlowLogs"] = _keeping(ec2, actions["CreateFlowLogs"])
    actions["DescribeFlowLogs"] = _completing(ec2, actions["DescribeFlowLogs"])


def _cidr_attributes(made: Made, old: Properties, new: Properties) -> None:
    made.attributes["CidrBlock"] = new.get("CidrBlock", "")
    made.attributes["CidrBlockAssociations"] = []
    made.attributes["Ipv6CidrBlocks"] = []


def _with_groups(build: Any) -> Any:
    def built(endpoint: dict[str, Any], tag: str = "item") -> str:
        groups = "".join(
            f"<item><groupId>{group}</groupId></item>"
            for group in endpoint.get("SecurityGroupIds", ())
        )
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = f"<privateDnsEnabled>{private}</privateDnsEnabled><groupSet>{groups}</groupSet>"
        return build(endpoint, tag).replace("<routeTableIdSet>", f"{more}<routeTableIdSet>")

    return built


# Member of a flow log -> its element in an answer.
_FLOW_LOG = {
    "LogGroupName": "logGroupName",
    "DeliverLogsPermissionArn": "deliverLogsPermissionArn",
    "LogFormat": "logFormat",
    "MaxAggregationInterval": "maxAggregationInterval",
}


def _keeping(ec2: Any, create: Any) -> Any:
    def created(request: Any) -> Any:
        known = set(ec2._flow_logs.keys())
        answer = create(request)
        for identifier, record in ec2._flow_logs.items():
            if identifier not in known:
                record |= {name: ec2._p(request, name) for name in _FLOW_LOG}
        return answer

    return created


def _completing(ec2: Any, describe: Any) -> Any:
    def described(request: Any) -> Any:
        status, headers, body = describe(request)
        for identifier, record in ec2._flow_logs.items():
            more = "".join(
                f"<{element}>{record[name]}</{element}>"
                for name, element in _FLOW_LOG.items()
                if record.get(name)
            )
            mark = f"<flowLogId>{identifier}</flowLogId>".encode()
            body = body.replace(mark, mark + more.encode())
        return status, headers, body

    return described
