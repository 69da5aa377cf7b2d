"""Resources that stay after a destroy, and switches in its way, from the templates alone."""

import json

import pytest

from assembly.protections import switched_on
from assembly.reader import read
from assembly.retained import Retained, retained

TABLE = "AWS::DynamoDB::GlobalTable"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
PROTECTED = {"Key": "deletion_protection.enabled"}


@pytest.fixture
def assembly(tmp_path):
    """Writes an assembly of one stack, mainstay-x-data of us-west-2, and returns its stacks."""

    def write(resources, *, nested=None):
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://210987654321/us-west-2",
            "properties": {
                "templateFile": "Data.template.json",
                "stackName": "mainstay-x-data",
            },
        }
        manifest = {"version": "55.0.0", "artifacts": {"Data": stack}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / "Data.template.json").write_text(json.dumps({"Resources": resources}))
        if nested is not None:
            (tmp_path / "n.json").write_text(json.dumps({"Resources": nested}))
        return read(tmp_path).stacks.values()

    return write


def ids(found):
    return {item.logical_id for item in found}


class TestRetained:
    def test_is_what_a_deletion_policy_keeps(self, assembly):
        stacks = assembly(
            {
                "Kept": {"Type": TABLE, "DeletionPolicy": "Retain"},
                "KeptOnceMade": {"Type": TABLE, "DeletionPolicy": "RetainExceptOnCreate"},
                "Deleted": {"Type": TABLE, "DeletionPolicy": "Delete"},
                "Unsaid": {"Type": TABLE},
            }
        )
        assert ids(retained(stacks)) == {"Kept", "KeptOnceMade"}

    def test_says_where_it_stands(self, assembly):
        path = {"aws:cdk:path": "us-west-2/Data/Sessions/Resource"}
        resource = {"Type": TABLE, "DeletionPolicy": "Retain", "Metadata": path}
        assert retained(assembly({"Sessions": resource})) == (
            Retained(
                stack="mainstay-x-data",
                region="us-west-2",
                logical_id="Sessions",
                type=TABLE,
                path="us-west-2/Data/Sessions/Resource",
                leaves="resource",
            ),
        )

    def test_tells_a_last_snapshot_from_the_resource_itself(self, assembly):
        cluster = "AWS::RDS::DBCluster"
        stacks = assembly(
            {
                "Asked": {"Type": cluster, "DeletionPolicy": "Snapshot"},
                "ByDefault": {"Type": cluster},
                "Kept": {"Type": cluster, "DeletionPolicy": "Retain"},
                "Member": {
                    "Type": "AWS::RDS::DBInstance",
                    "Properties": {"DBClusterIdentifier": {"Ref": "Kept"}},
                },
            }
        )
        leaves = {item.logical_id: item.leaves for item in retained(stacks)}
        assert leaves == {"Asked": "snapshot", "ByDefault": "snapshot", "Kept": "resource"}

    def test_looks_into_nested_stacks(self, assembly):
        nested = {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": "n.json"}}
        inner = {"Inner": {"Type": TABLE, "DeletionPolicy": "Retain"}}
        (found,) = retained(assembly({"Nested": nested}, nested=inner))
        assert (found.stack, found.region) == ("mainstay-x-data/Nested", "us-west-2")

    def test_refuses_a_directory_that_is_no_assembly(self, tmp_path):
        with pytest.raises(ValueError, match="should be a synthesized assembly: .*No such file"):
            read(tmp_path)


class TestSwitches:
    """Switches that make AWS refuse a delete."""

    @pytest.mark.parametrize(
        ("kind", "properties", "switches"),
        [
            (
                BALANCER,
                {"LoadBalancerAttributes": [{**PROTECTED, "Value": "true"}]},
                ("LoadBalancerAttributes[deletion_protection.enabled].Value",),
            ),
            (
                BALANCER,
                {"LoadBalancerAttributes": [{**PROTECTED, "Value": "false"}]},
                (),
            ),
            (
                TABLE,
                {"Replicas": [{"Region": "us-west-2", "DeletionProtectionEnabled": True}]},
                ("Replicas[us-west-2].DeletionProtectionEnabled",),
            ),
            ("AWS::RDS::DBCluster", {"DeletionProtection": True}, ("DeletionProtection",)),
        ],
    )
    def test_are_found_wherever_in_the_properties_they_are(self, kind, properties, switches):
        assert switched_on({"Type": kind, "Properties": properties}) == switches


class TestShippedEnvironments:
    @pytest.mark.parametrize("name", ["production", "small"])
    def test_keep_what_holds_data_and_protect_its_stacks(self, name, assembly_of):
        stacks = assembly_of(name).stacks
        found = retained(stacks.values())
        kinds = {item.type for item in found}
        assert {"AWS::Route53::HostedZone", "AWS::Logs::LogGroup", "AWS::S3::Bucket"} <= kinds
        assert all(stacks[item.stack].termination_protection for item in found)

    def test_keep_nothing_of_dev_and_let_it_go_in_one_command(self, assembly_of):
        stacks = assembly_of("dev").stacks.values()
        assert retained(stacks) == ()
        for stack in stacks:
            assert not stack.termination_protection
            assert not any(switched_on(resource) for resource in stack.resources.values())
