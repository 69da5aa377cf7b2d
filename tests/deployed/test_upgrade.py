"""The upgrade's function reads, with its own readers, the site that its variable names."""

from __future__ import annotations

import pytest

from functions.upgrade import leaving_dns, services
from functions.upgrade.site import site_of


@pytest.fixture
def site(deployed):
    [function] = [
        each
        for each in deployed.of_type("AWS::Lambda::Function")
        if each.properties["Handler"] == "functions.upgrade.handler.handler"
    ]
    known = deployed.client("lambda", function.region).get_function(FunctionName=function.ref)
    return site_of(known["Configuration"]["Environment"]["Variables"]["SITE"], deployed.client)


def test_both_halves_have_the_weights_of_the_primarys_rule(site):
    assert services.weights(site, site.primary) == {"blue": 50, "green": 50}


def test_every_service_that_it_stops_and_starts_is_there(site):
    for place in site.places:
        for service in (*place.releasing.values(), place.edge):
            found = services.described(site, place, service)
            family = found["taskDefinition"].rpartition("/")[2].partition(":")[0]
            assert service.family in ("", family)  # the edge's is never registered anew


def test_the_autoscaling_of_every_service_is_found_and_works(site):
    for place in site.places:
        for service in place.releasing.values():
            found = services.scaling(site, place, service)
            assert found is not None
            assert found["min"] < found["max"]
            assert not any(found["suspended"].values())


def test_every_alarm_and_the_switch_of_dns_are_there(deployed, site):
    for place in site.places:
        found = deployed.client("cloudwatch", place.region).describe_alarms(
            AlarmNames=list(place.alarms)
        )
        assert len(found["MetricAlarms"]) == len(place.alarms)
    assert leaving_dns.alarm_state(site) != "MISSING"


def test_the_control_tables_and_the_family_of_operations_are_there(deployed, site):
    for place in site.places:
        deployed.client("dynamodb", place.region).describe_table(TableName=place.table)
    newest = services.newest_revision(site, site.primary, site.operations.family)
    assert site.operations.container in {c["name"] for c in newest["containerDefinitions"]}
