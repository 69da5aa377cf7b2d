"""An environment in which a migration from a legacy edge is on: one stack more, and no other."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from assembly.reader import Assembly, read
from migration.traffic_shift import handler

ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/legacy/0123456789abcdef"
LEGACY_EDGE = f'LegacyEdge(target_group_arn="{ARN}", cidr="10.16.96.0/20", port=8443)'


@pytest.fixture(scope="module")
def migrating(clone_of_repository) -> Assembly:
    """`dev` with a legacy edge, edited in and started as the runbook says, past every gate."""
    clone = clone_of_repository()
    file = "config/environments.py"
    clone.edit(file, "import Environment, FrontDoor,", "import Environment, FrontDoor, LegacyEdge,")
    zones = '            zone_ids=("use1-az1", "use1-az2"),\n'
    clone.edit(file, zones, f"{zones}            legacy_edge={LEGACY_EDGE},\n")
    started = clone.start()
    assert started.exit_code == 0, started.output
    assert "WARNING" not in started.output
    return read(clone.assembly)


@pytest.fixture(scope="module")
def shift(migrating):
    return migrating.part("us-east-1", "shift")


def only(stack, kind: str) -> dict[str, Any]:
    [found] = stack.of_type(kind).values()
    return found


def test_every_other_stack_makes_what_it_made_before(migrating, assembly_of):
    """So destroying the stack ends the migration and touches nothing else."""
    before = assembly_of("dev").stacks
    assert set(migrating.stacks) == {*before, "mainstay-dev-us-east-1-shift"}
    for name, stack in before.items():
        assert migrating.stacks[name].resources == stack.resources, name


def test_no_stack_needs_the_migration(migrating, shift):
    for stack in migrating.stacks.values():
        assert shift.name not in stack.dependencies


def test_a_person_must_mean_it_to_destroy_what_decides_who_serves(shift):
    assert shift.termination_protection is True


def test_it_begins_with_everything_at_the_legacy_chain(shift):
    rule = only(shift, "AWS::ElasticLoadBalancingV2::ListenerRule")
    [action] = rule["Actions"]
    legacy, new = action["ForwardConfig"]["TargetGroups"]
    assert (legacy["TargetGroupArn"], legacy["Weight"]) == (ARN, 100)
    assert ("Targets" in str(new["TargetGroupArn"]), new["Weight"]) == (True, 0)


def test_no_edit_has_a_reason_to_write_the_live_weights(shift):
    rule = only(shift, "AWS::ElasticLoadBalancingV2::ListenerRule")
    assert set(rule) == {"Actions", "Conditions", "ListenerArn", "Priority"}


def test_both_chains_are_seen_in_the_one_log_of_the_balancer(shift, migrating):
    variables = only(shift, "AWS::Lambda::Function")["Environment"]["Variables"]
    balancers = migrating.part("us-east-1", "edge").of_type(
        "AWS::ElasticLoadBalancingV2::LoadBalancer"
    )
    [attributes] = [item["LoadBalancerAttributes"] for item in balancers.values()]
    written = {item["Key"]: item["Value"] for item in attributes}
    assert variables["LOG_FOLDER"].split("/AWSLogs/") == [
        written["access_logs.s3.prefix"],
        "111122223333/elasticloadbalancing/us-east-1",
    ]


def test_the_function_gets_the_variables_that_it_reads_and_no_others(shift):
    given = set(only(shift, "AWS::Lambda::Function")["Environment"]["Variables"])
    source = ast.parse(inspect.getsource(handler))
    read = {
        node.slice.value
        for node in ast.walk(source)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and getattr(node.value, "id", "") == "environment"
    }
    assert given == read


def test_the_clock_turns_it_every_minute_and_an_alarm_takes_it_back(shift):
    rules = list(shift.of_type("AWS::Events::Rule").values())
    [clock] = [rule for rule in rules if "ScheduleExpression" in rule]
    [alarm] = [rule for rule in rules if "EventPattern" in rule]
    assert clock["ScheduleExpression"] == "rate(1 minute)"
    assert json.loads(clock["Targets"][0]["Input"]) == {"command": "tick"}
    pattern = alarm["EventPattern"]
    assert pattern["detail-type"] == ["CloudWatch Alarm State Change"]
    assert pattern["detail"] == {"state": {"value": ["ALARM"]}}
    assert "Failing" in str(pattern["resources"])
    [function] = shift.of_type("AWS::Lambda::Function")
    for rule in rules:
        assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [function, "Arn"]}


def test_it_may_write_the_one_rule_and_its_own_item(shift):
    policy = only(shift, "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    by_action = {
        action: statement
        for statement in policy
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    assert set(by_action) == {
        "cloudwatch:DescribeAlarms",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:ModifyRule",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
    }
    [rule] = shift.of_type("AWS::ElasticLoadBalancingV2::ListenerRule")
    assert by_action["elasticloadbalancing:ModifyRule"]["Resource"] == {"Ref": rule}
    item = by_action["dynamodb:PutItem"]["Condition"]["ForAllValues:StringLike"]
    assert item == {"dynamodb:LeadingKeys": ["shift"]}


def test_the_balancer_may_reach_the_legacy_servers_and_no_more_of_their_network(shift):
    rule = only(shift, "AWS::EC2::SecurityGroupEgress")
    reach = (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"])
    assert reach == ("10.16.96.0/20", "tcp", 8443, 8443)


def test_a_shift_that_has_stopped_turning_is_an_alarm(shift):
    alarm = only(shift, "AWS::CloudWatch::Alarm")
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("Errors", "breaching")
    runbook = alarm["AlarmDescription"].rpartition(" ")[2]
    assert (Path(__file__).parents[2] / runbook).is_file()


def test_an_output_is_the_command_that_a_person_types(shift):
    [output] = [item for key, item in shift.template["Outputs"].items() if "Command" in key]
    assert '"command": "status"' in json.dumps(output["Value"]).replace("\\", "")
