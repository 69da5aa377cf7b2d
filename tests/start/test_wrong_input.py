"""A wrong environment file at the real door: `python app.py`, as a person starts it."""

from __future__ import annotations

import pytest

ENVIRONMENTS = "config/environments.py"


@pytest.fixture
def clone(clone_of_repository):
    return clone_of_repository()


@pytest.fixture
def refused(clone):
    """Edits the environment file, starts, and returns what is said of it."""

    def refused(old: str, new: str, *, environment: str = "production") -> str:
        if old:
            clone.edit(ENVIRONMENTS, old, new)
        started = clone.start(environment=environment)
        assert started.exit_code == 1, started.said
        assert "Traceback" not in started.said
        assert not list(clone.assembly.glob("*.template.json")), "a stack was made all the same"
        return started.said

    return refused


def test_refuses_an_unknown_environment(refused):
    said = refused("", "", environment="prodction")
    assert "'environment' should be one of production, small, dev, got 'prodction'" in said


def test_refuses_an_az_of_another_region(refused):
    said = refused('zone_ids=("usw2-az1", "usw2-az2"),', 'zone_ids=("use1-az1", "usw2-az2"),')
    assert "'production.standby.zone_ids' should hold zone ids of us-west-2" in said
    assert "got 'use1-az1'" in said


def test_refuses_a_single_az(refused):
    said = refused('zone_ids=("usw2-az1", "usw2-az2"),', 'zone_ids=("usw2-az1",),')
    assert "'production.standby.zone_ids' should hold at least 2 zones" in said


def test_refuses_overlapping_networks(refused):
    said = refused('cidr="10.1.0.0/16"', 'cidr="10.0.0.0/16"')
    assert "'production.standby.cidr' should not overlap the primary's 10.0.0.0/16" in said


def test_refuses_a_peak_of_no_tasks(refused):
    said = refused("peak_tasks=8", "peak_tasks=0")
    assert "'production.app.peak_tasks' should be at least 1, got 0" in said


def test_refuses_a_domain_that_is_not_one(refused):
    said = refused('domain="id.example.com"', 'domain="id example com"')
    assert "'production.domain' should be a domain such as id.example.com" in said
    assert "got 'id example com'" in said


def test_refuses_six_nat_gateways(refused):
    said = refused(
        'cidr="10.8.0.0/16",\n            zone_ids=("use1-az1", "use1-az2", "use1-az4"),',
        'cidr="10.8.0.0/16",\n            zone_ids=("use1-az1", "use1-az2", "use1-az4", '
        '"use1-az5", "use1-az6", "use1-az3"),',
        environment="small",
    )
    assert "'small.egress' is 'nat': one gateway per zone makes 6 in us-east-1" in said


def test_refuses_a_name_that_is_too_long(refused):
    said = refused('name="production"', 'name="production-of-the-company"')
    assert "'mainstay-production-of-the-company' 34 characters long" in said
    assert "shorten it to 23" in said


def test_reports_wrong_environments_of_the_whole_file_at_once(clone):
    clone.edit(ENVIRONMENTS, "peak_tasks=8", "peak_tasks=0")
    clone.edit(ENVIRONMENTS, 'domain="dev.id.example.com"', 'domain="dev"')
    said = clone.start(environment="small").said
    assert "2 problems in the environment file:" in said
    assert "'production.app.peak_tasks'" in said
    assert "'dev.domain'" in said


def test_the_cdk_cli_shows_the_same_words(clone):
    clone.edit(ENVIRONMENTS, "peak_tasks=8", "peak_tasks=0")
    started = clone.cdk("synth", "--quiet")
    assert started.exit_code != 0
    assert "'production.app.peak_tasks' should be at least 1, got 0" in started.said
    assert "Traceback" not in started.said
