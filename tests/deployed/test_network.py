"""The network, as Amazon EC2 of the deployed production describes it."""

from config.environments import PRODUCTION

_TIERS = ("public", "edge", "app", "data")
_REGIONS = PRODUCTION.regions


def _described(deployed, region: str, call: str, key: str, **arguments) -> list[dict]:
    return getattr(deployed.client("ec2", region), call)(**arguments)[key]


def _vpc(deployed, region: str) -> str:
    return next(vpc.ref for vpc in deployed.of_type("AWS::EC2::VPC") if vpc.region == region)


def _in_vpc(deployed, region: str) -> dict:
    return {"Filters": [{"Name": "vpc-id", "Values": [_vpc(deployed, region)]}]}


def _tier(tagged: dict) -> str:
    return {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}["mainstay:tier"]


def _tables(deployed, region: str) -> list[dict]:
    """The Region's own tables; the VPC's main one carries no tag and no subnet."""
    found = _described(
        deployed, region, "describe_route_tables", "RouteTables", **_in_vpc(deployed, region)
    )
    return [table for table in found if table["Tags"]]


def test_each_vpc_has_the_addresses_of_its_region_and_resolves_names(deployed):
    for region in _REGIONS:
        (vpc,) = _described(
            deployed, region.name, "describe_vpcs", "Vpcs", VpcIds=[_vpc(deployed, region.name)]
        )
        assert vpc["CidrBlock"] == region.cidr
        for attribute, key in (
            ("enableDnsHostnames", "EnableDnsHostnames"),
            ("enableDnsSupport", "EnableDnsSupport"),
        ):
            answer = deployed.client("ec2", region.name).describe_vpc_attribute(
                VpcId=vpc["VpcId"], Attribute=attribute
            )
            assert answer[key] == {"Value": True}


def test_each_tier_has_a_subnet_in_every_zone_of_the_environment_by_zone_id(deployed):
    for region in _REGIONS:
        subnets = _described(
            deployed, region.name, "describe_subnets", "Subnets", **_in_vpc(deployed, region.name)
        )
        placed = sorted((_tier(subnet), subnet["AvailabilityZoneId"]) for subnet in subnets)
        expected = [(tier, zone) for tier in _TIERS for zone in region.zone_ids]
        expected += [("data", zone) for zone in region.data_zone_ids]
        assert placed == sorted(expected)


def test_no_subnet_gives_out_public_addresses_by_itself(deployed):
    for region in _REGIONS:
        for subnet in _described(
            deployed, region.name, "describe_subnets", "Subnets", **_in_vpc(deployed, region.name)
        ):
            assert subnet["MapPublicIpOnLaunch"] is False


def test_every_subnet_has_a_route_table_of_its_own_tier(deployed):
    for region in _REGIONS:
        subnets = _described(
            deployed, region.name, "describe_subnets", "Subnets", **_in_vpc(deployed, region.name)
        )
        tier_of = {
            association["SubnetId"]: _tier(table)
            for table in _tables(deployed, region.name)
            for association in table["Associations"]
        }
        assert tier_of == {subnet["SubnetId"]: _tier(subnet) for subnet in subnets}


def test_only_public_subnets_lead_to_the_internet_and_through_an_attached_gateway(deployed):
    for region in _REGIONS:
        (gateway,) = [
            gateway
            for gateway in _described(
                deployed, region.name, "describe_internet_gateways", "InternetGateways"
            )
            if gateway["Attachments"] and gateway["Tags"]
        ]
        assert gateway["Attachments"][0]["VpcId"] == _vpc(deployed, region.name)
        leading = {
            table["RouteTableId"]: route["GatewayId"]
            for table in _tables(deployed, region.name)
            for route in table["Routes"]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        }
        public = [t for t in _tables(deployed, region.name) if _tier(t) == "public"]
        assert leading == {table["RouteTableId"]: gateway["InternetGatewayId"] for table in public}


def test_every_route_of_the_templates_is_in_its_table(deployed):
    for route in deployed.of_type("AWS::EC2::Route"):
        table_id, _, destination = route.ref.partition("|")
        (table,) = _described(
            deployed, route.region, "describe_route_tables", "RouteTables", RouteTableIds=[table_id]
        )
        (found,) = [
            one for one in table["Routes"] if one.get("DestinationCidrBlock") == destination
        ]
        assert destination == route.properties["DestinationCidrBlock"]
        assert found["State"] == "active"
        (target,) = route.properties.keys() - {"RouteTableId", "DestinationCidrBlock"}
        assert found[target]


def test_the_regions_are_peered_and_each_knows_the_way_to_the_other(deployed):
    """The standby asks with the primary's VPC id, which is an output of the other Region."""
    primary, standby = _REGIONS
    for here, there in ((primary, standby), (standby, primary)):
        (connection,) = _described(
            deployed, here.name, "describe_vpc_peering_connections", "VpcPeeringConnections"
        )
        assert connection["Status"]["Code"] == "active"
        assert connection["RequesterVpcInfo"]["VpcId"] == _vpc(deployed, standby.name)
        assert connection["AccepterVpcInfo"]["VpcId"] == _vpc(deployed, primary.name)
        peered = {
            (_tier(table), connection["VpcPeeringConnectionId"])
            for table in _tables(deployed, here.name)
            for route in table["Routes"]
            if "VpcPeeringConnectionId" in route
            and route["DestinationCidrBlock"].startswith(there.cidr.rpartition(".0.0")[0])
        }
        assert peered == {
            ("app", connection["VpcPeeringConnectionId"]),
            ("data", connection["VpcPeeringConnectionId"]),
        }


def test_private_subnets_reach_s3_and_dynamodb_without_the_internet(deployed):
    for region in _REGIONS:
        private = {
            table["RouteTableId"]
            for table in _tables(deployed, region.name)
            if _tier(table) != "public"
        }
        gateways = [
            endpoint
            for endpoint in _described(
                deployed, region.name, "describe_vpc_endpoints", "VpcEndpoints"
            )
            if endpoint["VpcEndpointType"] == "Gateway"
        ]
        services = sorted(endpoint["ServiceName"].rpartition(".")[2] for endpoint in gateways)
        assert services == ["dynamodb", "s3"]
        assert all(set(endpoint["RouteTableIds"]) == private for endpoint in gateways)


def test_interface_endpoints_stand_in_every_zone(deployed):
    for region in _REGIONS:
        zone_of = {
            subnet["SubnetId"]: subnet["AvailabilityZoneId"]
            for subnet in _described(deployed, region.name, "describe_subnets", "Subnets")
        }
        for endpoint in _described(deployed, region.name, "describe_vpc_endpoints", "VpcEndpoints"):
            if endpoint["VpcEndpointType"] == "Interface":
                zones = {zone_of[subnet] for subnet in endpoint["SubnetIds"]}
                assert zones == set(region.zone_ids), endpoint["ServiceName"]
                assert endpoint["PrivateDnsEnabled"]


def test_all_traffic_of_each_vpc_is_logged(deployed):
    for region in _REGIONS:
        (log,) = _described(deployed, region.name, "describe_flow_logs", "FlowLogs")
        assert (log["ResourceId"], log["TrafficType"]) == (_vpc(deployed, region.name), "ALL")
        assert log["FlowLogStatus"] == "ACTIVE"
