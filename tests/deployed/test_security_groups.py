"""Who may speak to whom, as Amazon EC2 of the deployed production describes it."""

import pytest

from config.environments import PRODUCTION

_REGIONS = [region.name for region in PRODUCTION.regions]
_TIERS = (
    *("Public", "Edge", "Internal", "App", "Worker", "Operations"),
    *("Entity", "Transaction", "Data", "Replica", "Endpoints"),
)

# Which tier opens which port to which: everything else is closed.
_EDGES = {
    ("Public", "Edge", 8443),
    ("Edge", "Internal", 443),
    ("Edge", "Endpoints", 443),
    ("Internal", "App", 8080),
    ("App", "Entity", 5432),
    ("App", "Transaction", 5432),
    ("Worker", "Transaction", 5432),
    ("Worker", "Endpoints", 443),
    ("Operations", "Data", 5432),
    ("Operations", "Internal", 443),
    ("Operations", "Endpoints", 443),
    ("App", "Endpoints", 443),
    ("Data", "Data", 5432),
    ("Replica", "Endpoints", 443),
}


@pytest.fixture(params=_REGIONS)
def groups(deployed, request) -> dict[str, dict]:
    """By tier: the Region's group as described."""
    found = deployed.client("ec2", request.param).describe_security_groups()["SecurityGroups"]
    by_id = {group["GroupId"]: group for group in found}
    return {
        tier: by_id[deployed.named(request.param, "network", f"NetworkGroups{tier}").ref]
        for tier in _TIERS
    }


def _edges(groups: dict[str, dict], direction: str) -> set[tuple[str, str, int]]:
    tier_of = {group["GroupId"]: tier for tier, group in groups.items()}
    return {
        (tier, tier_of[pair["GroupId"]], rule["ToPort"])
        for tier, group in groups.items()
        for rule in group[direction]
        for pair in rule["UserIdGroupPairs"]
    }


def _ranges(group: dict, direction: str) -> set[tuple[str, str, int]]:
    return {
        (one["CidrIp"], rule["IpProtocol"], rule["ToPort"])
        for rule in group[direction]
        for one in rule["IpRanges"]
    }


def test_each_tier_is_reached_by_the_tier_before_it_only(groups):
    heard = {(source, tier, port) for tier, source, port in _edges(groups, "IpPermissions")}
    assert heard == _EDGES


def test_each_tier_speaks_to_the_tier_behind_it_only(groups):
    assert _edges(groups, "IpPermissionsEgress") == _EDGES


def test_only_the_public_load_balancer_is_open_to_the_internet(groups):
    everyone = "0.0.0.0/0"
    opened = {
        (tier, port)
        for tier, group in groups.items()
        for cidr, _, port in _ranges(group, "IpPermissions")
        if cidr == everyone
    }
    assert opened == {("Public", 443), ("Public", 80)}


def test_no_group_keeps_the_rule_that_reaches_everything(groups):
    for tier, group in groups.items():
        protocols = {rule["IpProtocol"] for rule in group["IpPermissionsEgress"]}
        assert protocols
        assert "-1" not in protocols, tier


def test_the_other_region_reaches_databases_and_nothing_else(deployed, groups):
    """Peered addresses appear in rules as ranges, for port 5432 alone."""
    for tier, group in groups.items():
        for direction in ("IpPermissions", "IpPermissionsEgress"):
            private = {
                (protocol, port)
                for cidr, protocol, port in _ranges(group, direction)
                if cidr.startswith("10.")
            }
            assert private <= {("tcp", 5432)}
            if private and direction == "IpPermissions":
                assert tier in ("Data", "Entity", "Transaction")


def test_every_standalone_rule_is_in_its_group(deployed):
    for kind, direction in (
        ("AWS::EC2::SecurityGroupIngress", "IpPermissions"),
        ("AWS::EC2::SecurityGroupEgress", "IpPermissionsEgress"),
    ):
        for rule in deployed.of_type(kind):
            groups = deployed.client("ec2", rule.region).describe_security_groups()
            described = {
                peer.get("Description")
                for group in groups["SecurityGroups"]
                for one in group[direction]
                for peer in (*one["IpRanges"], *one["UserIdGroupPairs"])
            }
            assert rule.properties["Description"] in described
