"""Which stores AWS Backup is opted in to, Region by Region.

moto 5.2.5 has no DescribeRegionSettings: botocore's Stubber answers instead, which holds every
request and answer against botocore's model of AWS Backup.
"""

import re
import shlex

import boto3
import pytest
from botocore import xform_name
from botocore.stub import Stubber

from deploy.checks.backup_opt_in import backup_opt_in
from deploy.findings import make
from tests.deploy.conftest import assemble, stack

VAULT = {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "Store"}}
ALL = {"Aurora": True, "DynamoDB": True, "S3": False}
NAME = "AWS Backup's opt-in"


def plan(*copies):
    rule = {"RuleName": "nightly", "TargetBackupVault": "Store", "CopyActions": list(copies)}
    properties = {"BackupPlan": {"BackupPlanName": "Plan", "BackupPlanRule": [rule]}}
    return {"Type": "AWS::Backup::BackupPlan", "Properties": properties}


COPYING = plan({"DestinationBackupVaultArn": "arn"})


@pytest.fixture
def stubs(account):
    """`stubs.clients` answers a Region's call as `stubs(region, opted, managed)` says, once."""

    class Stubs:
        def __init__(self):
            self.backup = {}

        def stubber(self, region):
            client = boto3.client("backup", region_name=region)
            self.backup[region] = client
            stubber = Stubber(client)
            stubber.activate()
            return stubber

        def __call__(self, region, opted, managed=None):
            answer = {"ResourceTypeOptInPreference": opted}
            answer["ResourceTypeManagementPreference"] = managed or {"DynamoDB": True, "EFS": True}
            self.stubber(region).add_response("describe_region_settings", answer, {})

        def clients(self, service, region):
            assert service == "backup"
            return self.backup[region]

    return Stubs()


def check(stubs, directory, *stacks):
    return list(backup_opt_in(stubs.clients, assemble(directory, *stacks).stacks.values()))


def test_asks_each_region_with_a_plan_or_a_vault_once(stubs, tmp_path):
    stubs("us-east-1", ALL)
    stubs("us-west-2", ALL)
    stacks = (
        stack("us-east-1/Backups", {"Vault": VAULT}),
        stack("us-east-1/BackupPlan", {"Plan": COPYING}),
        stack("us-west-2/Backups", {"Vault": VAULT}),
        stack("eu-west-1/Other", {"Topic": {"Type": "AWS::SNS::Topic"}}),
    )
    assert check(stubs, tmp_path, *stacks) == []


def test_finds_every_store_without_opt_in_in_each_region(stubs, tmp_path):
    stubs("us-east-1", {"Aurora": False, "DynamoDB": False, "S3": True})
    stubs("us-west-2", {"DynamoDB": True, "S3": True})
    east, west = check(
        stubs,
        tmp_path,
        stack("us-east-1/BackupPlan", {"Plan": plan()}),
        stack("us-west-2/Backups", {"Vault": VAULT}),
    )
    assert "not opted in to Aurora and DynamoDB in us-east-1" in east.what
    assert east.fix == (
        "aws backup update-region-settings --region us-east-1 "
        "--resource-type-opt-in-preference Aurora=true,DynamoDB=true"
    )
    assert "not opted in to Aurora in us-west-2" in west.what
    assert west.fix.endswith("--region us-west-2 --resource-type-opt-in-preference Aurora=true")


def test_finds_tables_whose_backups_cannot_be_copied_only_where_a_plan_copies(stubs, tmp_path):
    stubs("us-east-1", ALL, {"DynamoDB": False})
    stubs("us-west-2", ALL, {"DynamoDB": False})
    (problem,) = check(
        stubs,
        tmp_path,
        stack("us-east-1/BackupPlan", {"Plan": COPYING}),
        stack("us-west-2/BackupPlan", {"Plan": plan()}),
    )
    assert "does not manage DynamoDB in us-east-1: it cannot copy" in problem.what
    assert problem.fix.endswith("--resource-type-management-preference DynamoDB=true")


def test_fixes_are_in_the_words_of_the_model(stubs, tmp_path):
    stubs("us-east-1", {}, {"EFS": True})
    problems = check(stubs, tmp_path, stack("us-east-1/BackupPlan", {"Plan": COPYING}))
    shape = stubs.backup["us-east-1"].meta.service_model.operation_model("UpdateRegionSettings")
    members = {xform_name(name, "-"): map_ for name, map_ in shape.input_shape.members.items()}
    assert len(problems) == 2
    for problem in problems:
        *command, option, value = shlex.split(problem.fix)
        assert command == ["aws", "backup", "update-region-settings", "--region", "us-east-1"]
        map_ = members[option.removeprefix("--")]
        assert (map_.type_name, map_.value.type_name) == ("map", "boolean")
        assert re.fullmatch(r"\w+=true(,\w+=true)*", value)


def test_denied_is_named_as_not_checked(stubs, tmp_path):
    stubs.stubber("us-east-1").add_client_error(
        "describe_region_settings", "AccessDeniedException", http_status_code=403
    )
    stacks = assemble(tmp_path, stack("us-east-1/BackupPlan", {"Plan": plan()})).stacks.values()
    found = make([(NAME, lambda: backup_opt_in(stubs.clients, stacks))])
    assert (found.problems, found.made) == ((), ())
    assert [one.why for one in found.unmade] == [
        "the credentials may not call DescribeRegionSettings"
    ]


def test_unknown_to_whatever_answers_is_named_as_not_checked(account, tmp_path):
    stacks = assemble(tmp_path, stack("us-east-1/BackupPlan", {"Plan": plan()})).stacks.values()
    (unmade,) = make([(NAME, lambda: backup_opt_in(account, stacks))]).unmade
    assert (unmade.check, "DescribeRegionSettings answered" in unmade.why) == (NAME, True)
