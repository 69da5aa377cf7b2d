"""The parent's delegation, asked over real UDP, against the zone that Route 53 has."""

import dataclasses

import dns.rcode
import pytest

from deploy.checks.delegation import delegation, zone_exists
from deploy.dns import Dns, DnsError
from deploy.findings import CheckProblem, Unmade
from review.deploy_plan import zone_stack_name
from tests.deploy.conftest import DOMAIN, raise_stack, stack

ZONE = {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": DOMAIN}}


@pytest.fixture
def zone(account):
    """The zone's stack stands; its servers, as Route 53 says."""
    raise_stack(account, stack("Dns", {"Zone": ZONE}))
    route53 = account("route53", "us-east-1")
    (found,) = route53.list_hosted_zones()["HostedZones"]
    servers = route53.get_hosted_zone(Id=found["Id"])["DelegationSet"]["NameServers"]
    return found["Id"].rpartition("/")[2], tuple(sorted(servers))


@pytest.fixture
def found(account, owned, resolver):
    def found(*, hosted_zone_id=None, dnssec=True):
        environment = dataclasses.replace(owned, dnssec=dnssec)
        # moto's ids do not begin with a Z, as those of Route 53 do and the environment asks.
        object.__setattr__(environment, "hosted_zone_id", hosted_zone_id)
        return list(delegation(account, environment, resolver))

    return found


class TestAtParent:
    def test_asks_a_server_of_the_enclosing_zone_for_what_it_knows_itself(
        self, name_server, resolver
    ):
        name_server.referral = ("ns-1.zone.test", "NS-2.Zone.Test")
        seen = resolver.at_parent("id.owner.test")
        assert (seen.parent, seen.has_ds) == ("owner.test", False)
        assert seen.name_servers == {"ns-1.zone.test", "ns-2.zone.test"}
        assert ("id.owner.test.", "NS", False) in name_server.asked
        assert ("id.owner.test.", "NS", True) not in name_server.asked

    def test_climbs_to_the_zone_that_delegates(self, name_server, resolver):
        """`preview.deep` has no zone of its own: owner.test delegates its names."""
        assert resolver.at_parent("preview.deep.owner.test").parent == "owner.test"

    def test_takes_the_answer_of_a_server_that_holds_both_zones(self, name_server, resolver):
        name_server.referral, name_server.in_answer = ("ns-1.zone.test",), True
        assert resolver.at_parent("id.owner.test").name_servers == {"ns-1.zone.test"}

    def test_a_server_that_fails_is_no_missing_delegation(self, name_server, resolver):
        name_server.rcode = dns.rcode.SERVFAIL
        with pytest.raises(DnsError, match="the DNS does not answer"):
            resolver.at_parent("id.owner.test")

    def test_a_silent_dns_ends_in_time(self, name_server):
        name_server.close()
        with pytest.raises(DnsError, match="the DNS does not answer"):
            Dns(resolvers=("127.0.0.1",), port=name_server.port, timeout=0.2).at_parent(DOMAIN)


class TestDelegation:
    def test_is_nobodys_problem_before_the_zone_exists(self, found, account, owned):
        assert found() == []
        assert not zone_exists(account, owned)

    def test_that_names_the_zones_servers_exactly_passes(self, found, zone, name_server):
        _, name_server.referral = zone
        assert found() == []

    def test_missing_names_the_parent_and_every_server(self, found, zone, account, owned):
        _, servers = zone
        (problem,) = found()
        assert problem.what == "id.owner.test is not delegated: owner.test names no servers for it"
        assert all(server in problem.fix for server in servers)
        assert "docs/runbooks/delegation.md" in problem.fix
        assert zone_exists(account, owned)

    def test_elsewhere_names_where(self, found, zone, name_server):
        name_server.referral = ("ns.registrar.test",)
        (problem,) = found()
        assert "is delegated elsewhere: owner.test names ns.registrar.test" in problem.what

    def test_in_part_names_what_is_missing_and_what_is_foreign(self, found, zone, name_server):
        _, servers = zone
        name_server.referral = (*servers[1:], "ns.registrar.test")
        (problem,) = found()
        assert problem.what == (
            f"id.owner.test is delegated without {servers[0]} and with ns.registrar.test at "
            "owner.test"
        )

    def test_of_an_adopted_zone_passes(self, found, zone, name_server):
        zone_id, name_server.referral = zone
        assert found(hosted_zone_id=zone_id) == []

    def test_refuses_an_environment_that_names_another_zone(self, found, zone, account, owned):
        zone_id, servers = zone
        other = account("route53", "us-east-1").create_hosted_zone(
            Name=DOMAIN, CallerReference="other"
        )
        named = other["HostedZone"]["Id"].rpartition("/")[2]
        problem, *_ = found(hosted_zone_id=named)
        assert f"hosted_zone_id' is {named}" in problem.what
        assert f"{zone_stack_name(owned)} is {zone_id}" in problem.what

    def test_a_ds_record_without_signatures_takes_the_domain_away(self, found, zone, name_server):
        _, name_server.referral = zone
        name_server.ds = True
        assert found() == []  # production signs
        (problem,) = found(dnssec=False)
        assert "owner.test holds a DS record of id.owner.test" in problem.what
        assert "the zone is not signed" in problem.what

    def test_a_ds_record_of_a_zone_to_come_is_told_before_it_comes(self, found, name_server):
        name_server.ds = True
        (problem,) = found()
        assert "does not exist yet" in problem.what

    def test_is_unmade_where_the_dns_does_not_answer(self, found, zone, name_server):
        name_server.rcode = dns.rcode.REFUSED
        (unmade,) = found()
        assert isinstance(unmade, Unmade)
        assert not isinstance(unmade, CheckProblem)
