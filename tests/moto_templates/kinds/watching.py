"""Amazon CloudWatch, EventBridge, Application Auto Scaling and Amazon SNS."""

from __future__ import annotations

import json

from tests.moto_templates.api_shapes import Properties, as_input
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Attributes, Kind


def _policy(_site: Site, policy: Properties) -> Properties:
    """`Ref` of a scalable target is its three names in one; the API takes them apart."""
    resource, dimension, namespace = policy.pop("ScalingTargetId").split("|")
    return {
        "ResourceId": resource,
        "ScalableDimension": dimension,
        "ServiceNamespace": namespace,
        **policy,
    }


def _topic(site: Site, topic: Properties) -> Properties:
    attributes = {name: topic.pop(name) for name in ("DisplayName", "KmsMasterKeyId")}
    return {"Name": f"{site.stack}-{site.logical_id}", "Attributes": attributes, **topic}


def _topic_policy(_site: Site, policy: Properties) -> Properties:
    [topic] = policy["Topics"]
    return {
        "TopicArn": topic,
        "AttributeName": "Policy",
        "AttributeValue": json.dumps(policy["PolicyDocument"], sort_keys=True),
    }


def _targets(site: Site, rule: Properties, made: Attributes) -> None:
    events = site.client("events")
    model = events.meta.service_model.operation_model("PutTargets").input_shape
    sent = as_input({"Rule": made["Ref"], "Targets": rule["Targets"]}, model)
    assert events.put_targets(**sent)["FailedEntryCount"] == 0


def _alarm_arn(site: Site, _alarm: Properties, made: Attributes) -> Attributes:
    """The call that makes an alarm answers nothing."""
    return {"Arn": f"arn:aws:cloudwatch:{site.region}:{site.account}:alarm:{made['Ref']}"}


def _permission(site: Site, permission: Properties) -> Properties:
    return {"StatementId": site.physical_name(), **permission}


WATCHING = {
    "AWS::SNS::Topic": Kind(service="sns", call="create_topic", ref="TopicArn", adapt=_topic),
    "AWS::SNS::TopicPolicy": Kind(
        service="sns", call="set_topic_attributes", ref="sent.TopicArn", adapt=_topic_policy
    ),
    "AWS::CloudWatch::Alarm": Kind(
        service="cloudwatch",
        call="put_metric_alarm",
        ref="sent.AlarmName",
        adapt=lambda site, alarm: {"AlarmName": f"{site.stack}-{site.logical_id}", **alarm},
        then=_alarm_arn,
    ),
    "AWS::Events::Rule": Kind(
        service="events",
        call="put_rule",
        ref="sent.Name",
        attributes={"Arn": "RuleArn"},
        apart=("Targets",),
        adapt=lambda site, rule: {"Name": site.physical_name(64), **rule},
        then=_targets,
    ),
    "AWS::Lambda::Permission": Kind(
        service="lambda", call="add_permission", ref="sent.StatementId", adapt=_permission
    ),
    "AWS::Logs::MetricFilter": Kind(
        service="logs",
        call="put_metric_filter",
        ref="sent.filterName",
        adapt=lambda site, counted: {"FilterName": site.physical_name(), **counted},
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Kind(
        service="application-autoscaling",
        call="register_scalable_target",
        ref="join('|', [sent.ResourceId, sent.ScalableDimension, sent.ServiceNamespace])",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Kind(
        service="application-autoscaling",
        call="put_scaling_policy",
        ref="PolicyARN",
        adapt=_policy,
    ),
}
