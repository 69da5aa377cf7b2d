"""The family that a half runs, and the function that carries new shapes into it."""

from __future__ import annotations

import pytest
from aws_cdk import aws_ecs as ecs

from mainstay.app_tier.live_task_definition import LiveTaskDefinition, LiveTaskDefinitions


@pytest.fixture
def live(stack, network_of, log_group):
    """A service made to run the family "a-family"."""
    network = network_of()
    base = ecs.FargateTaskDefinition(stack, "Base")
    base.add_container("Server", image=ecs.ContainerImage.from_registry("nginx:1.30"))
    cluster = ecs.Cluster(stack, "Cluster", vpc=network.vpc)
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=cluster,
        task_definition=base,
        vpc_subnets=network.subnets("app"),
        security_groups=[network.security_groups.app],
        min_healthy_percent=100,
    )
    definitions = LiveTaskDefinitions(stack, "Definitions", log_group=log_group)
    made = LiveTaskDefinition(stack, "Live", family="a-family", base=base, definitions=definitions)
    made.run_in(service)
    return made


def only(items: dict[str, dict]) -> tuple[str, dict]:
    [found] = items.items()
    return found


def test_the_service_runs_the_newest_revision_of_the_family(live, made):
    _, service = only(made("AWS::ECS::Service"))
    assert service["TaskDefinition"] == "a-family"


def test_the_family_is_not_the_one_that_cloudformation_registers(live, made):
    _, task = only(made("AWS::ECS::TaskDefinition"))
    assert task["Family"] != "a-family"


def test_a_new_shape_and_nothing_else_starts_a_deployment(live, made):
    base, _ = only(made("AWS::ECS::TaskDefinition"))
    _, service = only(made("AWS::ECS::Service"))
    assert service["ForceNewDeployment"]["ForceNewDeploymentNonce"] == {"Ref": base}


def test_the_function_is_told_the_family_and_the_shape(live, made):
    base, _ = only(made("AWS::ECS::TaskDefinition"))
    _, resource = only(made("Custom::LiveTaskDefinition"))
    assert (resource["Family"], resource["Base"]) == ("a-family", {"Ref": base})
    assert int(resource["ServiceTimeout"]) <= 60  # an hour of waiting is the default


def statements(made) -> dict[str, dict]:
    """The function's permissions, by action."""
    [policy] = [
        policy
        for logical_id, policy in made("AWS::IAM::Policy").items()
        if logical_id.startswith("Definitions")
    ]
    found = policy["PolicyDocument"]["Statement"]
    return {str(statement["Action"]): statement for statement in found}


def test_the_function_may_register_in_the_family_alone(live, made):
    statement = statements(made)["ecs:RegisterTaskDefinition"]
    expected = "arn:aws:ecs:us-east-1:111122223333:task-definition/a-family:*"
    assert statement["Resource"] == expected


def test_the_function_may_pass_the_roles_of_the_task_alone(live, made):
    _, task = only(made("AWS::ECS::TaskDefinition"))
    statement = statements(made)["iam:PassRole"]
    assert statement["Resource"] == [task["ExecutionRoleArn"], task["TaskRoleArn"]]


def test_the_function_may_do_nothing_else(live, made):
    assert set(statements(made)) == {
        "['logs:CreateLogStream', 'logs:PutLogEvents']",
        "ecs:DescribeTaskDefinition",
        "ecs:RegisterTaskDefinition",
        "iam:PassRole",
    }
