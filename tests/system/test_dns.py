"""How users find a Region, and how a Region that fails is left, with nothing in the way."""

from __future__ import annotations

import pytest

DNS_PARTS = ("dns", "records", "exit")


def records(system, region: str) -> dict[str, dict]:
    """The address records that a Region's own stack writes, by name."""
    stack = system.part(region, "records")
    found = stack.of_type("AWS::Route53::RecordSet").values()
    return {record["Name"].rstrip("."): record for record in found}


def public_names(system) -> list[str]:
    """The names that users ask for: the domain itself and every tenant's."""
    return [system.environment.domain, f"*.{system.environment.domain}"]


def leaves(stack, check_id: str) -> list[dict]:
    """The health checks that decide, below calculated ones."""
    config = stack.resources[check_id]["Properties"]["HealthCheckConfig"]
    if config["Type"] != "CALCULATED":
        return [config]
    children = config["ChildHealthChecks"]
    assert config["HealthThreshold"] == len(children), "every child must agree"
    return [leaf for child in children for leaf in leaves(stack, child["Ref"])]


def test_each_region_writes_its_own_records_alone(system):
    for region in system.regions:
        own = f"{region}.{system.environment.domain}"
        assert set(records(system, region)) == {own, *public_names(system)}


def test_every_record_is_an_alias_of_its_region_s_public_load_balancer(system):
    for region in system.regions:
        stack = system.part(region, "records")
        for record in records(system, region).values():
            alias = record["AliasTarget"]
            assert alias["DNSName"]["Fn::Join"][1][0] == "dualstack."
            balancer = system.resource(stack, alias["DNSName"]["Fn::Join"][1][1])
            assert balancer.stack.region == region
            assert balancer.properties["Scheme"] == "internet-facing"


def test_every_record_follows_the_health_of_its_targets(system):
    for region in system.regions:
        for record in records(system, region).values():
            assert record["AliasTarget"]["EvaluateTargetHealth"] is True


def test_a_region_is_in_dns_while_its_logins_succeed(system):
    for region in system.regions:
        stack = system.part(region, "records")
        for name in public_names(system):
            found = leaves(stack, records(system, region)[name]["HealthCheckId"]["Ref"])
            [login] = [leaf for leaf in found if leaf["Type"] == "HTTPS"]
            assert login["ResourcePath"] == "/health/login"
            assert login["FullyQualifiedDomainName"] == f"{region}.{system.environment.domain}"
            assert login["EnableSNI"] is True
            assert login["RequestInterval"] * login["FailureThreshold"] <= 30


def test_the_checkers_ask_from_everywhere(system):
    """No list of Regions means all of Route 53's locations."""
    for check in system.of_type("AWS::Route53::HealthCheck"):
        assert "Regions" not in check.properties["HealthCheckConfig"]


@pytest.mark.parametrize("environment", ["production", "small"])
def test_the_switch_of_a_region_is_an_alarm_in_the_other(systems, environment):
    system = systems(environment)
    for region, other in zip(system.regions, system.regions[::-1], strict=True):
        stack = system.part(region, "records")
        alarms = system.part(other, "exit").of_type("AWS::CloudWatch::Alarm").values()
        names = [(alarm["AlarmName"], other) for alarm in alarms]
        for name in public_names(system):
            found = leaves(stack, records(system, region)[name]["HealthCheckId"]["Ref"])
            [switch] = [leaf for leaf in found if leaf["Type"] == "CLOUDWATCH_METRIC"]
            alarm = switch["AlarmIdentifier"]
            assert [(alarm["Name"], alarm["Region"])] == names


@pytest.mark.parametrize("environment", ["production", "small"])
def test_without_a_word_from_a_person_every_region_stays_in_dns(systems, environment):
    system = systems(environment)
    for check in system.of_type("AWS::Route53::HealthCheck"):
        config = check.properties["HealthCheckConfig"]
        if config["Type"] == "CLOUDWATCH_METRIC":
            assert config["InsufficientDataHealthStatus"] == "LastKnownStatus"
    for region in system.regions:
        for alarm in system.part(region, "exit").of_type("AWS::CloudWatch::Alarm").values():
            assert alarm["TreatMissingData"] == "ignore"


def test_a_region_is_left_without_any_of_our_code_running(system):
    """Static stability: Route 53's data plane decides, from health checks that are all there."""
    allowed = {
        "AWS::Route53::HostedZone",
        "AWS::Route53::RecordSet",
        "AWS::Route53::HealthCheck",
        "AWS::Route53::DNSSEC",
        "AWS::Route53::KeySigningKey",
        "AWS::KMS::Key",
        "AWS::CloudWatch::Alarm",
    }
    for name, stack in system.stacks.items():
        if name.rpartition("-")[2] in DNS_PARTS:
            assert {item["Type"] for item in stack.resources.values()} <= allowed


def test_no_alarm_of_dns_has_an_action(system):
    for name, stack in system.stacks.items():
        if name.rpartition("-")[2] in DNS_PARTS:
            for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
                assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & set(alarm)


def test_production_fails_over_from_the_primary_to_the_standby(production_system):
    roles = {"us-east-1": "PRIMARY", "us-west-2": "SECONDARY"}
    for region, role in roles.items():
        for name in public_names(production_system):
            record = records(production_system, region)[name]
            assert (record["Failover"], record["SetIdentifier"]) == (role, region)
            assert "Region" not in record


def test_small_serves_users_from_the_nearest_region(systems):
    system = systems("small")
    for region in system.regions:
        for name in public_names(system):
            record = records(system, region)[name]
            assert (record["Region"], record["SetIdentifier"]) == (region, region)
            assert "Failover" not in record


def test_a_region_s_own_name_reaches_it_whatever_its_health(system):
    """The checkers and a person ask it; a health check on it would ask itself."""
    for region in system.regions:
        record = records(system, region)[f"{region}.{system.environment.domain}"]
        assert not {"HealthCheckId", "Failover", "Region", "SetIdentifier"} & set(record)


def test_a_region_enters_dns_after_the_switch_that_takes_it_out(production_system):
    for region, other in (("us-east-1", "us-west-2"), ("us-west-2", "us-east-1")):
        waits_for = production_system.part(region, "records").dependencies
        assert production_system.part(other, "exit").name in waits_for


def test_the_commands_of_the_switch_run_in_the_region_that_stays(production_system):
    for stays, leaves_ in (("us-east-1", "us-west-2"), ("us-west-2", "us-east-1")):
        stack = production_system.part(stays, "exit")
        commands = {output["Value"] for output in stack.template["Outputs"].values()}
        [alarm] = stack.of_type("AWS::CloudWatch::Alarm").values()
        for value in (0, 1):
            assert (
                f"aws cloudwatch put-metric-data --region {stays} "
                f"--namespace {alarm['Namespace']} --metric-name {alarm['MetricName']} "
                f"--dimensions Region={leaves_} --value {value}"
            ) in commands
        assert alarm["Dimensions"] == [{"Name": "Region", "Value": leaves_}]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (
            1,
            "GreaterThanOrEqualToThreshold",
        )
