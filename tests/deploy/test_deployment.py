"""A deploy's way through its waves: what it asks, where it stops, and how it goes on.

The account is moto's, so the CLI stands in here: a subclass that makes the stacks in the account.
The words for the real CLI are proven against it in `test_cdk_cli.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assembly.cdk_cli import CdkCli, CliRun
from deploy.checks.every import DeployChecks
from deploy.clients import AwsClients, session_clients
from deploy.command import Chosen
from deploy.confirm import NotConfirmedError, at_terminal
from deploy.deploy import Deployment
from tests.deploy.conftest import assemble, raise_stack, stack

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
ZONE = {"Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "id.owner.test"}}}
STACKS = {
    "Dns": stack("Dns", ZONE),
    "us-west-2/Logs": stack("us-west-2/Logs", TOPIC),
    "us-west-2/App": stack("us-west-2/App", TOPIC, depends_on=("us-west-2/Logs",)),
    "us-east-1/App": stack("us-east-1/App", TOPIC),
}
WAVES = {
    "Dns": ("Dns",),
    "us-west-2/*": ("us-west-2/Logs", "us-west-2/App"),
    "us-east-1/*": ("us-east-1/App",),
}
DEPLOYS = [("deploy", *paths) for paths in WAVES.values()]


@dataclass(frozen=True, kw_only=True)
class InAccount(CdkCli):
    """Makes what it is asked for, but for the paths in `broken`."""

    clients: AwsClients
    after: dict[str, Callable[[], object]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *arguments: str) -> CliRun:
        names = arguments[1 : arguments.index("--exclusively")]
        self.asked.append((arguments[0], *names))
        if arguments[0] != "deploy":
            return CliRun(exit_code=0)
        for path in names:
            if path in self.broken:
                return CliRun(exit_code=1)
            one = STACKS[path]
            cloudformation = self.clients("cloudformation", one["region"])
            standing = cloudformation.describe_stacks()["Stacks"]
            if one["name"] not in {live["StackName"] for live in standing}:
                raise_stack(self.clients, one)
        self.after.get(names[0], lambda: None)()
        return CliRun(exit_code=0)


@pytest.fixture
def delegate(account, name_server):
    """Does at the parent what a person does once the zone stands."""

    def delegate():
        route53 = account("route53", "us-east-1")
        zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
        servers = route53.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]
        name_server.referral = tuple(servers)

    return delegate


@pytest.fixture
def cli(account, tmp_path):
    return InAccount(assembly=tmp_path, variables={}, clients=account)


@pytest.fixture
def deploy(account, owned, resolver, cli, tmp_path):
    """Starts a deploy; `answers` are those of the person, and an exit code and lines come back."""

    def deploy(answers: Any = "y", clients: AwsClients = account, folder: Path = tmp_path):
        assembly = assemble(folder, *STACKS.values())
        of = Chosen(environment=owned, assembly=assembly)
        given, lines = iter([answers] if isinstance(answers, str) else answers), []

        def ask(question: str) -> str:
            lines.append(question)
            return next(given, "y")

        code = Deployment(
            of=of,
            checks=DeployChecks(
                environment=owned,
                assembly=assembly,
                clients=clients,
                resolver=resolver,
                variables={"PATH": ""},
            ),
            clients=clients,
            cli=cli,
            ask=ask,
            write=lines.append,
        ).run()
        return code, "\n".join(lines)

    return deploy


def test_stops_after_the_zone_for_its_delegation_and_goes_on(deploy, cli, delegate):
    code, printed = deploy()
    assert code == 1
    assert cli.asked == [("deploy", "Dns")]
    assert "The zone stands; the other waves wait for the delegation of its domain:" in printed
    assert "fix: at owner.test, make the NS records of id.owner.test exactly" in printed
    assert "Then `make deploy ENV=production`: it goes on from here." in printed

    delegate()
    code, printed = deploy()
    assert code == 0
    assert cli.asked[1:] == DEPLOYS
    assert "stands: CREATE_COMPLETE" in printed
    assert "Every wave is deployed." in printed
    assert "hosted_zone_id" in printed
    assert "DS record" in printed


def test_goes_through_in_one_start_where_the_delegation_is_there_in_time(deploy, cli, delegate):
    cli.after["Dns"] = delegate
    assert deploy()[0] == 0
    assert cli.asked == DEPLOYS


def test_asks_before_each_wave_with_its_stacks(deploy, cli, delegate):
    cli.after["Dns"] = delegate
    _, printed = deploy()
    assert "Wave 2 of 3: us-west-2/*\n  us-west-2/Logs           new\n  us-west-2/App" in printed
    for wave in WAVES:
        assert f"Deploy {wave} of production? [y]es, [d]iff, [N]o: " in printed


@pytest.mark.parametrize("answer", ["", "n", "production"])
def test_anything_but_yes_is_no(deploy, cli, answer):
    code, printed = deploy(answer)
    assert code == 1
    assert cli.asked == []
    assert "Wave 1 of 3 was not confirmed" in printed


def test_shows_the_difference_and_asks_again(deploy, cli):
    deploy(["d", "n"])
    assert cli.asked == [("diff", "Dns")]


def test_stops_at_the_first_wave_that_fails_and_goes_on_with_it(deploy, cli, delegate):
    cli.after["Dns"] = delegate
    cli.broken.add("us-west-2/App")
    code, printed = deploy()
    assert code == 1
    assert cli.asked == DEPLOYS[:2]
    assert "Wave 2 of 3 FAILED; the waves after it were not begun." in printed
    assert "us-west-2/App: not made" in printed
    assert "us-west-2/Logs: " not in printed
    assert "`make deploy ENV=production`:" in printed

    cli.broken.clear()
    assert deploy()[0] == 0
    assert cli.asked[2:] == DEPLOYS


def test_touches_nothing_while_a_check_finds_something(deploy, cli, account):
    raise_stack(account, STACKS["Dns"])  # and nobody has delegated the domain to it
    code, printed = deploy()
    assert (code, cli.asked) == (1, [])
    assert "id.owner.test is not delegated" in printed
    assert printed.endswith("Nothing was touched.")


def test_touches_nothing_in_another_account(deploy, cli, monkeypatch):
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    code, printed = deploy()
    assert (code, cli.asked) == (1, [])
    words = " ".join(printed.split())
    assert "are of account 999999999999; production belongs to 210987654321" in words
    assert "Nothing was touched." in printed


def test_touches_nothing_without_credentials(deploy, cli, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    code, printed = deploy(clients=session_clients())
    assert (code, cli.asked) == (1, [])
    assert "NOT READY TO DEPLOY: there are no credentials" in printed
    assert "AWS_PROFILE=<name>, for account 210987654321" in printed


def test_deploys_what_was_confirmed_and_no_later_synth(deploy, cli, delegate, tmp_path):
    def another_synth():
        delegate()
        assemble(tmp_path, stack("Dns", TOPIC, environment="small"))

    cli.after["Dns"] = another_synth
    with pytest.raises(ValueError, match="was synthesized again meanwhile"):
        deploy()
    assert cli.asked == [("deploy", "Dns")]


def test_nobody_at_the_terminal_is_no_yes():
    with pytest.raises(NotConfirmedError, match="YES=1 confirms every wave"):
        at_terminal("YES=1 confirms every wave")("Deploy? ")
