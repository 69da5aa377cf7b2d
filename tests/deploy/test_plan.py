"""Waves of an assembly, their way back, and stacks that cannot go."""

import json

import pytest

from config.environments import ENVIRONMENTS
from deploy.held import held
from deploy.plan import backwards, digest, refuse_strangers, waves_of
from review.assembly import read
from review.deploy_plan import waves
from tests.deploy.conftest import ACCOUNT, assemble, stack

ANY = {"Any": {"Type": "AWS::SNS::Topic"}}


@pytest.fixture
def stacks(tmp_path):
    """The standby needs the zone and a network of the primary; Delivery is in no pattern."""
    return assemble(
        tmp_path,
        stack("Dns", ANY),
        stack("us-east-1/Network", ANY),
        stack("us-east-1/App", ANY, depends_on=("us-east-1/Network", "Dns")),
        stack("us-west-2/Peering", ANY, depends_on=("us-east-1/Network",)),
        stack("us-west-2/App", ANY, depends_on=("us-west-2/Peering", "Dns")),
        stack("Delivery", ANY),
    ).stacks


PATTERNS = ("Dns", "us-west-2/*", "us-east-1/*")


def paths(waves):
    return [tuple(one.path for one in wave.stacks) for wave in waves]


class TestWaves:
    def test_name_patterns_and_list_what_they_draw_in(self, stacks):
        found = waves_of(stacks, PATTERNS)
        assert [wave.names for wave in found] == [*((name,) for name in PATTERNS), ("Delivery",)]
        assert paths(found) == [
            ("Dns",),
            ("us-east-1/Network", "us-west-2/Peering", "us-west-2/App"),
            ("us-east-1/App",),
            ("Delivery",),
        ]

    def test_go_back_last_first_by_the_paths_of_the_stacks(self, stacks):
        found = backwards(waves_of(stacks, PATTERNS))
        assert [wave.names for wave in found] == [
            ("Delivery",),
            ("us-east-1/App",),
            ("us-west-2/App", "us-west-2/Peering", "us-east-1/Network"),
            ("Dns",),
        ]

    @pytest.mark.parametrize("name", ENVIRONMENTS)
    def test_hold_every_stack_once_after_what_it_needs_and_before_it_on_the_way_back(
        self, name, assembly_of
    ):
        found = read(assembly_of(name).directory).stacks
        ways = waves_of(found, waves(ENVIRONMENTS[name]))
        up = [path for wave in paths(ways) for path in wave]
        down = [path for wave in backwards(ways) for path in wave.names]
        assert sorted(up) == sorted(down) == sorted(one.path for one in found)
        for one in found:
            for path in one.depends_on:
                assert up.index(path) < up.index(one.path)
                assert down.index(path) > down.index(one.path)


class TestAssembly:
    def test_of_another_environment_or_account_is_refused(self, tmp_path):
        assembly = assemble(tmp_path, stack("Dns", ANY))
        refuse_strangers(assembly, "production", ACCOUNT)
        with pytest.raises(ValueError, match="should be of 'small' .* `make synth ENV=small`"):
            refuse_strangers(assembly, "small", ACCOUNT)
        with pytest.raises(ValueError, match="and account 999999999999, it holds mainstay-prod"):
            refuse_strangers(assembly, "production", "999999999999")

    def test_another_synth_is_noticed(self, tmp_path):
        assemble(tmp_path, stack("Dns", ANY))
        before = digest(tmp_path)
        assert digest(tmp_path) == before
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        manifest["artifacts"]["Dns"]["properties"]["stackName"] = "mainstay-small-dns"
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        assert digest(tmp_path) != before


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
                ).stacks
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
