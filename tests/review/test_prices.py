"""The prices, and what each type of resource is charged for."""

import dataclasses

import pytest

from assembly.stack import Stack
from config.environments import ENVIRONMENTS
from review.cost import prices
from review.cost import resources as resource_costs
from review.cost.databases import database_quantities
from review.cost.estimate import estimate, not_priced
from review.cost.resources import HOURS

PRICES = prices.load()


def template(**resources):
    """A stack of these resources: logical_id=(type, properties)."""
    return Stack(
        path="us-east-1/Edge",
        name="mainstay-production-us-east-1-edge",
        region="us-east-1",
        template={
            "Resources": {
                logical_id: {"Type": kind, "Properties": properties}
                for logical_id, (kind, properties) in resources.items()
            }
        },
    )


def quantities(kind, properties):
    return list(resource_costs.quantities(template(One=(kind, properties)), PRICES))


class TestPriceFile:
    def test_says_of_every_price_what_for_where_from_and_when(self):
        for key, price in PRICES.prices.items():
            assert all((price.item, price.unit, price.regions, price.source, price.date)), key

    def test_every_price_is_used_by_a_shipped_environment(self, assembly_of):
        used = set()
        for name, environment in ENVIRONMENTS.items():
            used |= {line.key for line in estimate(assembly_of(name), environment, PRICES).lines}
        assert used == set(PRICES.prices)

    def test_every_resource_type_is_priced_or_free(self, assembly):
        assert not_priced(assembly.stacks.values(), PRICES) == {}

    def test_nothing_is_both_priced_and_free(self):
        nothing = dataclasses.replace(PRICES, free={})
        assert not [kind for kind in PRICES.free if resource_costs.is_known(kind, nothing)]

    def test_a_type_nobody_priced_is_counted_by_name(self):
        stack = template(One=("AWS::Neptune::DBCluster", {}), Two=("AWS::Neptune::DBCluster", {}))
        assert not_priced([stack], PRICES) == {"AWS::Neptune::DBCluster": 2}

    def test_fails_on_a_negative_price(self, tmp_path):
        file = tmp_path / "prices.toml"
        file.write_text(prices.FILE.read_text().replace("value = 0.0225", "value = -1"))
        with pytest.raises(ValueError, match="'balancer' should be 0 or more, got -1"):
            prices.load(file)

    def test_fails_on_a_price_given_twice(self, tmp_path):
        file = tmp_path / "prices.toml"
        page = '[[page]]\nname = "x"\nregions = []\ndate = 2026-01-01\n[page.prices]\n'
        again = 'key = { value = 1, unit = "key", item = "KMS keys" }\n'
        file.write_text(page + again + prices.FILE.read_text())
        with pytest.raises(ValueError, match="'key' should be priced once"):
            prices.load(file)


class TestResources:
    def test_a_public_balancer_pays_for_an_address_in_each_zone(self):
        kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
        public = {"Scheme": "internet-facing", "Subnets": ["a", "b", "c"]}
        assert quantities(kind, public) == [("balancer", HOURS), ("public_address", 3 * HOURS)]
        assert quantities(kind, public | {"Scheme": "internal"}) == [("balancer", HOURS)]

    def test_an_interface_endpoint_pays_for_each_zone_and_a_gateway_endpoint_nothing(self):
        interface = {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}
        assert quantities("AWS::EC2::VPCEndpoint", interface) == [("endpoint", 2 * HOURS)]
        assert quantities("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Gateway"}) == []

    def test_a_health_check_pays_for_https_and_for_the_fast_interval(self):
        kind = "AWS::Route53::HealthCheck"
        fast = {"HealthCheckConfig": {"Type": "HTTPS", "RequestInterval": 10}}
        assert quantities(kind, fast) == [("health_check", 1), ("health_check_option", 2)]
        calculated = {"HealthCheckConfig": {"Type": "CALCULATED"}}
        assert quantities(kind, calculated) == [("health_check", 1)]

    def test_an_alarm_pays_for_each_metric_of_its_mathematics(self):
        metric = {"MetricStat": {}}
        ratio = {"Metrics": [{"Expression": "a / b"}, metric, metric]}
        assert quantities("AWS::CloudWatch::Alarm", ratio) == [("alarm_metric", 2)]
        assert quantities("AWS::CloudWatch::Alarm", {"MetricName": "x"}) == [("alarm_metric", 1)]

    def test_target_tracking_makes_two_alarms(self):
        policy = {"PolicyType": "TargetTrackingScaling"}
        kind = "AWS::ApplicationAutoScaling::ScalingPolicy"
        assert quantities(kind, policy) == [("alarm_metric", 2)]

    def test_a_web_acl_pays_for_each_rule(self):
        acl = {"Rules": [{}, {}, {}]}
        assert quantities("AWS::WAFv2::WebACL", acl) == [("firewall", 1), ("firewall_rule", 3)]


class TestDatabases:
    """What a store costs follows from its template's own words."""

    def quantities(self, **resources):
        return dict(database_quantities(template(**resources), PRICES))

    def test_an_instance_costs_by_its_size(self):
        for size, times in (("large", 1), ("xlarge", 2), ("4xlarge", 8)):
            made = self.quantities(
                One=("AWS::RDS::DBInstance", {"DBInstanceClass": f"db.r8g.{size}"})
            )
            assert made == {"aurora_large": 730 * times}

    def test_a_serverless_instance_costs_by_its_cluster_s_range(self):
        made = self.quantities(
            Store=(
                "AWS::RDS::DBCluster",
                {"ServerlessV2ScalingConfiguration": {"MinCapacity": 1, "MaxCapacity": 1}},
            ),
            One=(
                "AWS::RDS::DBInstance",
                {"DBInstanceClass": "db.serverless", "DBClusterIdentifier": {"Ref": "Store"}},
            ),
        )
        assert made["aurora_acu"] == 730

    def test_a_secret_pays_for_each_copy(self):
        made = self.quantities(One=("AWS::SecretsManager::Secret", {"ReplicaRegions": [{}]}))
        assert made == {"secret": 2}

    def test_a_volume_pays_for_what_is_beyond_the_base(self):
        volume = {"Size": 500, "Iops": 6_000, "Throughput": 250}
        made = self.quantities(One=("AWS::EC2::Volume", volume))
        assert made == {"volume": 500, "volume_iops": 3_000, "volume_throughput": 125}

    def test_a_warehouse_that_waits_for_a_snapshot_costs_nothing(self):
        waiting = {
            "Space": ("AWS::RedshiftServerless::Namespace", {}),
            "Group": ("AWS::RedshiftServerless::Workgroup", {"BaseCapacity": 32}),
        }
        assert self.quantities(**waiting) == {}
        filled = self.quantities(**waiting, Carrier=("AWS::RDS::Integration", {}))
        assert filled == {"warehouse": 32 * PRICES.assume("warehouse_hours")}
