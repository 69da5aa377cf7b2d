"""Whose credentials these are, and what their account has of Regions and zones."""

import dataclasses

import pytest
from botocore import exceptions

from deploy.checks.identity import account as of_account
from deploy.checks.identity import shell
from deploy.checks.regions import regions
from deploy.clients import meaning, shell_region


class TestAccount:
    def test_of_the_environment_passes(self, account, owned):
        assert list(of_account(account("sts", "us-east-1"), owned)) == []

    def test_another_one_is_named_with_both_numbers(self, account, owned):
        other = dataclasses.replace(owned, account="999999999999")
        (problem,) = of_account(account("sts", "us-east-1"), other)
        assert "are of account 210987654321; production belongs to 999999999999" in problem.what
        assert "AWS_PROFILE" in problem.fix


class TestShell:
    @pytest.mark.parametrize("region", ["us-east-1", "us-west-2", None])
    def test_may_name_a_region_of_the_environment_or_none(self, region, owned):
        assert list(shell(region, owned)) == []

    def test_may_not_name_another_one(self, owned):
        (problem,) = shell("eu-west-1", owned)
        assert "the shell's Region is eu-west-1; production uses us-east-1 and us-west-2" in (
            problem.what
        )

    def test_takes_the_region_that_the_cdk_takes(self):
        both = {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "eu-west-1"}
        assert shell_region(both) == "us-west-2"
        assert shell_region({"AWS_DEFAULT_REGION": "eu-west-1"}) == "eu-west-1"


class TestRegions:
    def test_of_the_environment_are_there_with_their_zones(self, account, owned):
        assert list(regions(account, owned)) == []

    def test_every_disabled_one_and_every_missing_zone_is_named_at_once(self, account, owned):
        # moto's accounts have not opted into Hong Kong.
        elsewhere = dataclasses.replace(owned.standby, name="ap-southeast-1")
        object.__setattr__(elsewhere, "name", "ap-east-1")  # no deployment may name it yet
        primary = dataclasses.replace(owned.primary)
        object.__setattr__(primary, "zone_ids", ("use1-az1", "use1-az9"))
        environment = dataclasses.replace(owned)
        object.__setattr__(environment, "standby", elsewhere)
        object.__setattr__(environment, "primary", primary)
        disabled, missing = regions(account, environment)
        assert disabled.what == "the Region ap-east-1 is not enabled in the account"
        assert disabled.fix == "aws account enable-region --region-name ap-east-1"
        assert missing.what == "the account has no available zone use1-az9 in us-east-1"
        assert "use1-az1, use1-az2" in missing.fix


class TestMeaning:
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (exceptions.NoCredentialsError(), "there are no credentials"),
            (exceptions.ProfileNotFound(profile="none"), "there are no credentials"),
            (
                exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
                "AWS does not answer",
            ),
            (
                exceptions.ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"),
                "the credentials are refused (ExpiredToken)",
            ),
            (
                exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeStacks"),
                "the credentials may not call DescribeStacks",
            ),
        ],
    )
    def test_is_said_in_the_words_of_the_person_who_asked(self, error, words):
        assert words in meaning(error)
