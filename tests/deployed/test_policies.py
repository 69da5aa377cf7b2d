"""AWS IAM's grammar of policies, by an implementation that the emulator does not share: moto's.

The emulator keeps a policy as it gets it; AWS refuses one that is malformed, in the middle of a
deploy.
"""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.deployed.deployment import Deployment


@pytest.fixture
def iam():
    """Return moto's AWS IAM, which checks each policy."""
    with mock_aws():
        yield boto3.client("iam", region_name="us-east-1")


def test_every_policy_of_every_role_is_well_formed(deployed: Deployment, iam):
    known = deployed.client("iam")
    for role in deployed.of_type("AWS::IAM::Role"):
        found = known.get_role(RoleName=role.ref)["Role"]
        trust = json.dumps(found["AssumeRolePolicyDocument"])
        iam.create_role(RoleName=role.ref, AssumeRolePolicyDocument=trust)
        for name in known.list_role_policies(RoleName=role.ref)["PolicyNames"]:
            document = known.get_role_policy(RoleName=role.ref, PolicyName=name)["PolicyDocument"]
            iam.put_role_policy(
                RoleName=role.ref, PolicyName=name, PolicyDocument=json.dumps(document)
            )


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "s3:GetObject"},  # no resource
        {"Effect": "allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Allow", "Action": "GetObject", "Resource": "*"},  # of no service
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "bucket/key"},  # no ARN
    ],
)
def test_a_malformed_policy_is_refused(iam, statement):
    trust = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust)
    document = {"Version": "2012-10-17", "Statement": [statement]}
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        iam.put_role_policy(RoleName="role", PolicyName="one", PolicyDocument=json.dumps(document))


_TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
