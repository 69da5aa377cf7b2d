"""Who may speak to whom: no tier reaches past its neighbour."""

from __future__ import annotations

import pytest

ANYWHERE = "0.0.0.0/0"

# Every permitted conversation inside a Region: from, to, port. Nothing else may be admitted.
CHAIN = {
    (ANYWHERE, "Public", 443),
    (ANYWHERE, "Public", 80),  # answered with a redirect
    ("Public", "Edge", 8443),
    ("Edge", "Internal", 443),
    ("Internal", "App", 8080),
    ("App", "Entity", 5432),
    ("App", "Transaction", 5432),
    ("Worker", "Transaction", 5432),
    ("Operations", "Data", 5432),
    ("Operations", "Internal", 443),  # the smoke test of an upgrade
    ("Data", "Data", 5432),
    ("Edge", "Endpoints", 443),
    ("App", "Endpoints", 443),
    ("Worker", "Endpoints", 443),
    ("Operations", "Endpoints", 443),
    ("Replica", "Endpoints", 443),
}
# What may leave besides: TLS to AWS services, through a NAT gateway or gateway endpoints.
TO_AWS = {(name, ANYWHERE, 443) for name in ("Edge", "App", "Worker", "Operations", "Replica")}

# What one Region admits from the other's tiers in production.
FROM_PEER = {
    "us-east-1": {
        ("10.1.64.0/19", "Entity", 5432),
        ("10.1.64.0/19", "Transaction", 5432),
        ("10.1.96.0/21", "Data", 5432),
    },
    "us-west-2": {("10.0.64.0/19", "Data", 5432)},
}
TO_PEER = {
    "us-east-1": {("Operations", "10.1.96.0/21", 5432)},
    "us-west-2": {(name, "10.0.96.0/21", 5432) for name in ("Data", "App", "Worker")},
}
NOTHING = "Disallow all traffic"  # how the CDK writes a group without any way out


def group_name(system, stack, value) -> str:
    """Such as Edge, of us-east-1's NetworkGroupsEdgeA9833F8E."""
    group = system.resource(stack, value)
    assert group.stack.region == stack.region
    return group.name.removeprefix("NetworkGroups")


def rules(system, region: str, direction: str) -> set[tuple[str, str, int]]:
    """(from, to, port) of every rule of a Region, inline or a resource of its own."""
    found = set()

    def add(stack, own: str, rule: dict) -> None:
        if rule.get("Description") == NOTHING:
            return
        assert rule["IpProtocol"] == "tcp", rule
        assert rule["FromPort"] == rule["ToPort"], rule
        side = "Source" if direction == "Ingress" else "Destination"
        other = rule.get("CidrIp") or group_name(system, stack, rule[f"{side}SecurityGroupId"])
        pair = (other, own) if direction == "Ingress" else (own, other)
        found.add((*pair, rule["FromPort"]))

    for group in system.of_type("AWS::EC2::SecurityGroup", region):
        for rule in group.properties.get(f"SecurityGroup{direction}", ()):
            add(group.stack, group.name.removeprefix("NetworkGroups"), rule)
    for rule in system.of_type(f"AWS::EC2::SecurityGroup{direction}", region):
        own = group_name(system, rule.stack, rule.properties["GroupId"])
        add(rule.stack, own, rule.properties)
    return found


def test_each_tier_is_reached_by_its_neighbour_alone(system):
    for region in system.regions:
        admitted = rules(system, region, "Ingress")
        inside = {rule for rule in admitted if rule[0] in (ANYWHERE, *groups(system, region))}
        assert inside == CHAIN


def test_each_tier_reaches_its_neighbour_alone(system):
    for region in system.regions:
        allowed = rules(system, region, "Egress")
        inside = {rule for rule in allowed if rule[1] in (ANYWHERE, *groups(system, region))}
        assert inside == {rule for rule in CHAIN if rule[0] != ANYWHERE} | TO_AWS


@pytest.mark.parametrize("region", FROM_PEER)
def test_a_region_admits_from_the_other_exactly_the_listed_flows(production_system, region):
    admitted = rules(production_system, region, "Ingress")
    assert admitted - CHAIN == FROM_PEER[region]


@pytest.mark.parametrize("region", TO_PEER)
def test_a_region_reaches_in_the_other_exactly_the_listed_flows(production_system, region):
    assert rules(production_system, region, "Egress") - CHAIN - TO_AWS == TO_PEER[region]


def test_only_the_public_load_balancer_admits_the_internet(system):
    for region in system.regions:
        admitted = rules(system, region, "Ingress")
        assert {rule[1] for rule in admitted if rule[0] == ANYWHERE} == {"Public"}


def test_each_store_is_reached_by_its_clients_alone(system):
    """And each of its servers carries the group that says so, beside that of all databases."""
    clients = {"Data": {"Operations", "Data"}, "Entity": {"App"}, "Transaction": {"App", "Worker"}}
    for region in system.regions:
        admitted = rules(system, region, "Ingress")
        for store, expected in clients.items():
            reached = {rule[0] for rule in admitted if rule[1] == store}
            assert reached & groups(system, region) == expected
    for cluster in system.of_type("AWS::RDS::DBCluster"):
        part = cluster.stack.name.rpartition("-")[2].capitalize()
        store = next((name for name in ("Entity", "Transaction") if part.startswith(name)), None)
        carried = [
            group_name(system, cluster.stack, item)
            for item in cluster.properties["VpcSecurityGroupIds"]
        ]
        assert carried == ["Data", *([store] if store else [])]


def test_no_group_keeps_the_way_out_that_ec2_gives_by_default(system):
    """EC2 lets everything out of a group for which no rule is written."""
    for region in system.regions:
        written = {rule[0] for rule in rules(system, region, "Egress")}
        for group in system.of_type("AWS::EC2::SecurityGroup", region):
            name = group.name.removeprefix("NetworkGroups")
            assert name in written or NOTHING in str(group.properties["SecurityGroupEgress"])


def test_tasks_and_balancers_carry_the_group_of_their_tier_alone(system):
    for service in (*system.services(), *system.workers()):
        network = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        names = [group_name(system, service.stack, item) for item in network["SecurityGroups"]]
        assert names == [system.tier_of(service).capitalize()]
    for balancer in system.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        expected = "Public" if balancer.properties["Scheme"] == "internet-facing" else "Internal"
        groups_ = balancer.properties["SecurityGroups"]
        assert [group_name(system, balancer.stack, item) for item in groups_] == [expected]


def test_the_default_security_group_is_closed(system):
    for region in system.regions:
        closers = list(system.of_type("Custom::VpcRestrictDefaultSG", region))
        assert len(closers) == 1
        closed = closers[0].properties["DefaultSecurityGroupId"]
        assert closed["Fn::GetAtt"][1] == "DefaultSecurityGroup"


def groups(system, region: str) -> set[str]:
    found = system.of_type("AWS::EC2::SecurityGroup", region)
    return {group.name.removeprefix("NetworkGroups") for group in found}
