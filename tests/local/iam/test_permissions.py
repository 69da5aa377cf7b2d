"""The record of a run: what was never used, and whether a grant that is taken away is noticed."""

from __future__ import annotations

from typing import Any

from local import mutants
from local.permissions import Permissions, render

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stack-App-1"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def allow(action: Any, of: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": of, **more}


def call(action: str, of: str, *grants: tuple[str, int, str], denied: int = 0) -> dict[str, Any]:
    return {
        "principal": ROLE,
        "name": f"arn:aws:sts::{ACCOUNT}:assumed-role/stack-App-1/task",
        "action": action,
        "resource": of,
        "context": {},
        "allowed": 1 - denied,
        "denied": denied,
        "why": "because" if denied else "",
        "grants": [list(grant) for grant in grants],
    }


def run(*statements: dict[str, Any], calls: list[dict[str, Any]]) -> Permissions:
    """A run of one role whose only policy, `own`, has these statements."""
    role = {"name": "stack-App-1", "account": ACCOUNT, "policies": {"own": _document(*statements)}}
    key = _document({**allow("kms:*", "*"), "Principal": ROOT})
    return Permissions(
        environment="test",
        record={
            "calls": calls,
            "unknown": [],
            "roles": {ROLE: role, f"arn:aws:iam::{ACCOUNT}:role/cdk-deploy": role},
            "resources": {KEY: key},
        },
        names={ROLE: "stack/App", KEY: "stack/Key"},
    )


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


SEND = call("sqs:SendMessage", QUEUE, ("own", 0, "sqs:Send*"))


def test_what_no_call_needed_is_unused_by_the_name_of_the_templates():
    found = run(allow(["sqs:Send*", "sqs:GetQueueUrl"], QUEUE), calls=[SEND])
    assert found.unused == {"stack/App": ["sqs:GetQueueUrl"]}


def test_the_page_has_what_was_denied_and_what_is_not_acknowledged():
    denied = call("sqs:ReceiveMessage", QUEUE, denied=1)
    page = list(render(run(allow("sqs:Send*", QUEUE), calls=[denied])))
    assert f"| stack/App | sqs:ReceiveMessage | {QUEUE} | 1 | because |" in page
    assert "| stack/App | sqs:Send* | **not acknowledged** |" in page


def _without(found: Permissions, action: str) -> str | None:
    (grant,) = [one for one in mutants.grants(found) if one.action == action]
    return mutants.denied_without(found, grant)


def test_a_grant_that_a_call_leaned_on_is_missed():
    found = run(allow(["sqs:Send*", "sqs:GetQueueUrl"], QUEUE), calls=[SEND])
    assert _without(found, "sqs:Send*") == f"stack/App: sqs:SendMessage {QUEUE}"
    assert _without(found, "sqs:GetQueueUrl") is None


def test_a_key_s_grant_is_missed_and_the_account_s_own_is_no_grant():
    opened = call("kms:Decrypt", KEY, ("own", 0, "kms:Decrypt"), (KEY, 0, "kms:*"))
    found = run(allow("kms:Decrypt", KEY), calls=[opened])
    assert _without(found, "kms:Decrypt") == f"stack/App: kms:Decrypt {KEY}"
    assert [one.action for one in mutants.grants(found)] == ["kms:Decrypt"]


def test_a_grant_that_is_given_twice_is_not_missed():
    twice = call("sqs:SendMessage", QUEUE, ("own", 0, "sqs:Send*"), ("own", 1, "sqs:*"))
    found = run(allow("sqs:Send*", QUEUE), allow("sqs:*", "*"), calls=[twice])
    assert _without(found, "sqs:Send*") is None


def test_a_seed_takes_the_same_grants_away_again():
    names = [f"sqs:Action{number}" for number in range(40)]
    found = run(allow(names, QUEUE), calls=[call(name, QUEUE, ("own", 0, name)) for name in names])
    lines, picked, noticed = mutants.try_out(found, "1")
    assert (picked, noticed) == (30, 30)
    assert mutants.try_out(found, "1")[0] == lines
    assert mutants.try_out(found, "2")[0] != lines
