"""The operations' task and the operations themselves agree: variables, nodes, passwords."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from service.operations.environment import STORES, nodes_of


class Secrets:
    """Every secret of the environment, as Secrets Manager answers for it in each Region."""

    def __init__(self, system: Any, region: str) -> None:
        self._words = {
            secret.properties["Name"]: json.loads(
                secret.properties["GenerateSecretString"]["SecretStringTemplate"]
            )
            for secret in system.of_type("AWS::SecretsManager::Secret")
            if secret.stack.region == region
            or any(copy["Region"] == region for copy in secret.properties.get("ReplicaRegions", ()))
        }

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 (as boto3 names it)
        word = {**self._words[SecretId], "password": f"of {SecretId}"}
        return {"SecretString": json.dumps(word)}


def variables_of(system: Any, region: str) -> dict[str, str]:
    """As the task sees them; an address that is a reference is some host."""
    task = system.part(region, "operations").of_type("AWS::ECS::TaskDefinition")
    [definition] = task.values()
    [container] = definition["ContainerDefinitions"]
    return {
        item["Name"]: item["Value"] if isinstance(item["Value"], str) else "host.example"
        for item in container["Environment"]
    }


def test_the_operations_find_every_node_of_their_region_with_its_password(system):
    for region in system.regions:
        nodes = nodes_of(variables_of(system, region), Secrets(system, region))
        assert set(nodes) <= set(STORES)
        assert {"entity-a", "transaction"} <= set(nodes)
        for node in nodes.values():
            login = conninfo_to_dict(node.dsn)
            assert (login["user"], login["dbname"]) == ("mainstay", "mainstay")
            assert str(login["password"]).startswith("of mainstay-")
            assert node.replication_password.endswith("-entity/replication")


def test_operations_verify_every_server_that_an_authority_has_signed(system):
    for region in system.regions:
        variables = variables_of(system, region)
        assert variables["PGSSLMODE"] == "verify-full"
        for node in nodes_of(variables, Secrets(system, region)).values():
            login = conninfo_to_dict(node.dsn)
            assert login.get("sslmode") == (None if node.cluster else "require"), node.name


@pytest.mark.parametrize("environment", ["production", "small"])
def test_a_copy_has_the_password_of_what_it_is_a_copy_of(systems, environment):
    system = systems(environment)
    here, there = (
        nodes_of(variables_of(system, region), Secrets(system, region)) for region in system.regions
    )
    for name in ("entity-a", "transaction", "follower", "delayed"):
        passwords = {conninfo_to_dict(nodes[name].dsn)["password"] for nodes in (here, there)}
        assert len(passwords) == 1, name
    assert here["entity-a"].cluster != there["entity-a"].cluster
    assert {here["delayed"].host} == {there["delayed"].host}


def test_the_replicas_addresses_lie_in_their_zones(production_system):
    delayed = production_system.environment.databases.delayed
    variables = variables_of(production_system, "us-west-2")
    for name, zone in (("FOLLOWER", delayed.follower_zone), ("DELAYED", delayed.delayed_zone)):
        [subnet] = [
            item
            for item in production_system.of_type("AWS::EC2::Subnet", "us-west-2")
            if item.properties["AvailabilityZoneId"] == zone
        ]
        prefix = subnet.properties["CidrBlock"].rpartition(".")[0]
        assert variables[f"{name}_HOST"] == f"{prefix}.250"


@pytest.mark.parametrize("environment", ["production", "small"])
def test_whoever_waits_for_an_operation_may_read_what_it_printed(systems, environment):
    """The first start in each Region, and the upgrade in the primary: a failure's last line."""
    system = systems(environment)
    for region in system.regions:
        written = _log_group(system, region)
        readers = ["operations"] + (["upgrade"] if region == system.regions[0] else [])
        for name in readers:
            stack = system.part(region, name)
            read = [
                system.resource(stack, resource)
                for actions, resources in _allowed(stack)
                for resource in resources
                if "logs:GetLogEvents" in actions
            ]
            assert read == [written], f"{name} in {region}"
            asked = {action for actions, _ in _allowed(stack) for action in actions}
            assert {"ecs:DescribeTaskDefinition", "ecs:DescribeTasks"} <= asked


def _log_group(system: Any, region: str) -> Any:
    stack = system.part(region, "operations")
    [definition] = stack.of_type("AWS::ECS::TaskDefinition").values()
    [container] = definition["ContainerDefinitions"]
    return system.resource(stack, container["LogConfiguration"]["Options"]["awslogs-group"])


def _allowed(stack: Any) -> list[tuple[list[str], list[Any]]]:
    return [
        (_listed(statement["Action"]), _listed(statement["Resource"]))
        for policy in stack.of_type("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
