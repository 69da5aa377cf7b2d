"""Takes grants away, one at a time and at random, and tries whether a run would notice.

`python -m local.mutants PERMISSIONS --seed N`: the grants are those of the templates as they were
deployed, and the run is its record: every call that a grant allowed is judged again without it.
That is exact, for IAM's verdict is a function of the call and of the policies, and both are kept;
what it cannot show is whether the denied call would have failed the deployment or only a task.
A grant is noticed if some call is denied without it. Exits with 1 if fewer than nine in ten are.
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.iam import policy
from local.iam.policy import Statement
from local.iam.verdict import IamCall, Policies, Principal, judge
from local.permissions import Permissions, acknowledged, load

PERMISSIONS, KEYS = 30, 5
NOTICED = 0.9

# True of every call, as in local/emulator/extension/access/judge.py.
_ALWAYS = {"aws:securetransport": "true"}


@dataclass(frozen=True, kw_only=True, order=True)
class PolicyGrant:
    """One action of one statement of a role's or of a resource's policy."""

    owner: str  # ARN of the role, or of the resource
    policy: str  # the document's name
    statement: int
    action: str

    @property
    def of_key(self) -> bool:
        return self.action.startswith("kms:")


def grants(found: Permissions) -> Iterator[PolicyGrant]:
    """Yield every grant of the environment's own roles, keys, topics, buckets and functions."""
    documents = [
        (arn, name, document)
        for arn, role in found.record["roles"].items()
        for name, document in role["policies"].items()
        if arn in found.names and not name.startswith("arn:")
    ]
    documents += [
        (arn, arn, document)
        for arn, document in found.record["resources"].items()
        if ":role/" not in arn
    ]
    for owner, name, document in documents:
        for index, statement in enumerate(_list(document["Statement"])):
            # That the account's administrators may use a key is no grant to a role.
            if statement["Effect"] == "Allow" and statement.get("Action") != "kms:*":
                for action in _list(statement.get("Action")):
                    yield PolicyGrant(owner=owner, policy=name, statement=index, action=action)


def denied_without(found: Permissions, grant: PolicyGrant) -> str | None:
    """Return a call that a run made and that is denied without the grant; None where none is."""
    for one in found.calls:
        leans = [grant.policy, grant.statement, grant.action] in one["grants"]
        mine = leans and one["allowed"] and grant.owner in (one["principal"], one["resource"])
        if mine and not _allowed(found, one, grant):
            return f"{found.name(one['principal'])}: {one['action']} {one['resource']}"
    return None


def _allowed(found: Permissions, call: dict[str, Any], without: PolicyGrant) -> bool:
    who = call["principal"]
    role = found.record["roles"].get(who)
    principal = Principal(
        name=call["name"], role=who if role else None, account=role["account"] if role else ""
    )
    policies = role["policies"] if role else {}
    document = found.record["resources"].get(call["resource"])
    verdict = judge(
        IamCall(
            principal=principal,
            action=call["action"],
            resource=call["resource"],
            context={**_ALWAYS, **call["context"]},
        ),
        Policies(
            identity=tuple(
                s
                for name, each in policies.items()
                if each
                for s in _read(who, name, each, without)
            ),
            resource=_read(call["resource"], call["resource"], document, without)
            if document
            else None,
        ),
    )
    return verdict.allowed


def _read(owner: str, name: str, document: Any, without: PolicyGrant) -> tuple[Statement, ...]:
    if (owner, name) == (without.owner, without.policy):
        document = copy.deepcopy(document)
        statement = _list(document["Statement"])[without.statement]
        left = [action for action in _list(statement["Action"]) if action != without.action]
        # A statement without an action is about nothing.
        statement["Action"] = left or ["nothing:AtAll"]
    return policy.read(document, name)


def try_out(found: Permissions, seed: str) -> tuple[list[str], int, int]:
    """Return the page's lines, how many grants were taken away, and how many were noticed."""
    every = sorted(
        grants(found), key=lambda one: (one.owner, one.policy, one.statement, one.action)
    )
    chance, reasons = random.Random(seed), acknowledged()
    others = [one for one in every if not one.of_key]
    keys = [one for one in every if one.of_key]
    picked = [
        *chance.sample(others, min(PERMISSIONS, len(others))),
        *chance.sample(keys, min(KEYS, len(keys))),
    ]
    lines, noticed = [f"seed {seed}: {len(picked)} of {len(every)} grants"], 0
    for one in picked:
        name = found.name(one.owner)
        seen = denied_without(found, one)
        noticed += seen is not None
        why = reasons.get(name, {}).get(one.action, "no call of the run needs it")
        lines.append(f"  {one.action} of {name}: {f'noticed by {seen}' if seen else why}")
    return lines, len(picked), noticed


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.mutants", description=__doc__)
    parser.add_argument("permissions", type=Path, help="permissions.json of a run")
    parser.add_argument("--seed", action="append", required=True, help="several may be given")
    given = parser.parse_args(argv)
    found = load(given.permissions)
    picked = noticed = 0
    for seed in given.seed:
        lines, of, seen = try_out(found, seed)
        print("\n".join(lines))
        picked, noticed = picked + of, noticed + seen
    print(f"{noticed} of {picked} noticed")
    return 0 if picked and noticed >= NOTICED * picked else 1


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


if __name__ == "__main__":
    sys.exit(main())
