"""Who may, by which policies: identity, boundary, resource, key, trust; and denials first."""

from __future__ import annotations

from typing import Any

import pytest

from local.iam.policy import Statement, UnreadablePolicyError, read
from local.iam.verdict import IamCall, Policies, Principal, Verdict, judge

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/task"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
APP = Principal(name=SESSION, role=ROLE, account=ACCOUNT)
EVENTS = Principal(name="events.amazonaws.com")


def statements(*given: dict[str, Any], policy: str = "policy") -> tuple[Statement, ...]:
    return read({"Version": "2012-10-17", "Statement": list(given)}, policy)


def allow(action: Any = "sqs:SendMessage", resource: Any = QUEUE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(**more: Any) -> dict[str, Any]:
    return {**allow(**more), "Effect": "Deny"}


def asked(
    identity: tuple[Statement, ...] = (),
    *,
    resource: tuple[Statement, ...] | None = None,
    boundary: tuple[Statement, ...] | None = None,
    who: Principal = APP,
    action: str = "sqs:SendMessage",
    of: str = QUEUE,
    context: dict[str, str] | None = None,
) -> Verdict:
    call = IamCall(
        principal=who,
        action=action,
        resource=of,
        context=context or {},
    )
    return judge(call, Policies(identity=identity, boundary=boundary, resource=resource))


def test_nothing_is_allowed_by_nobody():
    verdict = asked()
    assert not verdict.allowed
    assert verdict.why == "because no identity-based policy allows the sqs:SendMessage action"


def test_a_grant_names_where_it_stands():
    verdict = asked(statements(allow("sqs:Get*"), allow(["sqs:Send*", "SQS:SENDMESSAGE"])))
    assert verdict.grants == (("policy", 1, "sqs:Send*"), ("policy", 1, "SQS:SENDMESSAGE"))


@pytest.mark.parametrize(
    "statement",
    [
        allow("sqs:SendMessag"),
        allow(resource=f"{QUEUE}s"),
        allow(Condition={"StringEquals": {"aws:x": "1"}}),
        {"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "NotResource": QUEUE},
    ],
)
def test_a_statement_about_something_else_grants_nothing(statement: dict[str, Any]):
    assert not asked(statements(statement)).allowed


@pytest.mark.parametrize(
    "statement",
    [
        allow("sqs:*", "*"),
        allow("s?s:SendMessage"),
        allow(Condition={"StringEquals": {"aws:RequestTag/A": "1"}}),
        {"Effect": "Allow", "NotAction": "sns:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "NotResource": f"{QUEUE}s"},
    ],
)
def test_a_statement_about_it_grants_it(statement: dict[str, Any]):
    assert asked(statements(statement), context={"aws:requesttag/a": "1"}).allowed


@pytest.mark.parametrize("where", ["identity", "boundary", "resource"])
def test_a_denial_anywhere_decides(where: str):
    all_of_it = statements(allow("*", "*", Principal="*"))
    no = statements(deny(Principal="*"))
    kinds: dict[str, Any] = dict.fromkeys(("identity", "boundary", "resource"), all_of_it)
    assert asked(**kinds).allowed
    verdict = asked(**{**kinds, where: (*all_of_it, *no)})
    assert not verdict.allowed
    assert verdict.why.startswith("with an explicit deny in a")


def test_a_boundary_grants_nothing_and_limits_everything():
    mine = statements(allow())
    assert not asked((), boundary=mine).allowed
    assert asked(mine, boundary=mine).allowed
    verdict = asked(mine, boundary=statements(allow("sqs:Get*")))
    assert verdict.why == "because no permissions boundary allows the sqs:SendMessage action"


def test_a_resource_s_grant_is_enough_within_the_account():
    for name in (ROLE, SESSION, "*"):
        assert asked(resource=statements(allow(Principal={"AWS": name}))).allowed
    other = f"arn:aws:iam::{ACCOUNT}:role/other"
    assert not asked(resource=statements(allow(Principal={"AWS": other}))).allowed


def test_a_boundary_limits_a_role_that_a_resource_names_and_no_session():
    nothing = statements(allow("s3:*"))
    named = statements(allow(Principal={"AWS": ROLE}))
    assert not asked(resource=named, boundary=nothing).allowed
    assert asked(resource=statements(allow(Principal={"AWS": SESSION})), boundary=nothing).allowed


@pytest.mark.parametrize("account", [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"])
def test_naming_the_account_leaves_it_to_the_identity(account: str):
    whole = statements(allow(Principal={"AWS": account}))
    assert not asked(resource=whole).allowed
    assert asked(statements(allow()), resource=whole).allowed


def test_a_key_answers_to_its_own_policy_first():
    use: dict[str, Any] = {"action": "kms:Decrypt", "of": KEY}
    mine = statements(allow("kms:Decrypt", KEY))
    assert not asked(mine, resource=None, **use).allowed
    whole = statements(
        allow("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), policy="key"
    )
    assert not asked((), resource=whole, **use).allowed
    verdict = asked(mine, resource=whole, **use)
    assert verdict.allowed
    assert {grant[0] for grant in verdict.grants} == {"policy", "key"}
    assert asked(
        (), resource=statements(allow("kms:*", "*", Principal={"AWS": ROLE})), **use
    ).allowed


def test_a_service_has_no_policies_but_the_resource_s():
    by = {"Principal": {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}}
    assert asked(who=EVENTS, resource=statements(allow(**by))).allowed
    assert not asked(who=EVENTS).allowed
    assert not asked(who=EVENTS, resource=statements(allow(Principal={"AWS": ACCOUNT}))).allowed
    only = {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
    assert not asked(who=EVENTS, resource=statements(allow(**by, **only))).allowed
    given = {"aws:sourceaccount": ACCOUNT}
    assert asked(who=EVENTS, resource=statements(allow(**by, **only)), context=given).allowed


def test_a_role_answers_to_its_trust_policy():
    trust = statements(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": EVENTS.name}}
    )
    use: dict[str, Any] = {"action": "sts:AssumeRole", "of": ROLE}
    assert asked(who=EVENTS, resource=trust, **use).allowed
    lambda_ = Principal(name="lambda.amazonaws.com")
    assert not asked(who=lambda_, resource=trust, **use).allowed


@pytest.mark.parametrize(
    "statement",
    [
        {**allow(), "NotPrincipal": "*"},
        allow(resource="arn:aws:s3:::${aws:username}/*"),
        {"Effect": "Allow", "Resource": "*"},
        {**allow(), "Principal": "everybody"},
    ],
)
def test_what_nobody_can_judge_is_an_error(statement: dict[str, Any]):
    with pytest.raises(UnreadablePolicyError):
        statements(statement)
