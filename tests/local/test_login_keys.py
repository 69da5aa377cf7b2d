"""The keys of a role's session in the emulator are those that a database login is judged by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest

from local.login_keys import LoginKeys
from local.postgres.token import Login, refusal
from local.target import LocalTarget
from tests.local.contract.conftest import running_emulator
from tests.local.contract.deployment import ACCOUNT

REGION, HOST = "us-east-1", "a.cluster-b.us-east-1.rds.amazonaws.com"
USERS = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:cluster-B"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    folder = tmp_path_factory.mktemp("emulator")
    with running_emulator(folder) as emulator:
        yield LocalTarget(endpoint=emulator.endpoint, account=ACCOUNT, folder=folder)


@pytest.fixture(scope="module")
def session(target: LocalTarget) -> boto3.Session:
    iam, sts = target.client("iam", REGION), target.client("sts", REGION)
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    allowed = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": f"{USERS}/app_writer"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="app", PolicyName="databases", PolicyDocument=policy)
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="task")["Credentials"]
    return boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION
    )


def judged(target: LocalTarget, session: boto3.Session, user: str) -> str | None:
    token = session.client("rds").generate_db_auth_token(
        DBHostname=HOST, Port=5432, DBUsername=user, Region=REGION
    )
    login = Login(region=REGION, hosts=(HOST,), port=5432, user=user, users=USERS)
    return refusal(token, login, now=datetime.now(UTC), keys=LoginKeys(target))


def test_a_session_s_token_is_judged_by_the_secret_that_it_was_given(target, session):
    assert judged(target, session, "app_writer") is None
    assert "no identity-based policy allows" in (judged(target, session, "other") or "")
    keys = session.get_credentials()
    for token in ("another", None):
        other = boto3.Session(keys.access_key, keys.secret_key, token, REGION)
        assert "no role has the access key" in (judged(target, other, "app_writer") or "")
    other = boto3.Session(keys.access_key, "another", keys.token, REGION)
    assert "the signature is not" in (judged(target, other, "app_writer") or "")


def test_the_account_s_own_key_is_judged_too(target):
    own = boto3.Session(ACCOUNT, "local", None, REGION)
    assert judged(target, own, "app_writer") is None
    wrong = boto3.Session(ACCOUNT, "another", None, REGION)
    assert "the signature is not" in (judged(target, wrong, "app_writer") or "")


def test_a_key_that_nobody_was_given_is_refused(target):
    made_up = boto3.Session("ASIAMADEUP", "x", "y", REGION)
    assert "no role has the access key" in (judged(target, made_up, "app_writer") or "")
