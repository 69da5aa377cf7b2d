"""Amazon CloudWatch, and who is told."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    role,
    tag,
    tags,
)


def _alarm(seen: Seen) -> Any:
    cloudwatch = seen.aws("cloudwatch")
    found = one(cloudwatch.describe_alarms(AlarmNames=[seen.ref])["MetricAlarms"])
    known = cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    return {
        **part(found, "Namespace", "MetricName", "Statistic", "Period", "Threshold"),
        **part(found, "EvaluationPeriods", "ComparisonOperator", "TreatMissingData"),
        "dimensions": found["Dimensions"],
        "tells": found["AlarmActions"],
        "who": tag(known),
    }


_SIMPLE = {
    "Namespace": "Contract",
    "MetricName": "Failures",
    "Statistic": "Sum",
    "Period": 60,
    "Threshold": 5,
    "EvaluationPeriods": 2,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
_TOPIC = "arn:aws:sns:us-east-1:111122223333:operators"


def _math(seen: Seen) -> Any:
    found = one(seen.aws("cloudwatch").describe_alarms(AlarmNames=[seen.ref])["MetricAlarms"])
    metrics = {metric["Id"]: metric for metric in found["Metrics"]}
    return {
        "MetricName": found.get("MetricName"),
        "expression": metrics["rate"]["Expression"],
        "of": metrics["failed"]["MetricStat"]["Metric"]["MetricName"],
        "dimensions": metrics["failed"]["MetricStat"]["Metric"]["Dimensions"],
        "Threshold": found["Threshold"],
    }


def _metric(identifier: str, name: str) -> dict[str, Any]:
    metric = {
        "Namespace": "Contract",
        "MetricName": name,
        "Dimensions": [{"Name": "Half", "Value": "blue"}],
    }
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False}


def _metrics(expression: str) -> list[dict[str, Any]]:
    return [
        {"Id": "rate", "Expression": expression, "ReturnData": True},
        _metric("failed", "Failures"),
        _metric("requests", "Requests"),
    ]


def _composite(seen: Seen) -> Any:
    cloudwatch = seen.aws("cloudwatch")
    answer = cloudwatch.describe_alarms(AlarmNames=[seen.ref], AlarmTypes=["CompositeAlarm"])
    found = one(answer["CompositeAlarms"])
    known = cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    return {**part(found, "AlarmRule", "AlarmActions", "ActionsEnabled"), "who": tag(known)}


def _dashboard(seen: Seen) -> Any:
    found = seen.aws("cloudwatch").get_dashboard(DashboardName=seen.ref)["DashboardBody"]
    return one(json.loads(found)["widgets"])["properties"]["title"]


def _body(title: str) -> str:
    widget = {"type": "text", "properties": {"title": title, "markdown": "-"}}
    return json.dumps({"widgets": [widget]})


def _topic(seen: Seen) -> Any:
    found = seen.aws("sns").get_topic_attributes(TopicArn=seen.ref)["Attributes"]
    known = seen.aws("sns").list_tags_for_resource(ResourceArn=seen.ref)["Tags"]
    return {
        "name": found["DisplayName"],
        "key": found["KmsMasterKeyId"],
        "who": tag(known),
    }


def _topic_policy(seen: Seen) -> Any:
    found = seen.aws("sns").get_topic_attributes(TopicArn=seen.refs["Topic"])["Attributes"]
    sids = [s.get("Sid") for s in json.loads(found["Policy"])["Statement"]]
    return one(sid for sid in sids if sid in ("first", "second"))


def _statement(sid: str, action: str, resource_of: str) -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": action,
        "Resource": ref(resource_of) if resource_of == "Topic" else att(resource_of, "Arn"),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _subscription(seen: Seen) -> Any:
    found = seen.aws("sns").get_subscription_attributes(SubscriptionArn=seen.ref)["Attributes"]
    return {
        **part(found, "RawMessageDelivery"),
        "only": json.loads(found["FilterPolicy"]),
    }


def _queue(seen: Seen) -> Any:
    sqs = seen.aws("sqs")
    found = sqs.get_queue_attributes(QueueUrl=seen.ref, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(found["RedrivePolicy"])
    return {
        **part(found, "VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled"),
        "tries": int(redrive["maxReceiveCount"]),
        "who": sqs.list_queue_tags(QueueUrl=seen.ref)["Tags"]["who"],
    }


def _queue_policy(seen: Seen) -> Any:
    url = seen.refs["Queue"]
    found = seen.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return one(
        one([found["Attributes"]["Policy"]] if "Attributes" in found else [])
        and json.loads(found["Attributes"]["Policy"])["Statement"]
    )["Sid"]


def _rule(seen: Seen) -> Any:
    name = seen.ref.rpartition("/")[2]
    events = seen.aws("events")
    found = events.describe_rule(Name=name)
    target = one(events.list_targets_by_rule(Rule=name)["Targets"])
    return {
        "pattern": json.loads(found["EventPattern"]),
        "State": found["State"],
        "to": target["Arn"].rpartition(":")[2] == seen.refs["Queue"].rpartition("/")[2],
        "input": target.get("Input"),
    }


def _archive(seen: Seen) -> Any:
    found = seen.aws("events").describe_archive(ArchiveName=seen.ref)
    return {**part(found, "RetentionDays", "Description"), "of": json.loads(found["EventPattern"])}


def _bus(seen: Seen) -> Any:
    return seen.aws("events").describe_event_bus(Name=seen.ref)["Description"]


def _canary(seen: Seen) -> Any:
    synthetics = seen.aws("synthetics")
    found = synthetics.get_canary(Name="contract")["Canary"]
    return {
        **part(found, "RuntimeVersion", "SuccessRetentionPeriodInDays"),
        "every": found["Schedule"]["Expression"],
        "state": found["Status"]["State"],
        "timeout": found["RunConfig"]["TimeoutInSeconds"],
        "who": found["Tags"]["who"],
    }


_CANARY = {
    "Name": "contract",
    "ArtifactS3Location": {"Fn::Sub": "s3://${Bucket}/canary"},
    "ExecutionRoleArn": att("Role", "Arn"),
    "RuntimeVersion": "syn-python-selenium-5.1",
    "Code": {"Handler": "index.handler", "Script": "def handler(event, context):\n    pass\n"},
    "RunConfig": {"TimeoutInSeconds": 30},
    "SuccessRetentionPeriod": 31,
    "StartCanaryAfterCreation": True,
}


ROWS = [
    Row(
        kind="AWS::CloudWatch::Alarm",
        properties={
            **_SIMPLE,
            "Dimensions": [{"Name": "Half", "Value": "blue"}],
            "AlarmActions": [_TOPIC],
            "Tags": tags(who="a"),
        },
        read=_alarm,
        made={
            **_SIMPLE,
            "dimensions": [{"Name": "Half", "Value": "blue"}],
            "tells": [_TOPIC],
            "who": "a",
        },
        update={"Threshold": 6, "AlarmActions": [], "Tags": tags(who="b")},
        changed={
            **_SIMPLE,
            "Threshold": 6,
            "dimensions": [{"Name": "Half", "Value": "blue"}],
            "tells": [],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::CloudWatch::Alarm",
        what="on metric math",
        properties={
            "Metrics": _metrics("100 * failed / requests"),
            "Threshold": 1,
            "EvaluationPeriods": 2,
            "ComparisonOperator": "GreaterThanThreshold",
        },
        read=_math,
        made={
            "MetricName": None,
            "expression": "100 * failed / requests",
            "of": "Failures",
            "dimensions": [{"Name": "Half", "Value": "blue"}],
            "Threshold": 1,
        },
        update={"Metrics": _metrics("IF(requests > 10, failed / requests, 0)"), "Threshold": 2},
        changed={
            "MetricName": None,
            "expression": "IF(requests > 10, failed / requests, 0)",
            "of": "Failures",
            "dimensions": [{"Name": "Half", "Value": "blue"}],
            "Threshold": 2,
        },
    ),
    Row(
        kind="AWS::CloudWatch::CompositeAlarm",
        beside={
            name: resource("AWS::CloudWatch::Alarm", **_SIMPLE, AlarmName=f"contract-{name}")
            for name in ("One", "Two")
        },
        properties={
            "AlarmRule": {"Fn::Sub": 'ALARM("${One}") AND ALARM("${Two}")'},
            "AlarmActions": [_TOPIC],
            "Tags": tags(who="a"),
        },
        read=_composite,
        made={
            "AlarmRule": 'ALARM("contract-One") AND ALARM("contract-Two")',
            "AlarmActions": [_TOPIC],
            "ActionsEnabled": True,
            "who": "a",
        },
        update={
            "AlarmRule": {"Fn::Sub": 'ALARM("${One}") OR ALARM("${Two}")'},
            "ActionsEnabled": False,
            "Tags": tags(who="b"),
        },
        changed={
            "AlarmRule": 'ALARM("contract-One") OR ALARM("contract-Two")',
            "AlarmActions": [_TOPIC],
            "ActionsEnabled": False,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::CloudWatch::Dashboard",
        properties={"DashboardBody": _body("first")},
        read=_dashboard,
        made="first",
        update={"DashboardBody": _body("second")},
        changed="second",
    ),
    Row(
        kind="AWS::SNS::Topic",
        properties={
            "DisplayName": "first",
            "KmsMasterKeyId": "alias/aws/sns",
            "Tags": tags(who="a"),
        },
        read=_topic,
        made={"name": "first", "key": "alias/aws/sns", "who": "a"},
        update={"DisplayName": "second", "Tags": tags(who="b")},
        changed={"name": "second", "key": "alias/aws/sns", "who": "b"},
    ),
    Row(
        kind="AWS::SNS::TopicPolicy",
        beside={"Topic": resource("AWS::SNS::Topic")},
        properties={
            "Topics": [ref("Topic")],
            "PolicyDocument": _statement("first", "sns:Publish", "Topic"),
        },
        read=_topic_policy,
        made="first",
        update={"PolicyDocument": _statement("second", "sns:Publish", "Topic")},
        changed="second",
    ),
    Row(
        kind="AWS::SNS::Subscription",
        beside={"Topic": resource("AWS::SNS::Topic"), "Queue": resource("AWS::SQS::Queue")},
        properties={
            "TopicArn": ref("Topic"),
            "Protocol": "sqs",
            "Endpoint": att("Queue", "Arn"),
            "RawMessageDelivery": True,
            "FilterPolicy": {"kind": ["page"]},
        },
        read=_subscription,
        made={"RawMessageDelivery": "true", "only": {"kind": ["page"]}},
        update={"FilterPolicy": {"kind": ["warn"]}},
        changed={"RawMessageDelivery": "true", "only": {"kind": ["warn"]}},
    ),
    Row(
        kind="AWS::SQS::Queue",
        beside={"Dead": resource("AWS::SQS::Queue")},
        properties={
            "VisibilityTimeout": 60,
            "MessageRetentionPeriod": 1209600,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": att("Dead", "Arn"), "maxReceiveCount": 5},
            "Tags": tags(who="a"),
        },
        read=_queue,
        made={
            "VisibilityTimeout": "60",
            "MessageRetentionPeriod": "1209600",
            "SqsManagedSseEnabled": "true",
            "tries": 5,
            "who": "a",
        },
        update={"VisibilityTimeout": 90, "Tags": tags(who="b")},
        changed={
            "VisibilityTimeout": "90",
            "MessageRetentionPeriod": "1209600",
            "SqsManagedSseEnabled": "true",
            "tries": 5,
            "who": "b",
        },
    ),
    Row(
        kind="AWS::SQS::QueuePolicy",
        beside={"Queue": resource("AWS::SQS::Queue")},
        properties={
            "Queues": [ref("Queue")],
            "PolicyDocument": _statement("first", "sqs:SendMessage", "Queue"),
        },
        read=_queue_policy,
        made="first",
        update={"PolicyDocument": _statement("second", "sqs:SendMessage", "Queue")},
        changed="second",
    ),
    Row(
        kind="AWS::Events::Rule",
        beside={"Queue": resource("AWS::SQS::Queue")},
        properties={
            "EventPattern": {"source": ["aws.rds"]},
            "Targets": [{"Id": "queue", "Arn": att("Queue", "Arn"), "Input": "first"}],
        },
        read=_rule,
        made={"pattern": {"source": ["aws.rds"]}, "State": "ENABLED", "to": True, "input": "first"},
        update={"EventPattern": {"source": ["aws.ecs"]}, "State": "DISABLED"},
        changed={
            "pattern": {"source": ["aws.ecs"]},
            "State": "DISABLED",
            "to": True,
            "input": "first",
        },
    ),
    Row(
        kind="AWS::Events::EventBus",
        properties={"Name": "contract", "Description": "first"},
        read=_bus,
        made="first",
        update={"Description": "second"},
        changed="second",
    ),
    Row(
        kind="AWS::Events::Archive",
        properties={
            "SourceArn": "arn:aws:events:us-east-1:111122223333:event-bus/default",
            "EventPattern": {"source": ["mainstay"]},
            "RetentionDays": 30,
            "Description": "first",
        },
        read=_archive,
        made={"RetentionDays": 30, "Description": "first", "of": {"source": ["mainstay"]}},
        update={"RetentionDays": 60, "Description": "second"},
        changed={"RetentionDays": 60, "Description": "second", "of": {"source": ["mainstay"]}},
    ),
    Row(
        kind="AWS::Synthetics::Canary",
        beside={"Bucket": resource("AWS::S3::Bucket"), "Role": role("lambda")},
        properties={
            **_CANARY,
            "Schedule": {"Expression": "rate(1 minute)"},
            "Tags": tags(who="a"),
        },
        read=_canary,
        made={
            "RuntimeVersion": "syn-python-selenium-5.1",
            "SuccessRetentionPeriodInDays": 31,
            "every": "rate(1 minute)",
            "state": "RUNNING",
            "timeout": 30,
            "who": "a",
        },
        update={"Schedule": {"Expression": "rate(5 minutes)"}, "Tags": tags(who="b")},
        changed={
            "RuntimeVersion": "syn-python-selenium-5.1",
            "SuccessRetentionPeriodInDays": 31,
            "every": "rate(5 minutes)",
            "state": "RUNNING",
            "timeout": 30,
            "who": "b",
        },
    ),
]
