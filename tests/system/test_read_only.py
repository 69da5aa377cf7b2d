"""READ_ONLY by itself, in every environment: who may ask for it, and what its role cannot do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.control_table import lock, mode
from functions.read_only_events import causes
from functions.read_only_events.causes import EntryCause, EntryKind
from functions.read_only_events.handler import respond
from mainstay.housekeeping import mode_alarm
from mainstay.read_only import automatic_read_only, writer_down
from service.mode import watcher

# Of attributes in an expression of DynamoDB: neither a value's placeholder nor a keyword.
_NAMES = re.compile(r"(?<![:\w])[a-z]+")


def stacks(system):
    """The stack of each Region."""
    return {region: system.part(region, "readonly") for region in system.regions}


def only(found: dict[str, Any]) -> Any:
    [one] = found.values()
    return one


def rule(stack, source: str) -> dict[str, Any] | None:
    """The rule of an event's source that the function obeys, where the Region has one."""
    rules = [
        each["EventPattern"]
        for each in stack.of_type("AWS::Events::Rule").values()
        if "EcsParameters" not in each["Targets"][0]  # those start a task: test_housekeeping.py
    ]
    return next((each for each in rules if each["source"] == [source]), None)


def joined(value: Any) -> str:
    """A text whose references are written as their logical ids."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(joined, parts))
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return name
        case {"Fn::ImportValue": name} | {"Fn::GetStackOutput": {"OutputName": name}}:
            return name
    raise AssertionError(value)


def variables(stack) -> dict[str, str]:
    function = only(stack.of_type("AWS::Lambda::Function"))
    return {name: joined(value) for name, value in function["Environment"]["Variables"].items()}


def test_a_failover_of_every_entity_master_and_of_nothing_else_is_obeyed(system):
    for region, stack in stacks(system).items():
        masters = {
            properties["DBClusterIdentifier"]
            for part in ("entitya", "entityb")
            if (found := f"mainstay-{system.environment.name}-{region}-{part}") in system.stacks
            for properties in system.stacks[found].of_type("AWS::RDS::DBCluster").values()
        }
        pattern = rule(stack, "aws.rds")
        if not masters:
            assert pattern is None, region
            continue
        assert pattern is not None
        assert {arn.rpartition(":")[2] for arn in pattern["detail"]["SourceArn"]} == masters
        assert pattern["detail-type"] == ["RDS DB Cluster Event"]
        assert pattern["detail"]["EventID"] == list(causes.FAILOVERS)
        assert json.loads(variables(stack)["MASTERS"]) == pattern["detail"]["SourceArn"]
    assert rule(stacks(system)[system.regions[0]], "aws.rds")


def test_the_rule_and_the_function_know_the_same_events():
    assert automatic_read_only.FAILOVERS == causes.FAILOVERS


def test_every_alarm_that_is_obeyed_is_known_by_its_kind(system):
    for stack in stacks(system).values():
        pattern = rule(stack, "aws.cloudwatch") or {}
        assert pattern["detail"] == {"state": {"value": ["ALARM"]}}
        known = json.loads(variables(stack)["ALARMS"])
        assert {joined(arn) for arn in pattern["resources"]} == set(known)
        assert set(known.values()) <= set(EntryKind)
        kinds = {name: stack.resources[name]["Properties"].get("MetricName") for name in known}
        for name, metric in kinds.items():
            wanted = {
                None: EntryKind.WRITER,  # the composite alarm
                "ReplicaLag": EntryKind.LAG,
                "AuroraGlobalDBRPOLag": EntryKind.LAG,
                "ReplicaBroken": EntryKind.BROKEN,
                "OldestReplicationSlotLag": EntryKind.BROKEN,
            }
            assert known[name] == wanted[metric], name


def test_every_region_writes_the_mode_of_every_region_the_primary_s_first(system):
    for stack in stacks(system).values():
        tables = json.loads(variables(stack)["TABLES"])
        assert list(tables) == system.regions


def test_the_standby_watches_what_a_failover_to_it_would_lose(system):
    for region in system.regions[1:]:
        alarms = system.part(region, "readonly").of_type("AWS::CloudWatch::Alarm").values()
        assert [alarm["MetricName"] for alarm in alarms] == ["AuroraGlobalDBRPOLag"]


def test_the_writer_is_down_when_both_sides_say_so(system):
    stack = system.part(system.regions[0], "readonly")
    alarm = only(stack.of_type("AWS::CloudWatch::CompositeAlarm"))
    tasks, restarted = (
        r'ALARM\("WriterDownTasksWithoutWriter\w+"\)',
        (r'\(NOT \(OK\("WriterDownRestarted[AB]\w+"\)\)\)'),
    )
    rule = joined(alarm["AlarmRule"])
    assert re.fullmatch(rf"\({tasks} AND \({restarted}( OR {restarted})*\)\)", rule), rule


def test_the_words_that_are_counted_are_those_that_the_service_logs(system):
    assert writer_down.WORDS == {"event": "mode", "what": watcher.NO_WRITER}
    assert mode_alarm.WORDS == {"event": "mode", "what": watcher.DISAGREES}
    known = {module.METRIC: module.WORDS for module in (writer_down, mode_alarm)}
    found = set()
    for stack in system.stacks.values():
        for counted in stack.of_type("AWS::Logs::MetricFilter").values():
            [metric] = counted["MetricTransformations"]
            found.add(metric["MetricName"])
            for word in known[metric["MetricName"]].values():
                assert f'"{word}"' in counted["FilterPattern"]
    assert found == known.keys()


def test_what_only_operations_can_measure_they_do(system):
    for region, stack in stacks(system).items():
        alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
        commands = [
            json.loads(each["Target"]["Input"])["containerOverrides"][0]["command"]
            for each in stack.of_type("AWS::Scheduler::Schedule").values()
        ]
        lag = ["python", "-m", "service.operations", "lag", "--publish", system.environment.name]
        measured = any(
            alarm["Namespace"] == f"Mainstay/{system.environment.name}/Databases"
            for alarm in alarms
        )
        assert commands == ([lag] if measured else []), region


# ------------------------------------------------------------------------------- what IAM lets it


def statements(stack) -> list[dict[str, Any]]:
    """Those about DynamoDB of every policy in the stack."""
    found = [
        statement
        for policy in stack.of_type("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    return [one for one in found if "dynamodb" in str(one["Action"])]


def lets(stack, action: str, **context: list[str]) -> bool:
    """Whether some statement allows the action in this context, on whichever table.

    As IAM evaluates the three operators that are used (User Guide, "Multivalued context keys").
    """
    for one in statements(stack):
        assert one["Effect"] == "Allow"
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in each for each in actions)
        if action not in actions:
            continue
        held = True
        for operator, keys in one["Condition"].items():
            for key, allowed in keys.items():
                values = context.get(key.removeprefix("dynamodb:"), [])
                wanted = [allowed] if isinstance(allowed, str) else allowed
                assert operator in ("ForAllValues:StringEquals", "StringEqualsIfExists")
                held = held and all(value in wanted for value in values)
        if held:
            return True
    return False


WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate",
          "PartiQLInsert", "PartiQLDelete")  # fmt: skip


@pytest.mark.parametrize("attribute", ["mode", "reason", "by", "at"])
def test_its_role_cannot_write_the_mode_that_a_person_or_an_upgrade_wrote(system, attribute):
    for stack in stacks(system).values():
        for write in WRITES:
            names = ["pk", "sk", attribute, "epoch"]
            assert not lets(stack, f"dynamodb:{write}", LeadingKeys=["mode"], Attributes=names)


def test_its_role_replaces_and_deletes_nothing(system):
    for stack in stacks(system).values():
        for write in set(WRITES) - {"UpdateItem"}:
            assert not lets(stack, f"dynamodb:{write}", LeadingKeys=["mode"])


@pytest.mark.parametrize("item", ["lock", "ack", "journal#r", "shift", "anything"])
def test_its_role_writes_no_other_item(system, item):
    for stack in stacks(system).values():
        for write in WRITES:
            assert not lets(stack, f"dynamodb:{write}", LeadingKeys=[item], Attributes=["held"])


def test_its_role_lets_it_do_all_that_it_does(system):
    """Each call of the code, as it is sent, is one that the policy allows."""
    sent: list[tuple[str, dict[str, Any]]] = []
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        dynamodb.create_table(
            TableName="control",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        now = datetime(2026, 11, 25, tzinfo=UTC)
        mode.begin(dynamodb, "control", by="bootstrap", at=now)
        lock.acquire(dynamodb, "control", holder="ana", token="upgrade r", at=now)
        dynamodb.meta.events.register(
            "provide-client-params.dynamodb.*",
            lambda params, model, **_: sent.append((f"dynamodb:{model.name}", dict(params))),
        )
        sns = boto3.client("sns", region_name="us-east-1")
        topic = sns.create_topic(Name="operators")["TopicArn"]
        for kind in EntryKind:
            respond(
                EntryCause(kind=kind, by="b", reason="r", at=now),
                tables={"us-east-1": "control"},
                topic=topic,
                client=lambda service, _: dynamodb if service == "dynamodb" else sns,
                now=now,
            )
    assert {action for action, _ in sent} == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    for stack in stacks(system).values():
        for action, call in sent:
            words = f"{call.get('UpdateExpression', '')} {call.get('ConditionExpression', '')}"
            written = sorted({*call["Key"], *_NAMES.findall(words)})
            key = [call["Key"]["pk"]["S"]]
            assert lets(stack, action, LeadingKeys=key, Attributes=written), (action, written)
