"""What the templates need of the quotas, against what an account has and holds already."""

from datetime import UTC, datetime

import pytest

from deploy.findings import CheckProblem, Unmade
from deploy.live import LiveResource
from deploy.quotas.check import quotas
from deploy.quotas.needs import (
    DB_CLUSTERS,
    DB_INSTANCES,
    ELASTIC_IPS,
    ENDPOINTS,
    FARGATE_VCPU,
    GROUP_RULES,
    NETWORKS,
    Need,
    needs,
)
from deploy.quotas.usage import Usage
from tests.deploy.conftest import assemble, stack

REGION = "us-west-2"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
METRIC = {
    "MetricNamespace": "AWS/Usage",
    "MetricName": "ResourceCount",
    "MetricDimensions": {"Service": "Fargate", "Resource": "vCPU", "Type": "Resource"},
    "MetricStatisticRecommendation": "Maximum",
}


def by_quota(found):
    return {need.quota: need for need in found}


class TestNeeds:
    @pytest.fixture
    def of(self, tmp_path):
        return lambda *stacks: needs(assemble(tmp_path, *stacks).stacks.values())

    def test_count_what_takes_one_each_by_region(self, of):
        eip = {"Type": "AWS::EC2::EIP"}
        found = of(
            stack("us-west-2/Network", {"A": eip, "B": eip, "Vpc": {"Type": "AWS::EC2::VPC"}}),
            stack("us-east-1/Network", {"A": eip}),
            stack(
                "us-east-1/Data",
                {
                    "Cluster": {"Type": "AWS::RDS::DBCluster"},
                    "One": {"Type": "AWS::RDS::DBInstance"},
                    "Two": {"Type": "AWS::RDS::DBInstance"},
                },
            ),
        )
        assert {(need.region, need.quota, need.amount) for need in found} == {
            ("us-west-2", ELASTIC_IPS, 2),
            ("us-west-2", NETWORKS, 1),
            ("us-east-1", ELASTIC_IPS, 1),
            ("us-east-1", DB_CLUSTERS, 1),
            ("us-east-1", DB_INSTANCES, 2),
        }

    def test_count_rules_of_the_fullest_group_in_whichever_stack_they_stand(self, of):
        """A rule that names a group counts for both families, an address for its own alone."""
        group = {"GroupId": {"Fn::ImportValue": "group"}}
        other = {"SourceSecurityGroupId": {"Ref": "Other"}}
        ingress = "AWS::EC2::SecurityGroupIngress"
        inline = {"SecurityGroupIngress": [{"CidrIp": "10.0.0.0/8"}, {"CidrIpv6": "::/0"}]}
        exported = {
            "Value": {"Fn::GetAtt": ["Group", "GroupId"]},
            "Export": {"Name": "group"},
        }
        (need,) = of(
            stack(
                "us-west-2/Network",
                {"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": inline}},
                outputs={"Group": exported},
            ),
            stack(
                "us-west-2/App",
                {
                    "One": {"Type": ingress, "Properties": {**group, **other}},
                    "Two": {"Type": ingress, "Properties": {**group, **other}},
                    "Three": {"Type": ingress, "Properties": {**group, "CidrIp": "10.1.0.0/16"}},
                },
            ),
        )
        assert need.quota is GROUP_RULES
        assert need.what == "4 inbound for IPv4 in us-west-2/Network/Group"

    def test_of_production_are_its_tasks_scaled_out(self, production):
        stacks = production.stacks.values()
        for region in ("us-east-1", "us-west-2"):
            found = by_quota(need for need in needs(stacks) if need.region == region)
            # 40 tasks of one vCPU at the edge, 64 of two in each half of the app, 8 small workers.
            assert found[FARGATE_VCPU].amount == 40 + 2 * 64 * 2 + 8 * 0.25
            assert found[NETWORKS].amount == 1
            assert found[ENDPOINTS].amount >= 3
            assert found[GROUP_RULES].amount >= 4
            assert ELASTIC_IPS not in found  # its networks have no way to the internet

    def test_of_small_are_an_address_for_every_zone(self, assembly_of):
        stacks = assembly_of("small").stacks.values()
        found = [need for need in needs(stacks) if need.quota is ELASTIC_IPS]
        assert [(need.region, need.amount) for need in found] == [
            ("us-east-1", 3),
            ("us-west-2", 3),
        ]


@pytest.fixture
def check(account):
    """Checks one need; `own` are the environment's own resources that stand already."""

    def check(quota, amount, own=()):
        need = Need(quota=quota, region=REGION, amount=amount, what=f"{amount:g}")
        return list(quotas(account, [need], Usage(account, own, NOW)))

    return check


def own(kind, physical_id):
    return LiveResource(
        stack="s", region=REGION, logical_id="X", type=kind, physical_id=physical_id
    )


class TestCheck:
    def test_names_the_quota_the_need_and_the_request(self, check, quota):
        quota("ec2", "L-0263D0A3", 5)
        (problem,) = check(ELASTIC_IPS, 6)
        assert problem == CheckProblem(
            what="us-west-2: 'EC2-VPC Elastic IPs' is 5, and the environment needs 6",
            fix="aws service-quotas request-service-quota-increase --region us-west-2 "
            "--service-code ec2 --quota-code L-0263D0A3 --desired-value 6",
        )

    def test_is_quiet_where_it_fits_exactly(self, check, quota):
        quota("ec2", "L-0263D0A3", 5)
        assert check(ELASTIC_IPS, 5) == []

    def test_counts_what_others_hold_and_not_what_is_its_own(self, check, quota, account):
        quota("ec2", "L-0263D0A3", 5)
        addresses = account("ec2", REGION)
        theirs, mine = (addresses.allocate_address(Domain="vpc")["PublicIp"] for _ in range(2))
        assert check(ELASTIC_IPS, 4, [own("AWS::EC2::EIP", mine)]) == []
        (problem,) = check(ELASTIC_IPS, 4)
        assert "needs 4, beside 2 of others in the account" in problem.what
        assert problem.fix.endswith("--desired-value 6")
        assert theirs != mine

    def test_counts_networks_and_databases_of_others(self, check, quota, account):
        quota("rds", "L-7B6409FD", 1)
        account("rds", REGION).create_db_instance(
            DBInstanceIdentifier="theirs",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            MasterUsername="any",
            MasterUserPassword="anything-long",
            AllocatedStorage=20,
        )
        (problem,) = check(DB_INSTANCES, 1)
        assert "'DB instances' is 1, and the environment needs 1, beside 1 of others" in (
            problem.what
        )
        # moto has one network in every Region, as AWS has, and its quota of 5.
        assert check(NETWORKS, 4) == []
        assert len(check(NETWORKS, 5)) == 1

    def test_takes_the_default_where_none_was_ever_applied(self, check, quota):
        quota("rds", "L-952B80B8", 40, default=True)
        assert check(DB_CLUSTERS, 40) == []
        assert len(check(DB_CLUSTERS, 41)) == 1

    def test_holds_rules_of_one_group_against_the_quota_alone(self, check, quota):
        quota("vpc", "L-0EA8095F", 60)
        assert check(GROUP_RULES, 60) == []
        assert len(check(GROUP_RULES, 61)) == 1

    def test_a_quota_that_cannot_be_read_is_unmade_and_stops_no_other(self, account, quota):
        quota("vpc", "L-0EA8095F", 60)
        wanted = [
            Need(quota=one, region=REGION, amount=100, what="100")
            for one in (FARGATE_VCPU, GROUP_RULES)
        ]
        unmade, problem = quotas(account, wanted, Usage(account, (), NOW))
        assert isinstance(unmade, Unmade)
        assert isinstance(problem, CheckProblem)
        assert unmade.check == "quotas of fargate"
        assert "rules per security group" in problem.what


class TestFargate:
    @pytest.fixture
    def running(self, account):
        """Two tasks of half a vCPU, which are the environment's own."""
        ecs = account("ecs", REGION)
        ecs.create_cluster(clusterName="edge")
        task = ecs.register_task_definition(
            family="edge",
            cpu="512",
            memory="1024",
            containerDefinitions=[{"name": "edge", "image": "any"}],
        )
        service = ecs.create_service(
            cluster="edge",
            serviceName="edge",
            desiredCount=2,
            taskDefinition=task["taskDefinition"]["taskDefinitionArn"],
        )["service"]
        return own("AWS::ECS::Service", service["serviceArn"])

    def measure(self, account, vcpu):
        names = METRIC["MetricDimensions"]
        account("cloudwatch", REGION).put_metric_data(
            Namespace=METRIC["MetricNamespace"],
            MetricData=[
                {
                    "MetricName": METRIC["MetricName"],
                    "Dimensions": [{"Name": key, "Value": names[key]} for key in names],
                    "Timestamp": NOW.replace(hour=11, minute=52),
                    "Value": vcpu,
                }
            ],
        )

    def test_of_others_is_what_aws_measures_less_what_runs_here(
        self, check, quota, account, running
    ):
        quota("fargate", "L-3032A538", 10, UsageMetric=METRIC)
        self.measure(account, 7)
        ran = account("ecs", REGION).describe_services(cluster="edge", services=["edge"])
        mine = ran["services"][0]["runningCount"] * 0.5
        others = 7 - mine
        assert check(FARGATE_VCPU, 10 - others, [running]) == []
        (problem,) = check(FARGATE_VCPU, 10 - others + 1, [running])
        assert f"beside {others:g} of others" in problem.what

    def test_without_a_measurement_nothing_is_of_others(self, check, quota):
        quota("fargate", "L-3032A538", 6)
        assert check(FARGATE_VCPU, 6) == []
        (problem,) = check(FARGATE_VCPU, 296)
        assert "is 6, and the environment needs 296" in problem.what
