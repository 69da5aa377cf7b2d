"""The control table: what is kept of it, and what each grant opens."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from mainstay.interfaces import principal
from mainstay.read_only.control_table import ControlTable


@pytest.fixture
def control(stack) -> ControlTable:
    return ControlTable(stack, "Control", removal_policy=cdk.RemovalPolicy.RETAIN)


@pytest.fixture
def role(stack) -> iam.Role:
    return iam.Role(stack, "Role", assumed_by=principal("ecs-tasks.amazonaws.com"))


def opened(stack) -> list[tuple[set[str], set[str]]]:
    """What the role may do: actions, and the first words of the items that it may do it to."""
    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    found = []
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        assert "Fn::GetAtt" in statement["Resource"]
        [(test, keys)] = statement["Condition"].items()
        assert (test, list(keys)) == ("ForAllValues:StringLike", ["dynamodb:LeadingKeys"])
        actions, items = statement["Action"], keys["dynamodb:LeadingKeys"]
        found.append((set([actions] if isinstance(actions, str) else actions), set(items)))
    return found


def test_the_table_stays_when_its_stack_goes(stack, control):
    template = Template.from_stack(stack)
    template.has_resource(
        "AWS::DynamoDB::GlobalTable",
        {
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"Replicas": [Match.object_like({"DeletionProtectionEnabled": True})]},
        },
    )


def test_where_nothing_is_kept_it_can_be_deleted(stack):
    ControlTable(stack, "Control", removal_policy=cdk.RemovalPolicy.DESTROY)
    [table] = Template.from_stack(stack).find_resources("AWS::DynamoDB::GlobalTable").values()
    assert table["DeletionPolicy"] == "Delete"
    assert table["Properties"]["Replicas"][0]["DeletionProtectionEnabled"] is False


def test_it_stands_in_one_region_alone(stack, control, made):
    [table] = made("AWS::DynamoDB::GlobalTable").values()
    assert [replica["Region"] for replica in table["Replicas"]] == ["us-east-1"]


def test_cloudformation_writes_no_item(stack, control):
    assert set(Template.from_stack(stack).to_json()["Resources"]) == {"ControlTable70B6FEE0"}


def test_who_follows_the_mode_may_read_it_and_say_so(stack, control, role):
    variables = control.grant_follow_mode(role)
    assert list(variables) == ["CONTROL_TABLE"]
    assert opened(stack) == [({"dynamodb:GetItem"}, {"mode"}), ({"dynamodb:PutItem"}, {"ack"})]


def test_who_changes_the_mode_may_not_forge_an_acknowledgement(stack, control, role):
    control.grant_change_mode(role)
    assert opened(stack) == [
        ({"dynamodb:GetItem", "dynamodb:PutItem"}, {"mode"}),
        ({"dynamodb:Query"}, {"ack"}),
    ]


def test_an_upgrade_alone_touches_lock_and_journal(stack, control, role):
    control.grant_upgrade(role)
    [(actions, items)] = opened(stack)
    assert items == {"lock", "journal#*"}
    assert {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"} <= actions
    assert "dynamodb:Scan" not in actions
