"""The plan of the deploys, against the assembly that it is a plan for."""

import dataclasses
from fnmatch import fnmatchcase

import pytest

from assembly.waves import wave_patterns
from config.cluster import ClusterZones
from config.databases import ReportingCluster
from config.environments import DEV, ENVIRONMENTS, PRODUCTION, SMALL
from review.deploy_page import render
from review.deploy_plan import placeholders, steps, used_regions, zone_stack_name

OWN = dataclasses.replace(PRODUCTION, account="210987654321", domain="id.owner.test")


def commands(environment):
    return [line for step in steps(environment) for line in step.commands]


def position(environment, word):
    """The one step whose title or commands hold the word."""
    found = [
        number
        for number, step in enumerate(steps(environment))
        if any(word in text for text in (step.title, *step.commands))
    ]
    assert len(found) == 1, word
    return found[0]


class TestPlaceholders:
    @pytest.mark.parametrize("name", ENVIRONMENTS)
    def test_are_the_account_and_the_domain_as_shipped(self, name):
        account, domain = placeholders(ENVIRONMENTS[name])
        assert account == "the account 111122223333 is the placeholder, not yours"
        assert domain.startswith(f"the domain {ENVIRONMENTS[name].domain} is the placeholder")

    @pytest.mark.parametrize("domain", ["notexample.com", "example.com.owner.test"])
    def test_are_not_what_only_looks_like_them(self, domain):
        assert placeholders(dataclasses.replace(OWN, domain=domain)) == ()


@pytest.mark.parametrize("name", ENVIRONMENTS)
class TestAgainstTheAssembly:
    @pytest.fixture
    def environment(self, name):
        return ENVIRONMENTS[name]

    @pytest.fixture
    def stacks(self, name, assembly_of):
        return tuple(assembly_of(name).stacks.values())

    def test_every_stack_is_in_one_wave_and_every_wave_has_stacks(self, environment, stacks):
        for stack in stacks:
            assert sum(fnmatchcase(stack.path, wave) for wave in wave_patterns(environment)) == 1
        for wave in wave_patterns(environment):
            assert any(fnmatchcase(stack.path, wave) for stack in stacks)

    def test_the_first_wave_is_the_zone_and_needs_nothing(self, environment, stacks):
        first = wave_patterns(environment)[0]
        (zone,) = (stack for stack in stacks if stack.path == first)
        assert zone.name == zone_stack_name(environment)
        assert zone.dependencies == ()
        assert any(kind == "AWS::Route53::HostedZone" for kind in _types(zone))

    def test_a_wave_leaves_the_other_regions_entry_into_dns_alone(self, environment, stacks):
        """What a wave draws in of the other Region is never what brings that Region into DNS."""
        by_name = {stack.name: stack for stack in stacks}
        for wave in wave_patterns(environment)[1:]:
            drawn = [stack for stack in stacks if fnmatchcase(stack.path, wave)]
            for stack in drawn:
                needed = (by_name[name] for name in stack.dependencies)
                drawn += [other for other in needed if other not in drawn]
            for stack in drawn:
                if not fnmatchcase(stack.path, wave) and stack.path != "Dns":
                    assert "AWS::Route53::RecordSet" not in _types(stack)

    def test_bootstraps_every_region_that_holds_a_stack(self, environment, stacks):
        assert set(used_regions(environment)) == {stack.region for stack in stacks}

    def test_asks_the_address_that_route_53_asks(self, environment, stacks):
        checks = [
            check["HealthCheckConfig"]
            for stack in stacks
            for check in stack.of_type("AWS::Route53::HealthCheck").values()
        ]
        addresses = {
            f"curl -sSf https://{check['FullyQualifiedDomainName']}{check['ResourcePath']}"
            for check in checks
            if "ResourcePath" in check
        }
        assert addresses == {line for line in commands(environment) if line.startswith("curl")}

    def test_names_outputs_that_the_zone_has(self, name, environment, assembly_of):
        outputs = assembly_of(name).stacks[zone_stack_name(environment)].template["Outputs"]
        plan = " ".join(f"{step.title} {step.why}" for step in steps(environment))
        for word in ("NameServers", "ZoneId"):
            assert f"output {word}" in plan
            assert any(word in output for output in outputs)


class TestOrder:
    def test_is_zone_then_delegation_then_standby_then_primary_then_ds_record(self):
        order = [
            position(PRODUCTION, "config/environments.py"),
            position(PRODUCTION, "bootstrap"),
            position(PRODUCTION, "deploy Dns"),
            position(PRODUCTION, "Delegate"),
            position(PRODUCTION, "ZoneId"),
            position(PRODUCTION, "us-west-2/*"),
            position(PRODUCTION, "us-east-1/*"),
            position(PRODUCTION, "DS record"),
        ]
        assert order == list(range(len(steps(PRODUCTION))))

    def test_bootstraps_the_zones_region_though_no_tier_stands_there(self):
        zones = ClusterZones(writer="euw1-az1", readers=(), storage=("euw1-az2",))
        elsewhere = dataclasses.replace(
            DEV,
            primary=dataclasses.replace(
                DEV.primary, name="eu-west-1", zone_ids=("euw1-az1", "euw1-az2")
            ),
            databases=dataclasses.replace(
                DEV.databases,
                entity=dataclasses.replace(DEV.databases.entity, master_a=zones),
                transaction=dataclasses.replace(DEV.databases.transaction, primary=zones),
                reporting=ReportingCluster(zones=zones, size=DEV.databases.entity.size),
            ),
        )
        assert used_regions(elsewhere) == ("eu-west-1", "us-east-1")

    def test_an_unsigned_zone_has_no_ds_record(self):
        assert not any("DS record" in step.title for step in steps(SMALL))

    def test_a_known_zone_is_not_adopted_again(self):
        known = dataclasses.replace(PRODUCTION, hosted_zone_id="Z0123ABC")
        assert len(steps(known)) == len(steps(PRODUCTION)) - 1
        assert any("get-dnssec --hosted-zone-id Z0123ABC" in line for line in commands(known))

    def test_says_how_the_ds_record_is_undone(self):
        why = steps(PRODUCTION)[-1].why
        assert why.index("take the DS record away") < why.index("dnssec=False")


class TestPage:
    @pytest.mark.parametrize("name", ENVIRONMENTS)
    def test_fits_100_columns(self, name):
        assert max(map(len, render(ENVIRONMENTS[name], ["a problem"], ready=False))) <= 100

    def test_says_what_was_found_before_the_plan(self):
        page = "\n".join(render(PRODUCTION, ["- a problem"], ready=False))
        assert page.index("NOT READY") < page.index("  - a problem") < page.index(" 1. ")
        assert "NOT READY" not in "\n".join(render(PRODUCTION, ["checked: all"], ready=True))

    def test_commands_survive_their_line_breaks(self):
        page = "\n".join(render(PRODUCTION, [], ready=True)).replace(" \\\n        ", " ")
        for line in commands(PRODUCTION):
            assert f"    $ {line}\n" in page

    def test_names_the_command_that_does_it(self):
        assert "`make deploy ENV=small`" in " ".join(render(SMALL, [], ready=True))


def _types(stack):
    return {item["Type"] for item in stack.resources.values()}
