"""The cost estimate moves with the environment's own numbers, by the right amount."""

import dataclasses

import pytest

from config.environments import DEV, PRODUCTION, SMALL
from review.cost import prices
from review.cost import traffic as traffic_costs
from review.cost.estimate import estimate
from review.cost.resources import HOURS

PRICES = prices.load()


def lines(found, environment=PRODUCTION, price_list=PRICES):
    """The monthly costs by Region and price key."""
    estimated = estimate(found, environment, price_list)
    return {(line.region, line.key): line.monthly for line in estimated.lines}


def changed(found, kind, change):
    """The assembly with every resource of a type passed through `change`."""
    stacks = {}
    for name, stack in found.stacks.items():
        resources = dict(stack.resources)
        for logical_id, properties in stack.of_type(kind).items():
            resources[logical_id] = {"Type": kind, "Properties": change(properties)}
        stacks[name] = dataclasses.replace(stack, template={"Resources": resources})
    return dataclasses.replace(found, stacks=stacks)


def with_price(key, value):
    price = dataclasses.replace(PRICES.prices[key], value=value)
    return dataclasses.replace(PRICES, prices={**PRICES.prices, key: price})


def assuming(key, value):
    assumption = dataclasses.replace(PRICES.assumptions[key], value=value)
    return dataclasses.replace(PRICES, assumptions={**PRICES.assumptions, key: assumption})


@pytest.fixture(scope="module")
def found(production):
    return production


class TestFloor:
    def test_is_the_environments_own_number(self, found):
        vcpu_hours = 0.0
        zones = len(PRODUCTION.primary.zone_ids)
        for size, services in ((PRODUCTION.edge, 1), (PRODUCTION.app, 2)):
            tasks = -(-size.tasks_per_zone(zones) // services) * services * zones
            vcpu_hours += HOURS * tasks * size.cpu_units / 1_024
        vcpu_hours += HOURS * PRODUCTION.worker.min_tasks / 4
        expected = vcpu_hours * PRICES.prices["fargate_vcpu"].value
        assert lines(found)["us-east-1", "fargate_vcpu"] == pytest.approx(expected)

    def test_twice_the_tasks_cost_twice_the_fargate_and_no_more_of_what_tasks_share(self, found):
        def twice(target):
            return target | {"MinCapacity": 2 * target["MinCapacity"]}

        before = lines(found)
        after = lines(changed(found, "AWS::ApplicationAutoScaling::ScalableTarget", twice))
        for region, key in before:
            grew = {"fargate_vcpu": 2, "fargate_memory": 2}.get(key, 1)
            if key == "insights_metric":
                assert before[region, key] < after[region, key] < 2 * before[region, key]
            else:
                assert after[region, key] == pytest.approx(grew * before[region, key]), key

    def test_tasks_of_twice_the_memory_cost_twice_the_memory_alone(self, found):
        def twice(task):
            return task | {"Memory": str(2 * int(task["Memory"]))}

        before, after = lines(found), lines(changed(found, "AWS::ECS::TaskDefinition", twice))
        grown = {key for key in before if after[key] > before[key]}
        assert grown == {(region, "fargate_memory") for region in found.regions}
        for key in grown:
            assert after[key] == pytest.approx(2 * before[key])

    def test_a_raised_price_raises_its_lines_alone(self, found):
        before = lines(found)
        after = lines(found, price_list=with_price("key", 2 * PRICES.prices["key"].value))
        for (region, key), monthly in before.items():
            assert after[region, key] == pytest.approx(monthly * (2 if key == "key" else 1))


class TestTraffic:
    def test_failover_sends_every_user_to_the_primary(self):
        rates = traffic_costs.requests_per_second(PRODUCTION, PRICES)
        peak = PRODUCTION.app.peak_tasks * PRODUCTION.app.requests_per_task_per_minute / 60
        assert rates == {
            "us-east-1": pytest.approx(peak * PRICES.assume("load_share")),
            "us-west-2": 0,
        }

    def test_latency_routing_sends_half_to_each_region(self):
        one, other = traffic_costs.requests_per_second(SMALL, PRICES).values()
        assert one == other > 0
        assert one + other == traffic_costs.average_requests_per_second(SMALL, PRICES)

    def test_a_single_region_takes_it_all(self):
        (rate,) = traffic_costs.requests_per_second(DEV, PRICES).values()
        assert rate == traffic_costs.average_requests_per_second(DEV, PRICES)

    def test_checkers_are_requests_too(self, found):
        checks = estimate(found, PRODUCTION, PRICES).checks_per_second
        assert checks == {region: PRICES.assume("checkers") / 10 for region in found.regions}

    def test_more_load_costs_by_the_stated_price_of_a_million_requests(self, found):
        share = PRICES.assume("load_share")
        before = estimate(found, PRODUCTION, PRICES)
        after = estimate(found, PRODUCTION, assuming("load_share", 2 * share))
        millions = before.requests_per_second["us-east-1"] * traffic_costs.SECONDS / 1_000_000
        more = millions * before.per_million_requests["us-east-1"]
        assert after.total - before.total == pytest.approx(more)
        assert after.subtotal("us-west-2") == pytest.approx(before.subtotal("us-west-2"))

    def test_logs_kept_longer_cost_more_to_keep_and_no_more_to_write(self, found):
        def twice(group):
            return group | {"RetentionInDays": 2 * group["RetentionInDays"]}

        before, after = lines(found), lines(changed(found, "AWS::Logs::LogGroup", twice))
        grown = {key for key in before if after[key] != before[key]}
        assert grown == {(region, "logs_kept") for region in found.regions}

    def test_a_region_without_prices_of_its_own_is_named(self, found):
        zone = found.stacks["mainstay-production-dns"]
        more = {"elsewhere": dataclasses.replace(zone, region="eu-west-1")}
        elsewhere = dataclasses.replace(found, stacks=found.stacks | more)
        assumptions = estimate(elsewhere, PRODUCTION, PRICES).assumptions
        assert "eu-west-1 has no prices of its own in prices.toml: others stand in" in assumptions
