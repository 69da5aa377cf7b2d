"""Two halves behind one internal load balancer, and what a deploy leaves to operations."""

from __future__ import annotations

import re

import pytest

HALVES = {"blue", "green"}


@pytest.fixture(scope="session")
def app_stacks(system):
    return [system.part(region, "app") for region in system.regions]


def weights_of(stack) -> tuple[str, dict]:
    [(logical_id, rule)] = stack.of_type("AWS::ElasticLoadBalancingV2::ListenerRule").items()
    return logical_id, rule


def without_hashes(value):
    """Logical ids without what the CDK appends to them."""
    if isinstance(value, dict):
        return {key: without_hashes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_hashes(inner) for inner in value]
    return re.sub(r"[0-9A-F]{8}$", "", value) if isinstance(value, str) else value


def test_every_region_has_two_halves_behind_one_internal_load_balancer(system, app_stacks):
    for stack in app_stacks:
        services = stack.of_type("AWS::ECS::Service").values()
        assert {service["TaskDefinition"].rpartition("-")[2] for service in services} == HALVES
        [balancer] = stack.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
        assert balancer["Scheme"] == "internal"


def test_both_halves_take_half_of_every_path(app_stacks):
    for stack in app_stacks:
        _, rule = weights_of(stack)
        assert rule["Conditions"] == [
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
        ]
        [action] = rule["Actions"]
        groups = action["ForwardConfig"]["TargetGroups"]
        assert [group["Weight"] for group in groups] == [50, 50]
        services = stack.of_type("AWS::ECS::Service").values()
        served = [service["LoadBalancers"][0]["TargetGroupArn"] for service in services]
        assert [group["TargetGroupArn"] for group in groups] == served


def test_without_either_half_the_answer_is_503(app_stacks):
    for stack in app_stacks:
        [listener] = stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
        [action] = listener["DefaultActions"]
        assert action["FixedResponseConfig"] == {"StatusCode": "503"}


def test_the_weights_stand_in_a_rule_that_nothing_else_has_reason_to_edit(system, app_stacks):
    """CloudFormation writes the template's weights again with any edit of their rule."""
    for stack in app_stacks:
        _, rule = weights_of(stack)
        assert set(rule) == {"Actions", "Conditions", "ListenerArn", "Priority"}
        for word in (system.environment.name, system.environment.domain, stack.region):
            assert word not in str(without_hashes(rule))


@pytest.mark.parametrize("environment", ["production", "small", "dev"])
def test_the_rule_of_the_weights_is_the_same_in_every_environment_and_region(systems, environment):
    [expected] = {str(without_hashes(weights_of(systems("dev").part("us-east-1", "app"))[1]))}
    system = systems(environment)
    for region in system.regions:
        assert str(without_hashes(weights_of(system.part(region, "app"))[1])) == expected


def test_a_half_runs_the_newest_release_of_its_family(system, app_stacks):
    """A family without a revision: no update of the service takes a release back."""
    for stack in app_stacks:
        for service in stack.of_type("AWS::ECS::Service").values():
            pattern = f"mainstay-{system.environment.name}-(blue|green)"
            assert re.fullmatch(pattern, service["TaskDefinition"])


def test_nothing_runs_the_family_that_cloudformation_registers(app_stacks):
    """Its image is the template's, and so older than any release."""
    for stack in app_stacks:
        run = {item["TaskDefinition"] for item in stack.of_type("AWS::ECS::Service").values()}
        for task in stack.of_type("AWS::ECS::TaskDefinition").values():
            assert task["Family"] not in run


def test_a_new_shape_reaches_the_family_and_then_the_tasks(app_stacks):
    for stack in app_stacks:
        live = {
            item["Family"]: (logical_id, item["Base"])
            for logical_id, item in stack.of_type("Custom::LiveTaskDefinition").items()
        }
        for logical_id, service in stack.of_type("AWS::ECS::Service").items():
            resource, base = live[service["TaskDefinition"]]
            assert service["ForceNewDeployment"] == {
                "EnableForceNewDeployment": True,
                "ForceNewDeploymentNonce": base,
            }
            assert resource in stack.resources[logical_id]["DependsOn"]


def test_a_half_s_tasks_are_told_which_they_are(app_stacks):
    for stack in app_stacks:
        told = set()
        for task in stack.of_type("AWS::ECS::TaskDefinition").values():
            [container] = task["ContainerDefinitions"]
            variables = {item["Name"]: item["Value"] for item in container["Environment"]}
            told.add(variables["HALF"])
            assert variables["PORT"] == str(container["PortMappings"][0]["ContainerPort"])
        assert told == HALVES


def test_services_wait_for_the_listener_and_its_rule(app_stacks):
    """Amazon ECS refuses a service whose target group no load balancer uses."""
    for stack in app_stacks:
        rule, _ = weights_of(stack)
        [listener] = stack.of_type("AWS::ElasticLoadBalancingV2::Listener")
        for logical_id in stack.of_type("AWS::ECS::Service"):
            assert {rule, listener} <= set(stack.resources[logical_id]["DependsOn"])


def test_the_function_that_registers_may_do_so_for_its_two_families_alone(system, app_stacks):
    for stack in app_stacks:
        statements = [
            statement
            for policy in stack.of_type("AWS::IAM::Policy").values()
            for statement in policy["PolicyDocument"]["Statement"]
            if "ecs:RegisterTaskDefinition" in statement["Action"]
        ]
        [statement] = statements
        name, account = system.environment.name, system.environment.account
        families = f"arn:aws:ecs:{stack.region}:{account}:task-definition/mainstay-{name}"
        assert statement["Action"] == "ecs:RegisterTaskDefinition"
        assert statement["Resource"] == [f"{families}-blue:*", f"{families}-green:*"]


def test_nothing_in_a_template_names_a_tenant(system):
    """A new tenant is a name below the domain, and needs no deployment."""
    pattern = re.compile(rf"([\w*-]+)\.{re.escape(system.environment.domain)}")
    below = {
        name for stack in system.stacks.values() for name in pattern.findall(str(stack.template))
    }
    assert below - set(system.regions) == {"*", "app-tier"}
