"""The environment file: what it accepts, and how it names each thing that is wrong."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from config.environments import DEV, ENVIRONMENTS, PRODUCTION, SMALL
from config.problems import InvalidEnvironmentError
from config.reader import environment_named


def refused(**changes: Any) -> str:
    """What is said about production with these changes; the test fails when it is accepted."""
    with pytest.raises(InvalidEnvironmentError) as refusal:
        replace(PRODUCTION, **changes)
    return str(refusal.value)


def primary(**changes: Any) -> str:
    return refused(primary=replace(PRODUCTION.primary, **changes))


def edge(**changes: Any) -> str:
    return refused(edge=replace(PRODUCTION.edge, **changes))


def test_the_shipped_environments_are_production_small_and_dev():
    assert {"production": PRODUCTION, "small": SMALL, "dev": DEV} == ENVIRONMENTS


def test_an_environment_is_found_by_its_name():
    assert environment_named("small") is SMALL


def test_refuses_an_unknown_environment_and_lists_those_there_are():
    with pytest.raises(ValueError, match="one of production, small, dev, got 'prodction'"):
        environment_named("prodction")


def test_is_read_without_the_cdk():
    """So a wrong file is reported before any construct is made."""
    code = "import sys, config.environments; sys.exit('jsii' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "value",
    [PRODUCTION, PRODUCTION.primary, PRODUCTION.edge, PRODUCTION.front_door],
    ids=lambda value: type(value).__name__,
)
def test_is_frozen(value: Any):
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, getattr(value, field))


@pytest.mark.parametrize(
    "value",
    [PRODUCTION, PRODUCTION.primary, PRODUCTION.edge, PRODUCTION.front_door],
    ids=lambda value: type(value).__name__,
)
def test_takes_its_values_by_keyword_alone(value: Any):
    in_order = [getattr(value, field.name) for field in dataclasses.fields(value)]
    with pytest.raises(TypeError, match="positional"):
        type(value)(*in_order)


def test_the_primary_region_comes_first():
    assert [region.name for region in PRODUCTION.regions] == ["us-east-1", "us-west-2"]


def test_refuses_an_az_of_another_region():
    message = primary(zone_ids=("use1-az1", "usw2-az1"))
    assert "'production.primary.zone_ids' should hold zone ids of us-east-1 (use1-az1, " in message
    assert "got 'usw2-az1'" in message


def test_refuses_a_single_az():
    message = primary(zone_ids=("use1-az1",))
    assert "'production.primary.zone_ids' should hold at least 2 zones" in message
    assert "got 1" in message


def test_refuses_the_az_without_current_hardware():
    message = primary(zone_ids=("use1-az1", "use1-az3"))
    assert "'production.primary.zone_ids' should not hold 'use1-az3'" in message
    assert "no Nitro hardware" in message
    assert "choose another zone of us-east-1" in message


def test_refuses_an_az_that_is_named_twice():
    message = primary(zone_ids=("use1-az1", "use1-az2", "use1-az1"))
    assert "'production.primary.zone_ids' and data_zone_ids should name 'use1-az1' once" in message


def test_refuses_a_data_az_that_also_carries_the_tiers():
    assert "should name 'use1-az1' once" in primary(data_zone_ids=("use1-az1",))


def test_refuses_a_region_that_it_does_not_know():
    message = primary(name="us-east-9")
    assert "'production.primary.name' should be one of us-east-1, " in message
    assert "got 'us-east-9'" in message


def test_refuses_a_standby_in_the_primary_region():
    message = refused(standby=replace(PRODUCTION.primary, cidr="10.1.0.0/16"))
    assert "'production.standby' should be in another Region than us-east-1" in message


@pytest.mark.parametrize("cidr", ["10.0.0.0/99", "10.0.0.0/20", "10.0.5.0/16", "8.8.0.0/16", "x"])
def test_refuses_a_network_that_is_not_a_private_slash_16(cidr: str):
    message = primary(cidr=cidr)
    assert "'production.primary.cidr' should be a private /16 such as '10.0.0.0/16'" in message
    assert f"got '{cidr}'" in message


def test_refuses_networks_that_overlap_between_the_regions():
    message = refused(standby=replace(PRODUCTION.regions[1], cidr="10.0.0.0/16"))
    assert "'production.standby.cidr' should not overlap the primary's 10.0.0.0/16" in message
    assert "got '10.0.0.0/16'" in message


def test_refuses_more_nat_gateways_than_there_are_elastic_ips():
    zones = tuple(f"use1-az{number}" for number in range(1, 7))
    message = refused(egress="nat", primary=replace(PRODUCTION.primary, zone_ids=zones))
    assert "'production.egress' is 'nat': one gateway per zone makes 6 in us-east-1" in message
    assert "5 Elastic IP addresses per Region; use fewer zones or 'endpoints'" in message


def test_accepts_as_many_nat_gateways_as_there_are_elastic_ips():
    assert replace(PRODUCTION, egress="nat").egress == "nat"


@pytest.mark.parametrize("peak", [0, -1])
def test_refuses_a_peak_below_one_task(peak: int):
    message = edge(peak_tasks=peak)
    assert f"'production.edge.peak_tasks' should be at least 1, got {peak}" in message


def test_refuses_a_ceiling_below_twice_what_always_runs():
    message = edge(max_tasks=15)
    assert "'production.edge.max_tasks' should be at least 16, twice the 8 tasks" in message
    assert "2 zones of us-west-2, got 15" in message


def test_refuses_a_cpu_size_that_fargate_lacks():
    message = edge(cpu_units=1_000)
    assert "'production.edge.cpu_units' should be one of 256, 512, 1024, " in message
    assert "got 1000" in message


def test_refuses_a_memory_size_that_does_not_go_with_the_cpu():
    message = edge(cpu_units=1_024, memory_mib=512)
    assert "'production.edge.memory_mib' should be 2048 to 8192 in steps of 1024" in message
    assert "for 1024 CPU units, got 512" in message


def test_refuses_a_target_of_no_requests():
    message = edge(requests_per_task_per_minute=0)
    assert "'production.edge.requests_per_task_per_minute' should be at least 1, got 0" in message


@pytest.mark.parametrize("percent", [9, 91])
def test_refuses_a_cpu_target_out_of_range(percent: int):
    message = edge(cpu_target_percent=percent)
    assert f"'production.edge.cpu_target_percent' should be 10 to 90, got {percent}" in message


@pytest.mark.parametrize("image", ["nginx", "nginx:", "a b:1", "nginx@sha256:12"])
def test_refuses_an_image_without_a_version(image: str):
    message = edge(image=image)
    assert "'production.edge.image' should be an image reference with a tag or digest" in message
    assert f"got '{image}'" in message


@pytest.mark.parametrize("image", ["nginx:1.30", "r.example:5000/a/b:1", f"a/b@sha256:{'0' * 64}"])
def test_accepts_an_image_with_a_tag_or_digest(image: str):
    assert replace(PRODUCTION, edge=replace(PRODUCTION.edge, image=image)).edge.image == image
