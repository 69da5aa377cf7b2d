"""All checks together: every problem at once, and what could not be seen."""

import dataclasses
import json

import pytest

from assembly.reader import read
from deploy.checks.every import DeployChecks
from deploy.clients import session_clients
from tests.deploy.conftest import assemble, path_with, raise_stack, stack

ZONE = {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "id.owner.test"}}
NEEDY = stack("us-west-2/Network", {"Address": {"Type": "AWS::EC2::EIP"}})
SHELL = {"AWS_REGION": "us-east-1"}
OF_ACCOUNT = (
    "Regions and zones",
    "bootstrap",
    "states of stacks",
    "quotas",
    "AWS Backup's opt-in",
    "offers of the zones",
    "legacy target groups",
    "delegation of the domain",
)


@pytest.fixture
def directory(tmp_path):
    """An assembly that needs a bootstrap, an image and an address, and has a zone."""
    assemble(tmp_path, stack("Dns", {"Zone": ZONE}), NEEDY)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    network = manifest["artifacts"]["us-west-2Network"]
    network["properties"] |= {
        "requiresBootstrapStackVersion": 6,
        "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/test/version",
    }
    network["dependencies"].append("Network.assets")
    manifest["artifacts"]["Network.assets"] = {
        "type": "cdk:asset-manifest",
        "properties": {"file": "Network.assets.json"},
    }
    image = {"displayName": "App", "source": {"platform": "linux/arm64"}}
    (tmp_path / "Network.assets.json").write_text(json.dumps({"dockerImages": {"1": image}}))
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


@pytest.fixture
def checks(directory, owned, resolver, program):
    docker = path_with(program("docker", "echo no daemon >&2; exit 1"))

    def checks(clients, environment=owned, **shell):
        return DeployChecks(
            environment=environment,
            assembly=read(directory),
            clients=clients,
            resolver=resolver,
            variables={"PATH": docker["PATH"], **(shell or SHELL)},
        ).all()

    return checks


def test_find_every_problem_at_once(checks, account, quota):
    raise_stack(account, stack("Dns", {"Zone": ZONE}))
    quota("ec2", "L-0263D0A3", 0)
    found = checks(account)
    assert found.unmade == ()
    parameter = "/cdk-bootstrap/test/version"
    assert [problem.what.partition(",")[0] for problem in found.problems] == [
        "the deploy builds container images",
        f"us-west-2 is not bootstrapped for the CDK: it has no parameter {parameter}",
        "us-west-2: 'EC2-VPC Elastic IPs' is 0",
        "id.owner.test is not delegated: owner.test names no servers for it",
    ]
    assert all(problem.fix for problem in found.problems)


def test_find_nothing_where_all_is_well(checks, account, quota, program, name_server):
    raise_stack(account, stack("Dns", {"Zone": ZONE}))
    program("docker", "echo linux/arm64")
    quota("ec2", "L-0263D0A3", 5)
    account("ssm", "us-west-2").put_parameter(
        Name="/cdk-bootstrap/test/version", Value="6", Type="String"
    )
    route53 = account("route53", "us-east-1")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    name_server.referral = tuple(route53.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"])
    found = checks(account)
    assert (found.problems, found.unmade) == ((), ())
    assert set(OF_ACCOUNT) < set(found.made)


def test_of_another_account_are_not_made_there(checks, account, owned):
    other = dataclasses.replace(owned, account="999999999999")
    found = checks(account, other)
    assert "are of account 210987654321" in "\n".join(one.what for one in found.problems)
    assert tuple(one.check for one in found.unmade) == OF_ACCOUNT


def test_without_credentials_say_what_was_not_seen_and_see_the_rest(checks, monkeypatch, quota):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    found = checks(session_clients())
    assert {one.check for one in found.unmade} == {"credentials and account", *OF_ACCOUNT}
    (why,) = {one.why for one in found.unmade}
    assert why.startswith("there are no credentials")
    (docker,) = found.problems
    assert "no daemon" in docker.what


def test_at_an_emulator_leave_out_what_only_aws_and_the_dns_know(
    checks, account, owned, name_server, quota
):
    quota("ec2", "L-0263D0A3", 5)
    placeholder = dataclasses.replace(owned, domain="id.example.com")
    found = checks(account, placeholder, AWS_ENDPOINT_URL="http://127.0.0.1:9", **SHELL)
    assert [one.check for one in found.unmade] == [
        "placeholders",
        "image builds",
        "AWS Backup's opt-in",
        "offers of the zones",
        "legacy target groups",
        "delegation of the domain",
    ]
    assert [one.what.partition(" ")[0] for one in found.problems] == ["us-west-2"]  # bootstrap
    assert name_server.asked == []


def test_are_told_in_lines_whose_mends_can_be_copied(checks, account, quota):
    quota("ec2", "L-0263D0A3", 0)
    lines = checks(account).render()
    (request,) = [line for line in lines if "request-service-quota-increase" in line]
    assert request.strip() == (
        "fix: aws service-quotas request-service-quota-increase --region us-west-2 "
        "--service-code ec2 --quota-code L-0263D0A3 --desired-value 1"
    )
    assert lines[-1].startswith(("checked: placeholders", "  "))
