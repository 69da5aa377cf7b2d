"""An alarm that nothing acts on is read by nobody."""

from __future__ import annotations

import json

import pytest

from tests.system.alarms import KINDS, REVIEWED, without_action
from tests.system.conftest import inside

BACKUP_PARTS = ("backups", "backupjobs", "backupplan")
EVENTS = {
    ("Backup Job State Change", "state"): ("FAILED", "EXPIRED", "ABORTED", "PARTIAL"),
    ("Copy Job State Change", "state"): ("FAILED", "PARTIAL"),
    ("Restore Job State Change", "status"): ("FAILED", "ABORTED"),
}


def test_no_alarm_of_any_stack_is_without_an_action(assembly):
    assert list(without_action(assembly)) == []


def test_every_reviewed_exception_has_a_reason():
    assert all(len(reason.split()) > 8 for reason in REVIEWED.values())


def test_every_alarm_of_the_backups_reaches_the_operators_itself(system):
    found = [
        alarm
        for kind in KINDS
        for alarm in system.of_type(kind)
        if alarm.stack.name.rpartition("-")[2] in BACKUP_PARTS
    ]
    assert found
    for alarm in found:
        [action] = alarm.properties["AlarmActions"]
        topic = system.resource(alarm.stack, action)
        assert topic.stack.region == alarm.stack.region
        assert _may_publish(system, topic, "cloudwatch.amazonaws.com"), alarm.logical_id


def test_each_region_publishes_every_job_that_failed_and_no_other(system):
    rules = {
        rule.stack.region: rule
        for rule in system.of_type("AWS::Events::Rule")
        if rule.properties["EventPattern"]["source"] == ["aws.backup"]
    }
    assert sorted(rules) == sorted(system.regions)
    for rule in rules.values():
        pattern = rule.properties["EventPattern"]
        [target] = rule.properties["Targets"]
        topic = system.resource(rule.stack, target["Arn"])
        assert topic.stack.region == rule.stack.region
        assert _may_publish(system, topic, "events.amazonaws.com")
        [role] = pattern["detail"]["iamRoleArn"]
        assert system.resource(rule.stack, role).stack.name.endswith("-backupplan")
        for (kind, name), bad in EVENTS.items():
            assert kind in pattern["detail-type"]
            for state in bad:
                assert _matches(pattern["detail"], {name: state}), (kind, state)
            for good in ("CREATED", "PENDING", "RUNNING", "COMPLETED"):
                assert not _matches(pattern["detail"], {name: good}), (kind, good)


def _matches(detail, event) -> bool:
    """Whether EventBridge takes the event, but for the role that every such event names."""
    return any(
        all(event.get(name) in allowed for name, allowed in choice.items())
        for choice in detail["$or"]
    )


def _may_publish(system, topic, service: str) -> bool:
    """Whether the topic and the key that seals it let a service publish."""
    policies = [
        policy.properties["PolicyDocument"]
        for policy in system.of_type("AWS::SNS::TopicPolicy")
        if policy.stack is topic.stack and topic.logical_id in json.dumps(policy.properties)
    ]
    key = system.resource(topic.stack, topic.properties["KmsMasterKeyId"])
    sealed = key.properties["KeyPolicy"]
    return bool(
        _allowed(policies, service, {"sns:Publish"})
        and _allowed([sealed], service, {"kms:Decrypt", "kms:GenerateDataKey*"})
    )


def _allowed(documents, service: str, actions: set[str]) -> bool:
    for statement in (each for document in documents for each in document["Statement"]):
        if (
            statement["Effect"] == "Allow"
            and service in _listed(statement["Principal"].get("Service"))
            and actions <= _listed(statement["Action"])
        ):
            return True
    return False


def _listed(value) -> set[str]:
    return {value} if isinstance(value, str) else set(value or ())


def test_a_topic_of_operators_has_an_output_to_subscribe_by(system):
    topics = list(system.of_type("AWS::SNS::Topic"))
    assert topics
    for topic in topics:
        outputs = dict(inside(topic.stack.template["Outputs"]))
        assert topic.logical_id in json.dumps(outputs), topic.stack.name


@pytest.mark.parametrize("spoilt", ["AlarmActions", "Targets"])
def test_an_alarm_whose_action_is_taken_away_is_found(production, spoilt):
    part = "backupjobs" if spoilt == "AlarmActions" else "readonly"
    stack = production.part("us-west-2", part)
    kinds = ("AWS::CloudWatch::Alarm",) if spoilt == "AlarmActions" else ("AWS::Events::Rule",)
    kept = [(found, found[spoilt]) for kind in kinds for found in stack.of_type(kind).values()]
    try:
        for found, _ in kept:
            found[spoilt] = []
        assert any(line.startswith(stack.name) for line in without_action(production))
    finally:
        for found, value in kept:
            found[spoilt] = value
