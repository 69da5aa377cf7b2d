"""Routes: out to the internet, to AWS services, and between the Regions."""

from __future__ import annotations

import pytest

ANYWHERE = "0.0.0.0/0"

# Routes of production to the other Region, by the tier that they start from; each zone has its own.
ROUTES = {
    "us-east-1": {
        "App": {"10.1.96.0/21"},
        "Data": {"10.1.64.0/19", "10.1.96.0/21"},
    },
    "us-west-2": {
        "App": {"10.0.96.0/21"},
        "Data": {"10.0.64.0/19", "10.0.96.0/21"},
    },
}


def routes(system, region: str):
    """(tier and zone of the route table, properties) of every route of a Region."""
    for route in system.of_type("AWS::EC2::Route", region):
        table = system.resource(route.stack, route.properties["RouteTableId"])
        name = table.name.removeprefix("Network").removesuffix("RouteTable")
        yield name, route.properties


def tier_of(table: str) -> str:
    return next(tier for tier in ("Public", "Edge", "App", "Data") if table.startswith(tier))


@pytest.mark.parametrize("region", ROUTES)
def test_routes_between_the_regions_are_exactly_those_of_the_flows(production_system, region):
    found: dict[str, set[str]] = {}
    for table, route in routes(production_system, region):
        if "VpcPeeringConnectionId" in route:
            found.setdefault(table, set()).add(route["DestinationCidrBlock"])
    zones = {"us-east-1": 5, "us-west-2": 2}[region]
    data_zones = {"us-east-1": 5, "us-west-2": 4}[region]
    assert sum(tier_of(table) == "App" for table in found) == zones
    assert sum(tier_of(table) == "Data" for table in found) == data_zones
    for table, destinations in found.items():
        assert destinations == ROUTES[region][tier_of(table)]


def test_every_route_between_the_regions_takes_the_one_link(production_system):
    links = list(production_system.of_type("AWS::EC2::VPCPeeringConnection"))
    assert len(links) == 1
    for stack, _, route in production_system.assembly.of_type("AWS::EC2::Route"):
        if "VpcPeeringConnectionId" in route:
            link = production_system.resource(stack, route["VpcPeeringConnectionId"])
            assert link.logical_id == links[0].logical_id


def test_the_link_joins_the_networks_of_both_regions(production_system):
    link = next(production_system.of_type("AWS::EC2::VPCPeeringConnection"))
    ends = [
        production_system.resource(link.stack, link.properties[name]).stack.region
        for name in ("VpcId", "PeerVpcId")
    ]
    assert ends == ["us-west-2", "us-east-1"]
    assert link.properties["PeerRegion"] == "us-east-1"


def test_a_single_region_has_no_link(assembly_of):
    assert list(assembly_of("dev").of_type("AWS::EC2::VPCPeeringConnection")) == []


def test_only_the_public_tier_has_a_route_to_the_internet_gateway(system):
    for region in system.regions:
        found = {tier_of(table) for table, route in routes(system, region) if "GatewayId" in route}
        assert found == {"Public"}


def test_the_data_tier_has_no_way_to_the_internet(system):
    for region in system.regions:
        for table, route in routes(system, region):
            if tier_of(table) == "Data":
                assert route["DestinationCidrBlock"] != ANYWHERE


def test_production_has_no_nat_gateway(production_system):
    """It calls AWS services alone, through endpoints."""
    assert list(production_system.of_type("AWS::EC2::NatGateway")) == []
    assert list(production_system.of_type("AWS::EC2::EIP")) == []


def test_production_reaches_what_a_task_needs_to_start_through_endpoints(production_system):
    for region in production_system.regions:
        found = {
            str(endpoint.properties["ServiceName"]).rpartition(f"{region}.")[2]
            for endpoint in production_system.of_type("AWS::EC2::VPCEndpoint", region)
            if endpoint.properties["VpcEndpointType"] == "Interface"
        }
        assert {"ecr.api", "ecr.dkr", "logs"} <= found


def test_s3_and_dynamodb_are_reached_through_gateway_endpoints_from_every_private_subnet(system):
    for region in system.regions:
        endpoints = [
            endpoint
            for endpoint in system.of_type("AWS::EC2::VPCEndpoint", region)
            if endpoint.properties["VpcEndpointType"] == "Gateway"
        ]
        assert len(endpoints) == 2
        tables = {
            table.logical_id
            for table in system.of_type("AWS::EC2::RouteTable", region)
            if tier_of(table.name.removeprefix("Network")) != "Public"
        }
        for endpoint in endpoints:
            found = {item["Ref"] for item in endpoint.properties["RouteTableIds"]}
            assert found == tables


def test_a_nat_gateway_in_each_zone_stays_within_the_quota(system):
    for region in system.environment.regions:
        gateways = list(system.of_type("AWS::EC2::NatGateway", region.name))
        expected = len(region.zone_ids) if system.environment.egress == "nat" else 0
        assert len(gateways) == expected <= 5


def test_every_zone_leaves_through_its_own_nat_gateway(system):
    """So that losing a zone takes away no other zone's way out."""
    for region in system.regions:
        for table, route in routes(system, region):
            if "NatGatewayId" in route:
                stack = system.part(region, "network")
                gateway = system.resource(stack, route["NatGatewayId"])
                subnet = system.resource(stack, gateway.properties["SubnetId"])
                zone = subnet.properties["AvailabilityZoneId"].replace("-", "")
                assert table.endswith(zone)


def test_all_traffic_of_every_network_is_logged(system):
    for region in system.regions:
        log = list(system.of_type("AWS::EC2::FlowLog", region))
        networks = list(system.of_type("AWS::EC2::VPC", region))
        assert [item.properties["ResourceId"] for item in log] == [
            {"Ref": network.logical_id} for network in networks
        ]
        assert {item.properties["TrafficType"] for item in log} == {"ALL"}
        group = system.resource(log[0].stack, log[0].properties["LogGroupName"])
        assert group.name == "LogsFlows"
