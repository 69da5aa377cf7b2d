"""Stacks that cannot go while something that is retained stands in their networks."""

import pytest

from assembly.held import held
from tests.deploy.conftest import assemble, stack

ANY = {"Any": {"Type": "AWS::SNS::Topic"}}
KEEP = {"DeletionPolicy": "Retain"}
CLUSTER = {
    "Type": "AWS::RDS::DBCluster",
    "Properties": {
        "DBSubnetGroupName": {"Ref": "Subnets"},
        "VpcSecurityGroupIds": [{"Fn::ImportValue": "group"}],
    },
}
SUBNETS = {
    "Type": "AWS::RDS::DBSubnetGroup",
    "Properties": {"SubnetIds": [{"Fn::ImportValue": "subnet"}]},
}


class TestHeld:
    @pytest.fixture
    def found(self, tmp_path):
        """What is held of Logs <- Network <- Data <- App, Data made of these."""

        def exported(name, logical_id):
            return {"Value": {"Ref": logical_id}, "Export": {"Name": name}}

        def found(resources):
            network = {
                "Subnet": {"Type": "AWS::EC2::Subnet"},
                "Group": {"Type": "AWS::EC2::SecurityGroup"},
            }
            exports = {"S": exported("subnet", "Subnet"), "G": exported("group", "Group")}
            return held(
                assemble(
                    tmp_path,
                    stack("us-west-2/Logs", ANY),
                    stack("us-west-2/Network", network, outputs=exports,
                          depends_on=("us-west-2/Logs",)),
                    stack("us-west-2/Data", resources, depends_on=("us-west-2/Network",)),
                    stack("us-west-2/App", ANY, depends_on=("us-west-2/Data",)),
                ).stacks.values()
            )  # fmt: skip

        return found

    def test_is_the_network_that_a_retained_database_stands_in_and_what_that_needs(self, found):
        resources = {"Cluster": {**CLUSTER, **KEEP}, "Subnets": {**SUBNETS, **KEEP}}
        assert found(resources) == {
            "us-west-2/Network": "us-west-2/Data/Cluster is retained, and uses it",
            "us-west-2/Logs": "us-west-2/Network stays, and uses it",
        }

    def test_is_the_databases_own_stack_where_that_would_delete_its_subnet_group(self, found):
        assert "us-west-2/Data" in found({"Cluster": {**CLUSTER, **KEEP}, "Subnets": SUBNETS})

    def test_is_nothing_where_the_database_goes_too(self, found):
        assert found({"Cluster": CLUSTER, "Subnets": SUBNETS}) == {}

    def test_is_nothing_for_what_stands_in_no_network(self, found):
        kept = {"Type": "AWS::Logs::LogGroup", "Properties": {"Any": {"Fn::ImportValue": "group"}}}
        assert found({"Group": {**kept, **KEEP}}) == {}
