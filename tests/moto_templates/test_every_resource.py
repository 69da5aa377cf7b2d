"""Every type of production's templates is created through its API, and reads back as sent."""

import pytest

from tests.moto_templates.api_shapes import NotApiInputError, as_input, missing
from tests.moto_templates.deployment import Deployment, client
from tests.moto_templates.differences import MOTO_FORGETS, comparable
from tests.moto_templates.readers import READERS
from tests.moto_templates.table import NOT_CREATED, TABLE

# Created, and read back by a test of their own in this folder: the module that does.
_READ_ELSEWHERE = {
    "AWS::EC2::Route": "test_network",
    "AWS::EC2::SecurityGroupEgress": "test_security_groups",
    "AWS::EC2::SecurityGroupIngress": "test_security_groups",
    "AWS::EC2::SubnetRouteTableAssociation": "test_network",
    "AWS::EC2::VPCGatewayAttachment": "test_network",
    "AWS::EC2::VPCPeeringConnection": "test_network",
    "AWS::S3::Bucket": "test_data_at_rest",
    "AWS::S3::BucketPolicy": "test_data_at_rest",
    "AWS::SQS::QueuePolicy": "test_data_at_rest",
    "AWS::SecretsManager::SecretTargetAttachment": "test_databases",
    "Custom::LiveTaskDefinition": "test_services",
}


def _types(assembly):
    return {
        resource["Type"]
        for stack in assembly.stacks.values()
        for resource in stack.resources.values()
    }


def test_every_synthesized_type_is_created_or_named_as_impossible_with_a_reason(production):
    unknown = _types(production) - set(TABLE) - set(NOT_CREATED)
    assert not unknown, f"give {sorted(unknown)} a row in TABLE, or a reason in NOT_CREATED"
    assert not set(TABLE) & set(NOT_CREATED)
    assert set(TABLE) | set(NOT_CREATED) == _types(production), "a row for a type that is gone"


def test_every_created_type_is_read_back():
    assert set(READERS) | set(_READ_ELSEWHERE) == set(TABLE)


def test_every_resource_of_a_known_type_was_created(deployed, production):
    expected = {
        (stack.name, logical_id)
        for stack in production.stacks.values()
        for logical_id, resource in stack.resources.items()
        if resource["Type"] in TABLE
    }
    assert set(deployed.resources) == expected


@pytest.mark.parametrize("kind", sorted(READERS))
def test_reads_back_as_it_was_sent(deployed: Deployment, kind: str):
    """Less what moto forgets: differences.py lists it."""
    for resource in deployed.of_type(kind):
        expected, actual = comparable(kind, resource.sent, READERS[kind](resource))
        assert missing(expected, actual) == [], f"{resource.stack} {resource.logical_id}"


@pytest.mark.parametrize("kind", sorted(MOTO_FORGETS))
def test_what_moto_is_said_to_forget_it_does_forget(deployed: Deployment, kind: str):
    for member in MOTO_FORGETS[kind]:
        sent = [resource for resource in deployed.of_type(kind) if member in repr(resource.sent)]
        assert sent, f"no template sends {member} any more"
        lost = [missing(resource.sent, READERS[kind](resource)) for resource in sent]
        assert all(member in repr(differences) for differences in lost), f"moto knows {member} now"


def test_fails_on_a_property_that_the_api_does_not_know():
    shape = client("ec2", "us-east-1").meta.service_model.operation_model("CreateVpc").input_shape
    with pytest.raises(NotApiInputError, match="the API knows no CidrBlok"):
        as_input({"CidrBlok": "10.0.0.0/16"}, shape)


def test_fails_on_a_value_outside_of_an_enumeration():
    shape = client("ec2", "us-east-1").meta.service_model.operation_model("CreateVpc").input_shape
    with pytest.raises(NotApiInputError, match="InstanceTenancy: shared is none of"):
        as_input({"InstanceTenancy": "shared"}, shape)
