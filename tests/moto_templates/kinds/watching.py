"""Amazon CloudWatch, Application Auto Scaling and Amazon SNS."""

from __future__ import annotations

import json

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Site
from tests.moto_templates.kind import Kind


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
