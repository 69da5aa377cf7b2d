"""Elastic Load Balancing and AWS WAF."""

from __future__ import annotations

from typing import Any

from tests.local.contract.row import (
    SUBNETS,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    tag,
    tags,
)

_BALANCER = resource(
    "AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[ref("Subnet1"), ref("Subnet2")]
)
_TARGETS = {
    name: resource(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        VpcId=ref("Vpc"),
        Port=8080,
        Protocol="HTTP",
        TargetType="ip",
    )
    for name in ("Blue", "Green")
}
_LISTENER = resource(
    "AWS::ElasticLoadBalancingV2::Listener",
    LoadBalancerArn=ref("Balancer"),
    Port=80,
    Protocol="HTTP",
    DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}],
)
_ALL = {**SUBNETS, "Balancer": _BALANCER, **_TARGETS}


def _tags(seen: Seen) -> Any:
    found = seen.aws("elbv2").describe_tags(ResourceArns=[seen.ref])
    return tag(one(found["TagDescriptions"])["Tags"])


def _attributes(answer: Any, *keys: str) -> dict[str, str]:
    return {entry["Key"]: entry["Value"] for entry in answer["Attributes"] if entry["Key"] in keys}


def _balancer(seen: Seen) -> Any:
    elb = seen.aws("elbv2")
    found = one(elb.describe_load_balancers(LoadBalancerArns=[seen.ref])["LoadBalancers"])
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=seen.ref)
    return {
        "zones": sorted(zone["ZoneName"] for zone in found["AvailabilityZones"]),
        "Scheme": found["Scheme"],
        **_attributes(answer, "idle_timeout.timeout_seconds"),
        "who": _tags(seen),
    }


def _group(seen: Seen) -> Any:
    elb = seen.aws("elbv2")
    found = one(elb.describe_target_groups(TargetGroupArns=[seen.ref])["TargetGroups"])
    answer = elb.describe_target_group_attributes(TargetGroupArn=seen.ref)
    return {
        **part(found, "Protocol", "Port", "HealthCheckPath", "HealthCheckIntervalSeconds"),
        **_attributes(answer, "deregistration_delay.timeout_seconds"),
        "who": _tags(seen),
    }


def _weights(seen: Seen, actions: list[dict[str, Any]]) -> list[tuple[str, int]]:
    names = {arn: name for name, arn in seen.refs.items()}
    groups = one(actions)["ForwardConfig"]["TargetGroups"]
    return [(names[group["TargetGroupArn"]], group["Weight"]) for group in groups]


def _listener(seen: Seen) -> Any:
    elb = seen.aws("elbv2")
    found = one(elb.describe_listeners(ListenerArns=[seen.ref])["Listeners"])
    answer = elb.describe_listener_attributes(ListenerArn=seen.ref)
    return {
        **part(found, "Port", "Protocol"),
        "to": _weights(seen, found["DefaultActions"]),
        **_attributes(answer, "routing.http.response.server.enabled"),
        "who": _tags(seen),
    }


def _rule(seen: Seen) -> Any:
    found = one(seen.aws("elbv2").describe_rules(RuleArns=[seen.ref])["Rules"])
    return {
        "Priority": found["Priority"],
        "to": _weights(seen, found["Actions"]),
        "when": {c["Field"]: c.get("Values") for c in found["Conditions"]},
        "header": next(
            (c["HttpHeaderConfig"] for c in found["Conditions"] if "HttpHeaderConfig" in c), None
        ),
        "query": next(
            (c["QueryStringConfig"] for c in found["Conditions"] if "QueryStringConfig" in c), None
        ),
        "who": _tags(seen),
    }


def _forward(blue: int, green: int) -> list[dict[str, Any]]:
    groups = [
        {"TargetGroupArn": ref("Blue"), "Weight": blue},
        {"TargetGroupArn": ref("Green"), "Weight": green},
    ]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def _server(value: str) -> list[dict[str, str]]:
    return [{"Key": "routing.http.response.server.enabled", "Value": value}]


_ACL = {
    "Scope": "REGIONAL",
    "DefaultAction": {"Allow": {}},
    "VisibilityConfig": {
        "CloudWatchMetricsEnabled": True,
        "MetricName": "contract",
        "SampledRequestsEnabled": False,
    },
}


def _limit(count: int) -> dict[str, Any]:
    key = {
        "Header": {"Name": "host", "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}]}
    }
    return {
        "Name": "limit",
        "Priority": 1,
        "Action": {"Block": {}},
        "VisibilityConfig": _ACL["VisibilityConfig"],
        "Statement": {
            "RateBasedStatement": {
                "Limit": count,
                "AggregateKeyType": "CUSTOM_KEYS",
                "CustomKeys": [{"IP": {}}, key],
            }
        },
    }


def _acl(seen: Seen) -> Any:
    name, identifier, scope = seen.ref.split("|")
    found = seen.aws("wafv2").get_web_acl(Name=name, Id=identifier, Scope=scope)["WebACL"]
    rule = one(found["Rules"])["Statement"]["RateBasedStatement"]
    arn = found["ARN"]
    known = seen.aws("wafv2").list_tags_for_resource(ResourceARN=arn)["TagInfoForResource"]
    return {**part(rule, "Limit"), "keys": len(rule["CustomKeys"]), "who": tag(known["TagList"])}


def _association(seen: Seen) -> Any:
    found = seen.aws("wafv2").get_web_acl_for_resource(ResourceArn=seen.ref.split("|")[1])
    return one(filter(None, [found.get("WebACL")]))["ARN"] == seen.ref.split("|")[0]


def _logging(seen: Seen) -> Any:
    found = seen.aws("wafv2").get_logging_configuration(ResourceArn=seen.ref)
    configuration = found["LoggingConfiguration"]
    return {
        "to": configuration["LogDestinationConfigs"],
        "hides": [field["SingleHeader"]["Name"] for field in configuration["RedactedFields"]],
        "else": configuration["LoggingFilter"]["DefaultBehavior"],
    }


def _ip_set(seen: Seen) -> Any:
    name, identifier, scope = seen.ref.split("|")
    return seen.aws("wafv2").get_ip_set(Name=name, Id=identifier, Scope=scope)["IPSet"]["Addresses"]


_LOGS = "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-contract"


def _redacted(*names: str) -> list[dict[str, Any]]:
    return [{"SingleHeader": {"Name": name}} for name in names]


_FILTER = {
    "DefaultBehavior": "DROP",
    "Filters": [
        {
            "Behavior": "KEEP",
            "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
        }
    ],
}
_WEB_ACL = {"Acl": resource("AWS::WAFv2::WebACL", **_ACL, Rules=[_limit(100)])}

ROWS = [
    Row(
        kind="AWS::ElasticLoadBalancingV2::LoadBalancer",
        beside=SUBNETS,
        properties={
            "Scheme": "internal",
            "Subnets": [ref("Subnet1"), ref("Subnet3")],
            "LoadBalancerAttributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "30"}],
            "Tags": tags(who="a"),
        },
        read=_balancer,
        made={
            "zones": ["us-east-1a", "us-east-1d"],
            "Scheme": "internal",
            "idle_timeout.timeout_seconds": "30",
            "who": "a",
        },
        update={
            "Subnets": [ref("Subnet1"), ref("Subnet2")],
            "LoadBalancerAttributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "40"}],
            "Tags": tags(who="b"),
        },
        changed={
            "zones": ["us-east-1a", "us-east-1b"],
            "Scheme": "internal",
            "idle_timeout.timeout_seconds": "40",
            "who": "b",
        },
    ),
    Row(
        kind="AWS::ElasticLoadBalancingV2::TargetGroup",
        beside=SUBNETS,
        properties={
            "VpcId": ref("Vpc"),
            "Port": 8443,
            "Protocol": "HTTPS",
            "TargetType": "ip",
            "HealthCheckPath": "/first",
            "HealthCheckIntervalSeconds": 10,
            "TargetGroupAttributes": [
                {"Key": "deregistration_delay.timeout_seconds", "Value": "45"}
            ],
            "Tags": tags(who="a"),
        },
        read=_group,
        made={
            "Protocol": "HTTPS",
            "Port": 8443,
            "HealthCheckPath": "/first",
            "HealthCheckIntervalSeconds": 10,
            "deregistration_delay.timeout_seconds": "45",
            "who": "a",
        },
        update={"HealthCheckPath": "/second", "Tags": tags(who="b")},
        changed={
            "Protocol": "HTTPS",
            "Port": 8443,
            "HealthCheckPath": "/second",
            "HealthCheckIntervalSeconds": 10,
            "deregistration_delay.timeout_seconds": "45",
            "who": "b",
        },
    ),
    Row(
        kind="AWS::ElasticLoadBalancingV2::TargetGroup",
        what="on another port",
        beside=SUBNETS,
        properties={
            "VpcId": ref("Vpc"),
            "Port": 80,
            "Protocol": "HTTP",
            "Tags": tags(who="a"),
        },  # fmt: skip
        read=lambda seen: _group(seen)["Port"],
        made=80,
        update={"Port": 81},
        changed=81,
        replaces=True,
    ),
    Row(
        kind="AWS::ElasticLoadBalancingV2::Listener",
        beside=_ALL,
        properties={
            "LoadBalancerArn": ref("Balancer"),
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": _forward(50, 50),
            "ListenerAttributes": _server("false"),
            "Tags": tags(who="a"),
        },
        read=_listener,
        made={
            "Port": 80,
            "Protocol": "HTTP",
            "to": [("Blue", 50), ("Green", 50)],
            "routing.http.response.server.enabled": "false",
            "who": "a",
        },
        update={
            "Port": 81,
            "DefaultActions": _forward(100, 0),
            "ListenerAttributes": _server("true"),
            "Tags": tags(who="b"),
        },
        changed={
            "Port": 81,
            "Protocol": "HTTP",
            "to": [("Blue", 100), ("Green", 0)],
            "routing.http.response.server.enabled": "true",
            "who": "b",
        },
    ),
    Row(
        kind="AWS::ElasticLoadBalancingV2::ListenerRule",
        beside={**_ALL, "Listener": _LISTENER},
        properties={
            "ListenerArn": ref("Listener"),
            "Priority": 10,
            "Conditions": [
                {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*"]}},
                {
                    "Field": "http-header",
                    "HttpHeaderConfig": {"HttpHeaderName": "X-Half", "Values": ["blue"]},
                },
            ],
            "Actions": _forward(50, 50),
            "Tags": tags(who="a"),
        },
        read=_rule,
        made={
            "Priority": "10",
            "to": [("Blue", 50), ("Green", 50)],
            "when": {"path-pattern": ["/a/*"], "http-header": []},
            "header": {"HttpHeaderName": "X-Half", "Values": ["blue"]},
            "query": None,
            "who": "a",
        },
        update={
            "Priority": 20,
            "Conditions": [
                {
                    "Field": "query-string",
                    "QueryStringConfig": {"Values": [{"Key": "half", "Value": "b*"}]},
                }
            ],
            "Actions": _forward(0, 100),
            "Tags": tags(who="b"),
        },
        changed={
            "Priority": "20",
            "to": [("Blue", 0), ("Green", 100)],
            "when": {"query-string": []},
            "header": None,
            "query": {"Values": [{"Key": "half", "Value": "b*"}]},
            "who": "b",
        },
    ),
    Row(
        kind="AWS::WAFv2::WebACL",
        properties={**_ACL, "Rules": [_limit(100)], "Tags": tags(who="a")},
        read=_acl,
        made={"Limit": 100, "keys": 2, "who": "a"},
        update={"Rules": [_limit(200)], "Tags": tags(who="b")},
        changed={"Limit": 200, "keys": 2, "who": "b"},
    ),
    Row(
        kind="AWS::WAFv2::WebACLAssociation",
        beside={**SUBNETS, "Balancer": _BALANCER, **_WEB_ACL},
        properties={"WebACLArn": att("Acl", "Arn"), "ResourceArn": ref("Balancer")},
        read=_association,
        made=True,
    ),
    Row(
        kind="AWS::WAFv2::LoggingConfiguration",
        beside=_WEB_ACL,
        properties={
            "ResourceArn": att("Acl", "Arn"),
            "LogDestinationConfigs": [_LOGS],
            "RedactedFields": _redacted("cookie"),
            "LoggingFilter": _FILTER,
        },
        read=_logging,
        made={"to": [_LOGS], "hides": ["cookie"], "else": "DROP"},
        update={"RedactedFields": _redacted("cookie", "authorization")},
        changed={"to": [_LOGS], "hides": ["cookie", "authorization"], "else": "DROP"},
    ),
    Row(
        kind="AWS::WAFv2::IPSet",
        properties={
            "Scope": "REGIONAL",
            "IPAddressVersion": "IPV4",
            "Addresses": ["10.0.0.0/8"],
        },
        read=_ip_set,
        made=["10.0.0.0/8"],
        update={"Addresses": ["10.0.0.0/8", "192.0.2.0/24"]},
        changed=["10.0.0.0/8", "192.0.2.0/24"],
    ),
]
