"""What stays after a destroy, and what stands in its way, from the templates alone."""

import json

import pytest

from review.retained import Protection, Retained, protections, retained

TABLE = "AWS::DynamoDB::GlobalTable"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


@pytest.fixture
def assembly(tmp_path):
    """Writes an assembly of one stack, mainstay-x-data of us-west-2, and returns its directory."""

    def write(resources, *, protected=False):
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://210987654321/us-west-2",
            "properties": {
                "templateFile": "Data.template.json",
                "stackName": "mainstay-x-data",
                "terminationProtection": protected,
            },
        }
        manifest = {"version": "55.0.0", "artifacts": {"Data": stack}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / "Data.template.json").write_text(json.dumps({"Resources": resources}))
        return tmp_path

    return write


def ids(found):
    return {item.logical_id for item in found}


class TestRetained:
    def test_is_what_a_deletion_policy_keeps(self, assembly):
        directory = assembly(
            {
                "Kept": {"Type": TABLE, "DeletionPolicy": "Retain"},
                "KeptOnceMade": {"Type": TABLE, "DeletionPolicy": "RetainExceptOnCreate"},
                "Deleted": {"Type": TABLE, "DeletionPolicy": "Delete"},
                "Unsaid": {"Type": TABLE},
            }
        )
        assert ids(retained(directory)) == {"Kept", "KeptOnceMade"}

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
        directory = assembly(
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
        leaves = {item.logical_id: item.leaves for item in retained(directory)}
        assert leaves == {"Asked": "snapshot", "ByDefault": "snapshot", "Kept": "resource"}

    def test_looks_into_nested_stacks(self, assembly):
        nested = {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": "n.json"}}
        directory = assembly({"Nested": nested})
        inner = {"Resources": {"Inner": {"Type": TABLE, "DeletionPolicy": "Retain"}}}
        (directory / "n.json").write_text(json.dumps(inner))
        (found,) = retained(directory)
        assert (found.stack, found.region) == ("mainstay-x-data/Nested", "us-west-2")

    def test_refuses_a_directory_that_is_no_assembly(self, tmp_path):
        with pytest.raises(ValueError, match="there is none"):
            retained(tmp_path / "none")
        with pytest.raises(ValueError, match="it has no stack"):
            retained(tmp_path)


class TestProtections:
    def test_are_stacks_that_refuse_to_end(self, assembly):
        assert protections(assembly({"Any": {"Type": TABLE}}, protected=True)) == (
            Protection(
                stack="mainstay-x-data",
                region="us-west-2",
                logical_id=None,
                type="AWS::CloudFormation::Stack",
                switch="TerminationProtection",
            ),
        )

    def test_are_switches_of_what_would_be_deleted(self, assembly):
        switch = {"Key": "deletion_protection.enabled", "Value": "true"}
        off = {"Key": "deletion_protection.enabled", "Value": "false"}
        replica = {"Region": "us-west-2", "DeletionProtectionEnabled": True}
        directory = assembly(
            {
                "Balancer": {"Type": BALANCER, "Properties": {"LoadBalancerAttributes": [switch]}},
                "Open": {"Type": BALANCER, "Properties": {"LoadBalancerAttributes": [off]}},
                "Table": {"Type": TABLE, "Properties": {"Replicas": [replica]}},
                "Cluster": {
                    "Type": "AWS::RDS::DBCluster",
                    "Properties": {"DeletionProtection": True},
                },
            }
        )
        assert {(item.logical_id, item.switch) for item in protections(directory)} == {
            ("Balancer", "LoadBalancerAttributes[deletion_protection.enabled].Value"),
            ("Table", "Replicas[us-west-2].DeletionProtectionEnabled"),
            ("Cluster", "DeletionProtection"),
        }

    def test_of_what_is_retained_are_in_nobodys_way(self, assembly):
        kept = {
            "Type": TABLE,
            "DeletionPolicy": "Retain",
            "Properties": {"DeletionProtectionEnabled": True},
        }
        assert protections(assembly({"Kept": kept})) == ()


class TestShippedEnvironments:
    @pytest.mark.parametrize("name", ["production", "small"])
    def test_keep_what_holds_data_and_protect_its_stacks(self, name, assembly_of):
        directory = assembly_of(name).directory
        kinds = {item.type for item in retained(directory)}
        assert {"AWS::Route53::HostedZone", "AWS::Logs::LogGroup", "AWS::S3::Bucket"} <= kinds
        stacks = {item.stack for item in protections(directory) if item.logical_id is None}
        assert {item.stack for item in retained(directory)} <= stacks

    def test_keep_nothing_of_dev_and_let_it_go_in_one_command(self, assembly_of):
        directory = assembly_of("dev").directory
        assert retained(directory) == ()
        assert protections(directory) == ()
