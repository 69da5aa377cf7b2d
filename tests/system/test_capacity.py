"""How much runs: N+1 zones in every Region, and scaling in both directions."""

from __future__ import annotations

from collections import defaultdict

import pytest


def floors(system) -> dict[tuple[str, str], int]:
    """(Region, tier) -> tasks that always run, of all services of the tier."""
    total: dict[tuple[str, str], int] = defaultdict(int)
    for service in system.services():
        target = system.scaling(service)
        total[service.stack.region, system.tier_of(service)] += target.properties["MinCapacity"]
    return total


def peak(system, tier: str) -> int:
    return getattr(system.environment, tier).peak_tasks


def test_losing_a_zone_leaves_the_peak_s_tasks_without_scaling(system):
    for region in system.environment.regions:
        zones = len(region.zone_ids)
        for tier in ("edge", "app"):
            floor = floors(system)[region.name, tier]
            assert (zones - 1) * floor / zones >= peak(system, tier)


def test_every_service_s_floor_is_the_same_in_each_zone(system):
    for service in system.services():
        region = next(
            region for region in system.environment.regions if region.name == service.stack.region
        )
        assert system.scaling(service).properties["MinCapacity"] % len(region.zone_ids) == 0


@pytest.mark.parametrize("lost", ["us-east-1", "us-west-2"])
@pytest.mark.parametrize("environment", ["production", "small"])
def test_losing_a_region_leaves_the_peak_s_tasks_without_scaling(systems, environment, lost):
    system = systems(environment)
    for tier in ("edge", "app"):
        left = sum(
            floor for (region, of), floor in floors(system).items() if of == tier and region != lost
        )
        assert left >= peak(system, tier)


def test_production_runs_the_numbers_of_its_configuration(production_system):
    """Eight app tasks at peak over five zones: two in each, one of each half."""
    assert dict(floors(production_system)) == {
        ("us-east-1", "edge"): 5,
        ("us-east-1", "app"): 10,
        ("us-west-2", "edge"): 8,
        ("us-west-2", "app"): 16,
    }


def test_every_service_scales_by_itself(system):
    services = list(system.services())
    assert len(services) == 3 * len(system.regions)
    for service in services:
        target = system.scaling(service).properties
        assert target["ScalableDimension"] == "ecs:service:DesiredCount"
        assert target["MaxCapacity"] >= 2 * target["MinCapacity"]


def test_either_half_may_grow_to_carry_the_whole_app_tier(system):
    for service in system.services():
        if system.tier_of(service) == "app":
            ceiling = system.scaling(service).properties["MaxCapacity"]
            assert ceiling == system.environment.app.max_tasks
            assert ceiling >= floors(system)[service.stack.region, "app"]


def policies(system, service) -> dict[str, dict]:
    """The target-tracking configurations of a service, by their metric."""
    target = system.scaling(service)
    found = {}
    for policy in system.of_type("AWS::ApplicationAutoScaling::ScalingPolicy"):
        of = policy.properties["ScalingTargetId"]["Ref"]
        if policy.stack is service.stack and of == target.logical_id:
            assert policy.properties["PolicyType"] == "TargetTrackingScaling"
            tracking = policy.properties["TargetTrackingScalingPolicyConfiguration"]
            metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
            found[metric] = tracking
    return found


def test_every_service_follows_its_requests_and_its_cpu(system):
    for service in system.services():
        size = getattr(system.environment, system.tier_of(service))
        tracking = policies(system, service)
        assert {metric: item["TargetValue"] for metric, item in tracking.items()} == {
            "ALBRequestCountPerTarget": size.requests_per_task_per_minute,
            "ECSServiceAverageCPUUtilization": size.cpu_target_percent,
        }


def test_every_service_scales_in_as_well_as_out(system):
    for service in system.services():
        for tracking in policies(system, service).values():
            assert "DisableScaleIn" not in tracking


def test_scaling_out_is_quicker_than_scaling_in(system):
    for service in system.services():
        for tracking in policies(system, service).values():
            assert tracking["ScaleOutCooldown"] < tracking["ScaleInCooldown"]


def test_no_template_says_how_many_tasks_run(system):
    """Autoscaling and operations own the number; a deploy must not take it back."""
    for service in system.services():
        assert "DesiredCount" not in service.properties
