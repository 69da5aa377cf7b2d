"""The dry run of a destroy, by what stands, and the way to its end.

moto 5.2.5 deletes a protected stack and what a DeletionPolicy keeps, and cannot switch a stack's
protection off: here is what a destroy says, in which order it asks, and what it refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assembly.cdk_cli import CdkCli, CliRun
from assembly.reader import read
from deploy.clients import AwsClients
from deploy.command import Chosen
from deploy.destroy import Destruction
from tests.deploy.conftest import assemble, raise_stack, stack

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
KEPT_BUCKET = {"Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}}
ZONE = {
    "Zone": {
        "Type": "AWS::Route53::HostedZone",
        "DeletionPolicy": "Retain",
        "Properties": {"Name": "id.owner.test"},
    },
}
SIGNED = {**ZONE, "Signing": {"Type": "AWS::Route53::DNSSEC"}}


@dataclass(frozen=True, kw_only=True)
class InAccount(CdkCli):
    """Deletes what it is asked for, but for the paths in `stuck`."""

    clients: AwsClients
    stacks: dict = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *arguments: str) -> CliRun:
        names = arguments[1 : arguments.index("--exclusively")]
        self.asked.append(names)
        for name in names:
            if name in self.stuck:
                return CliRun(exit_code=1)
            one = self.stacks[name]
            self.clients("cloudformation", one["region"]).delete_stack(StackName=one["name"])
        return CliRun(exit_code=0)


@pytest.fixture
def stand(account, tmp_path, cli):
    """Raises these stacks; `files` are the stacks as the files have them by now."""

    def stand(*stacks, files=()):
        for one in stacks:
            raise_stack(account, one)
            cli.stacks[one["path"]] = one
        assemble(tmp_path, *(files or stacks))

    return stand


@pytest.fixture
def cli(account, tmp_path):
    return InAccount(assembly=tmp_path, variables={}, clients=account)


@pytest.fixture
def destroy(account, owned, cli, resolver, tmp_path):
    def destroy(typed="production", *, dry=False):
        lines: list[str] = []
        code = Destruction(
            of=Chosen(environment=owned, assembly=read(tmp_path)),
            clients=account,
            resolver=resolver,
            cli=cli,
            ask=lambda question: lines.append(question) or typed,
            dry=dry,
            write=lines.append,
        ).run()
        return code, "\n".join(lines)

    return destroy


THREE = (
    stack("Dns", ZONE),
    stack("us-east-1/Logs", KEPT_BUCKET),
    stack("us-east-1/App", TOPIC, depends_on=("us-east-1/Logs",)),
)


def test_says_the_order_and_what_stays_by_its_id(stand, destroy, account, cli):
    stand(*THREE)
    code, printed = destroy(dry=True)
    (bucket,) = account("s3", "us-east-1").list_buckets()["Buckets"]
    (zone,) = account("route53", "us-east-1").list_hosted_zones()["HostedZones"]
    assert (code, cli.asked) == (0, [])
    order = "in this order:\n  us-east-1/App, us-east-1/Logs\n  Dns\n"
    assert order in printed
    assert f"us-east-1  AWS::S3::Bucket  {bucket['Name']}  (Bucket)" in printed
    assert zone["Id"].rpartition("/")[2] in printed
    assert "the CDK's bootstrap" in printed


def test_destroys_wave_by_wave_once_the_name_is_typed(stand, destroy, cli):
    stand(*THREE)
    code, printed = destroy()
    assert code == 0
    assert cli.asked == [("us-east-1/App", "us-east-1/Logs"), ("Dns",)]
    assert "Type the environment's name to destroy it (production): " in printed
    assert "production is destroyed." in printed
    code, printed = destroy()
    assert code == 0
    assert printed == "Nothing of production stands in account 210987654321."


@pytest.mark.parametrize("typed", ["", "y", "small", "Production"])
def test_touches_nothing_for_any_other_word(stand, destroy, cli, typed):
    stand(*THREE)
    code, printed = destroy(typed)
    assert (code, cli.asked) == (1, [])
    assert printed.endswith(f"'{typed}' is not 'production'. Nothing was touched.")


def test_stops_at_a_stack_that_does_not_go_and_goes_on(stand, destroy, cli):
    stand(*THREE)
    cli.stuck.add("us-east-1/Logs")
    code, printed = destroy()
    assert code == 1
    assert cli.asked == [("us-east-1/App", "us-east-1/Logs")]
    assert "Wave 1 of 2 FAILED; the waves after it were not begun." in printed
    assert (
        "us-east-1/Logs: CREATE_COMPLETE, see aws cloudformation describe-stack-events" in printed
    )
    cli.stuck.clear()
    assert destroy()[0] == 0
    assert cli.asked[1:] == [("us-east-1/Logs",), ("Dns",)]


def test_goes_by_what_was_deployed_and_not_by_the_files_of_now(stand, destroy):
    let_go = {"Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Delete"}}
    stand(stack("us-east-1/Logs", KEPT_BUCKET), files=(stack("us-east-1/Logs", let_go),))
    _, printed = destroy(dry=True)
    assert "AWS::S3::Bucket" in printed


def test_refuses_while_a_stack_is_protected(stand, destroy, cli):
    stand(stack("us-east-1/Logs", TOPIC, protected=True))
    code, printed = destroy()
    assert (code, cli.asked) == (1, [])
    assert (
        "aws cloudformation update-termination-protection --region us-east-1 "
        "--stack-name mainstay-production-us-east-1-logs --no-enable-termination-protection"
    ) in printed
    assert "NOT READY TO DESTROY" in printed


TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    },
}


def test_refuses_while_a_resource_is_protected_as_it_is_now(stand, destroy, cli, account):
    stand(stack("us-west-2/Data", {"Table": TABLE}))
    dynamodb = account("dynamodb", "us-west-2")
    (name,) = dynamodb.list_tables()["TableNames"]
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    code, printed = destroy()
    assert (code, cli.asked) == (1, [])
    assert (
        f"aws dynamodb update-table --region us-west-2 --table-name {name} "
        "--no-deletion-protection-enabled"
    ) in printed
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    assert destroy()[0] == 0


def test_a_protected_table_that_stays_is_in_nobodys_way(stand, destroy, account):
    stand(stack("us-west-2/Data", {"Table": {**TABLE, "DeletionPolicy": "Retain"}}))
    dynamodb = account("dynamodb", "us-west-2")
    (name,) = dynamodb.list_tables()["TableNames"]
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    assert "switched off" not in destroy(dry=True)[1]


def test_refuses_while_the_parent_holds_a_ds_record_of_the_signed_zone(
    stand, destroy, cli, name_server
):
    stand(stack("Dns", SIGNED))
    name_server.ds = True
    code, printed = destroy()
    assert (code, cli.asked) == (1, [])
    assert "the DS record of id.owner.test at owner.test" in printed
    name_server.ds = False
    assert destroy()[0] == 0


def test_refuses_another_account(stand, destroy, cli, monkeypatch):
    stand(*THREE)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    code, printed = destroy()
    assert (code, cli.asked) == (1, [])
    assert "are of account 999999999999" in printed
    assert "Nothing was touched." in printed
