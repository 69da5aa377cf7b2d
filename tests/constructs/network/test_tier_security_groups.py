"""The tiers' groups are handed out sealed: their one file says who reaches whom."""

from __future__ import annotations

import pytest
from aws_cdk import aws_ec2 as ec2

GROUPS = ("public", "edge", "internal", "app", "data", "endpoints")
RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_takes_no_rule_from_outside(network_of, made, name):
    group: ec2.ISecurityGroup = getattr(network_of().security_groups, name)
    group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(22), "A way in")
    group.connections.allow_to_any_ipv4(ec2.Port.all_traffic(), "A way out")
    added = [str(made(kind)) for kind in (*RULES, "AWS::EC2::SecurityGroup")]
    assert "A way" not in "".join(added)


def test_databases_replicate_among_themselves_both_ways(network_of, made):
    network_of()
    for kind, other in zip(RULES, ("Source", "Destination"), strict=True):
        assert any(
            rule["GroupId"] == rule[f"{other}SecurityGroupId"] and rule["FromPort"] == 5432
            for rule in made(kind).values()
        ), kind
