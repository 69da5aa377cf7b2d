"""Who may deploy: one repository, in one GitHub environment, and nothing but deploy."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from mainstay.delivery.github_deployer import GithubDeployer

ISSUER = "token.actions.githubusercontent.com"


@pytest.fixture
def template(stack: cdk.Stack) -> Template:
    GithubDeployer(
        stack,
        "Deployer",
        environment_name="small",
        repository="owner/name",
        regions=("us-east-1", "us-west-2"),
    )
    return Template.from_stack(stack)


def test_trusts_one_repository_in_one_environment(template: Template):
    trusted: dict[str, Any] = {
        f"{ISSUER}:aud": "sts.amazonaws.com",
        f"{ISSUER}:sub": "repo:owner/name:environment:small",
    }
    template.has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    Match.object_like(
                        {
                            "Action": "sts:AssumeRoleWithWebIdentity",
                            "Condition": {"StringEquals": trusted},
                        }
                    )
                ]
            }
        },
    )


def test_may_assume_bootstrap_roles_and_nothing_else(template: Template):
    (policy,) = template.find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert len(statement["Resource"]) == 8
    assert all("role/cdk-hnb659fds-" in resource for resource in statement["Resource"])
