"""What a person would have to remember: each row of the page stands in the templates, and acts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mainstay.database import healing
from service.operations import command
from tests.system.alarms import without_action

PAGE = Path(__file__).parents[2] / "docs" / "housekeeping.md"
_CODE = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """A row of the page: what is remembered, and the resource that does it."""

    what: str
    stack: str  # the end of its name
    kind: str
    claim: str  # what stands in its id or its properties


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0] not in ("what", "---"):
            stack, kind = _CODE.findall(cells[3])
            [claim] = _CODE.findall(cells[4])
            found.append(Row(cells[0], stack, kind, claim))
    return found


def standing(system, row: Row) -> dict[str, Any]:
    """The resources that a row names, by logical id."""
    return {
        logical_id: properties
        for name, stack in system.stacks.items()
        if name.endswith(row.stack)
        for logical_id, properties in stack.of_type(row.kind).items()
        if row.claim in f"{logical_id} {json.dumps(properties)}".replace('\\"', '"')
    }


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.what)
def test_every_row_of_the_page_stands_in_the_templates_and_acts(production_system, row: Row):
    found = standing(production_system, row)
    assert found, f"no {row.kind} of {row.stack} has {row.claim}"
    silent = list(without_action(production_system.assembly))
    for logical_id, properties in found.items():
        match row.kind:
            case "AWS::CloudWatch::Alarm":
                assert not [line for line in silent if line.endswith(f": {logical_id}")]
                assert properties["AlarmActions"], "the rows' alarms notify operators themselves"
            case "AWS::Scheduler::Schedule" | "AWS::Events::Rule":
                assert properties.get("State", "ENABLED") == "ENABLED"
                assert properties.get("Target") or properties.get("Targets")


@pytest.mark.parametrize(
    "row",
    [
        Row("a claim that nothing has", "us-east-1-housekeeping", "AWS::CloudWatch::Alarm", "Nix"),
        Row("a stack that is none", "us-east-1-chores", "AWS::CloudWatch::Alarm", "DaysToExpiry"),
        Row("another type", "us-east-1-housekeeping", "AWS::Events::Rule", "DNSSECInternalFailure"),
    ],
    ids=lambda row: row.what,
)
def test_a_row_that_lies_is_found(production_system, row: Row):
    assert standing(production_system, row) == {}


def test_every_alarm_of_housekeeping_stands_on_the_page(production_system):
    claims = [row.claim for row in rows() if row.kind == "AWS::CloudWatch::Alarm"]
    for name, stack in production_system.stacks.items():
        if not name.endswith("-housekeeping"):
            continue
        for logical_id, properties in stack.of_type("AWS::CloudWatch::Alarm").items():
            text = json.dumps(properties)
            assert any(claim in text for claim in claims), f"{name}: {logical_id}"


def parsed(arguments: list[str]) -> Any:
    """The operation as the command line takes it, which raises SystemExit for what is none."""
    assert arguments[:3] == ["python", "-m", "service.operations"]
    return command.parser().parse_args(arguments[3:])


def test_the_clock_keeps_the_audit_log_in_every_region(system):
    keep = system.environment.databases.transaction.keep_months
    for region in system.regions:
        stack = system.part(region, "housekeeping")
        [schedule] = stack.of_type("AWS::Scheduler::Schedule").values()
        override = json.loads(schedule["Target"]["Input"])["containerOverrides"][0]
        chosen = parsed(override["command"])
        assert (chosen.name, chosen.keep_months) == ("housekeeping", keep)
        assert chosen.publish == system.environment.name
        assert schedule["ScheduleExpression"] == "rate(1 hour)"


def alarms_of(system, region: str) -> list[dict[str, Any]]:
    return list(system.part(region, "housekeeping").of_type("AWS::CloudWatch::Alarm").values())


def test_a_figure_that_nobody_measures_is_in_alarm_where_the_stores_take_writes(system):
    for region in system.regions:
        treated = {
            alarm["TreatMissingData"]
            for alarm in system.part(region, "housekeeping")
            .of_type("AWS::CloudWatch::Alarm")
            .values()
            if alarm.get("Namespace") == f"Mainstay/{system.environment.name}/Databases"
        }
        primary = region == system.regions[0]
        assert treated == {"breaching" if primary else "notBreaching"}, region


def heal_rules(system, region: str) -> list[dict[str, Any]]:
    rules = system.part(region, "readonly").of_type("AWS::Events::Rule").values()
    return [rule for rule in rules if "heal" in json.dumps(rule.get("Targets"))]


def test_the_end_of_a_failover_of_every_master_starts_heal_and_so_does_a_broken_link(system):
    primary, *others = system.regions
    assert not any(heal_rules(system, region) for region in others)
    found = heal_rules(system, primary)
    if system.environment.databases.entity.master_b is None:
        assert found == []
        return
    by_source = {rule["EventPattern"]["source"][0]: rule for rule in found}
    assert set(by_source) == {"aws.rds", "aws.cloudwatch"}
    for rule in found:
        [target] = rule["Targets"]
        override = json.loads(target["Input"])["containerOverrides"][0]
        chosen = parsed(override["command"])
        assert (chosen.name, chosen.unattended, chosen.timeout) == ("heal", True, 600)
        assert target["EcsParameters"]["LaunchType"] == "FARGATE"
    failover = by_source["aws.rds"]["EventPattern"]["detail"]
    assert failover["EventID"] == list(healing.OVER)
    masters = {
        cluster.properties["DBClusterIdentifier"]
        for cluster in system.of_type("AWS::RDS::DBCluster", primary)
        if cluster.stack.name.endswith(("-entitya", "-entityb"))
    }
    assert {arn.rpartition(":")[2] for arn in failover["SourceArn"]} == masters
    alarms = json.dumps(by_source["aws.cloudwatch"]["EventPattern"]["resources"])
    assert {name for name in ("BrokenA", "BrokenB", "BrokenDelayed") if name in alarms} == {
        "BrokenA",
        "BrokenB",
    }


def test_a_task_that_a_rule_started_and_that_fails_is_a_message(system):
    for region in system.regions:
        stack = system.part(region, "housekeeping")
        [rule] = [
            each
            for each in stack.of_type("AWS::Events::Rule").values()
            if each["EventPattern"]["source"] == ["aws.ecs"]
        ]
        [target] = rule["Targets"]
        topic = system.resource(stack, target["Arn"])
        assert topic.stack.region == region
        detail = rule["EventPattern"]["detail"]
        cluster = system.resource(stack, detail["clusterArn"][0])
        assert cluster.stack.name.endswith("-operations")


# --------------------------------------------------------------------------------- reports


def reporting_roles(system) -> list[Any]:
    return [
        role for role in system.of_type("AWS::IAM::Role") if role.properties.get("Path", "/") != "/"
    ]


def test_every_role_that_asks_reports_is_found_by_its_path_and_no_other(system):
    functions = {
        function.stack.region: function.properties["Environment"]["Variables"]
        for function in system.of_type("AWS::Lambda::Function")
        if "READERS_PATH" in function.properties.get("Environment", {}).get("Variables", {})
    }
    asking = {
        policy.stack.name
        for policy in system.of_type("AWS::IAM::Policy")
        if "redshift-serverless:GetCredentials" in json.dumps(policy.properties)
    }
    if not functions:
        assert not asking
        return
    assert set(functions) == set(system.regions)
    assert {variables["READERS_PATH"] for variables in functions.values()} == {
        role.properties["Path"] for role in reporting_roles(system)
    }
    assert {role.stack.name for role in reporting_roles(system)} == asking
    for region in system.regions:
        variables = functions[region]
        assert ("INTEGRATION" in variables) == (region == system.regions[0])
        tasks = [
            variable
            for definition in system.of_type("AWS::ECS::TaskDefinition", region)
            for container in definition.properties["ContainerDefinitions"]
            for variable in container.get("Environment", ())
            if variable["Name"] == "REPORTING_DATABASE"
        ]
        assert {task["Value"] for task in tasks} == {variables["DATABASE"]}
