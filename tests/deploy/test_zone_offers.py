"""Zones of the account are asked whether they offer what the templates put there.

moto answers with lists that were taken from AWS: classes of Aurora up to 15.2 in us-east-1, whose
zone use1-az3 lacks many, types of instances by zone, and endpoint services that are all in every
zone. A refused version and an endpoint that lacks a zone are answered by botocore's Stubber, which
holds the answers against botocore's model.
"""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from deploy.checks.zone_needs import DatabaseClass, EndpointService, InstanceType, zone_needs
from deploy.checks.zone_offers import zone_offers
from deploy.findings import Unmade, make
from tests.deploy.conftest import assemble, stack

LOGS = "com.amazonaws.us-east-1.logs"


def network(*zone_ids, service=None):
    """A subnet per zone, exported as the CDK does it, and an interface endpoint in all of them."""
    ids = {f"Subnet{zone.replace('-', '')}": zone for zone in zone_ids}
    resources = {
        name: {"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZoneId": zone}}
        for name, zone in ids.items()
    }
    if service:
        resources["Endpoint"] = {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcEndpointType": "Interface",
                "ServiceName": service,
                "SubnetIds": [{"Ref": name} for name in ids],
            },
        }
    resources["Gateway"] = {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"ServiceName": "s3"}}
    outputs = {}
    for name, zone in ids.items():
        zone_name = {"Fn::GetAtt": [name, "AvailabilityZone"]}
        outputs[f"{name}Zone"] = {"Value": zone_name, "Export": {"Name": f"zone:{zone}"}}
        outputs[f"{name}Ref"] = {"Value": {"Ref": name}, "Export": {"Name": f"subnet:{zone}"}}
    return stack("us-east-1/Network", resources, outputs=outputs)


def databases(*zone_ids, name="db.r6g.large", version="15.2"):
    cluster = {"Engine": "aurora-postgresql", "EngineVersion": version}
    resources = {"Cluster": {"Type": "AWS::RDS::DBCluster", "Properties": cluster}}
    for number, zone in enumerate(zone_ids):
        properties = {
            "DBClusterIdentifier": {"Ref": "Cluster"},
            "DBInstanceClass": name,
            "Engine": "aurora-postgresql",
            "AvailabilityZone": {"Fn::ImportValue": f"zone:{zone}"},
        }
        resources[f"One{number}"] = {"Type": "AWS::RDS::DBInstance", "Properties": properties}
    return stack("us-east-1/Entity", resources)


def group(zone, name):
    template = {"LaunchTemplateData": {"InstanceType": name}}
    properties = {
        "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
        "VPCZoneIdentifier": [{"Fn::ImportValue": f"subnet:{zone}"}],
    }
    resources = {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": template},
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": properties},
    }
    return stack("us-east-1/Delayed", resources)


def check(clients, directory, *stacks) -> Any:
    return list(zone_offers(clients, assemble(directory, *stacks).stacks.values()))


@pytest.fixture
def stubbed(account):
    """Clients of moto, where `stubbed.answer("rds", ...)` is answered by a Stubber instead."""

    class Stubbed:
        def __init__(self):
            self.stubs = {}

        def __call__(self, service, region):
            return self.stubs.get(service) or account(service, region)

        def stubber(self, service):
            self.stubs[service] = boto3.client(service, region_name="us-east-1")
            stubber = Stubber(self.stubs[service])
            stubber.activate()
            return stubber

    return Stubbed()


class TestNeeds:
    def test_are_of_every_instance_group_and_endpoint_in_the_zone_of_its_subnet(self, tmp_path):
        zones = ("use1-az1", "use1-az2")
        stacks = (
            network(*zones, service=LOGS),
            databases("use1-az2"),
            group("use1-az1", "r8g.large"),
        )
        needs = zone_needs(assemble(tmp_path, *stacks).stacks.values())
        database = DatabaseClass(engine="aurora-postgresql", version="15.2", name="db.r6g.large")
        assert [(need.resource, need.zone_id, need.offer) for need in needs] == [
            ("us-east-1/Network/Endpoint", "use1-az1", EndpointService(name=LOGS)),
            ("us-east-1/Network/Endpoint", "use1-az2", EndpointService(name=LOGS)),
            ("us-east-1/Entity/One0", "use1-az2", database),
            ("us-east-1/Delayed/Group", "use1-az1", InstanceType(name="r8g.large")),
        ]

    def test_of_the_shipped_environments_are_in_zones_that_their_templates_name(self, assembly):
        needs = list(zone_needs(assembly.stacks.values()))
        instances = [
            f"{one.path}/{name}" for one, name, _ in assembly.of_type("AWS::RDS::DBInstance")
        ]
        assert instances
        assert [
            need.resource for need in needs if isinstance(need.offer, DatabaseClass)
        ] == instances
        subnets = {
            (one.region, subnet["AvailabilityZoneId"])
            for one, _, subnet in assembly.of_type("AWS::EC2::Subnet")
        }
        assert {(need.region, need.zone_id) for need in needs} <= subnets


class TestOffers:
    def test_that_are_there_pass(self, account, tmp_path):
        stacks = (
            network("use1-az1", "use1-az2", "use1-az3", service=LOGS),
            databases("use1-az1", "use1-az2"),
            group("use1-az2", "r8g.large"),
        )
        assert check(account, tmp_path, *stacks) == []

    def test_of_a_class_in_a_zone_without_it_are_missing_there_alone(self, account, tmp_path):
        zones = ("use1-az1", "use1-az3")
        (problem,) = check(account, tmp_path, network(*zones), databases(*zones))
        assert problem.what == (
            "the database class db.r6g.large with aurora-postgresql 15.2 is not offered in "
            "use1-az3 of us-east-1"
        )
        assert problem.fix.startswith(
            "choose another class, version or zone in config/environments.py"
        )
        assert "is offered in use1-az1, use1-az2, use1-az4" in problem.fix

    @pytest.mark.parametrize(("name", "version"), [("db.r6g.large", "10.1"), ("db.no.xl", "15.2")])
    def test_of_a_version_or_class_that_is_unknown_are_missing(
        self, account, tmp_path, name, version
    ):
        wanted = databases("use1-az1", name=name, version=version)
        (problem,) = check(account, tmp_path, network("use1-az1"), wanted)
        assert f"{name} with aurora-postgresql {version} is not offered in use1-az1" in problem.what
        assert problem.fix.endswith("is offered in no zone")

    def test_of_a_version_that_is_refused_are_missing(self, stubbed, tmp_path):
        stubbed.stubber("rds").add_client_error(
            "describe_orderable_db_instance_options",
            "InvalidParameterCombination",
            "Cannot find version 17.1 for aurora-postgresql",
            http_status_code=400,
            expected_params={"Engine": "aurora-postgresql", "EngineVersion": "17.1", "Vpc": True},
        )
        wanted = databases("use1-az1", version="17.1")
        (problem,) = check(stubbed, tmp_path, network("use1-az1"), wanted)
        assert "aurora-postgresql 17.1 is not offered in use1-az1 of us-east-1" in problem.what

    def test_of_an_instance_type_in_a_zone_without_it_are_missing(self, account, tmp_path):
        wanted = group("use1-az3", "r8g.large")
        (problem,) = check(account, tmp_path, network("use1-az3"), wanted)
        assert problem.what == (
            "the instance type r8g.large is not offered in use1-az3 of us-east-1"
        )

    def test_of_a_service_without_interface_endpoints_are_missing(self, account, tmp_path):
        service = "com.amazonaws.us-east-1.nosuch"
        (problem,) = check(account, tmp_path, network("use1-az1", "use1-az2", service=service))
        assert problem.what == (
            f"the interface endpoint {service} is not offered in use1-az1, use1-az2 of us-east-1"
        )

    def test_of_an_endpoint_in_a_zone_without_it_are_missing(self, stubbed, tmp_path):
        ec2 = stubbed.stubber("ec2")
        zones = [
            {"ZoneName": "us-east-1a", "ZoneId": "use1-az6"},
            {"ZoneName": "us-east-1b", "ZoneId": "use1-az1"},
        ]
        ec2.add_response("describe_availability_zones", {"AvailabilityZones": zones}, {})
        every = ["us-east-1a", "us-east-1b"]
        details = [
            {
                "ServiceName": LOGS,
                "ServiceType": [{"ServiceType": kind}],
                "AvailabilityZones": names,
            }
            for kind, names in (("Gateway", every), ("Interface", ["us-east-1a"]))
        ]
        ec2.add_response("describe_vpc_endpoint_services", {"ServiceDetails": details}, {})
        (problem,) = check(stubbed, tmp_path, network("use1-az1", "use1-az6", service=LOGS))
        assert f"{LOGS} is not offered in use1-az1 of us-east-1" in problem.what
        assert problem.fix.endswith("is offered in use1-az6")

    def test_in_a_zone_that_the_account_lacks_are_left_to_the_check_of_zones(
        self, account, tmp_path
    ):
        wanted = group("use1-az9", "r8g.large")
        assert check(account, tmp_path, network("use1-az9"), wanted) == []

    def test_of_a_zone_that_no_template_names_are_not_checked(self, account, tmp_path):
        (unmade,) = check(account, tmp_path, network("use1-az1"), databases("use1-az2"))
        assert isinstance(unmade, Unmade)
        assert unmade.why.startswith("us-east-1/Entity/One0 stands in no subnet")

    def test_that_may_not_be_asked_for_are_not_checked(self, stubbed, tmp_path):
        stubbed.stubber("rds").add_client_error(
            "describe_orderable_db_instance_options", "AccessDenied", http_status_code=403
        )
        stacks = assemble(tmp_path, network("use1-az1"), databases("use1-az1")).stacks.values()
        found = make([("offers", lambda: zone_offers(stubbed, stacks))])
        assert [one.why for one in found.unmade] == [
            "the credentials may not call DescribeOrderableDBInstanceOptions"
        ]
