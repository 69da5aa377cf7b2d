"""One account's verdict on one action: denials first, then who may grant it.

IAM User Guide, "Policy evaluation logic": an explicit denial anywhere decides; within an account a
grant in the identity's policies or in the resource's is enough; what a permissions boundary does
not allow, no identity's policy grants. A key answers to its own policy first (KMS Developer Guide,
"Key policies"), and a role to its trust policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from local.iam.conditions import Context
from local.iam.policy import Statement

# Whose resource's policy has to allow; elsewhere the identity's is enough.
_ANSWERS_TO_ITS_OWN = ("kms:", "sts:AssumeRole")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A role's session, with the role; or who acts for AWS itself, by name and nothing else."""

    name: str  # the session's ARN; a service such as events.amazonaws.com, an account of AWS
    role: str | None = None  # the role's ARN
    account: str = ""


@dataclass(frozen=True, kw_only=True)
class IamCall:
    """One action on one resource, with what conditions may ask of it."""

    principal: Principal
    action: str
    resource: str
    context: Context = field(hash=False, default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Policies:
    """Holds the policies that bear on a call; None where there is no such policy."""

    identity: tuple[Statement, ...] = ()
    boundary: tuple[Statement, ...] | None = None
    resource: tuple[Statement, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`why` ends AWS's message; `grants` are the statements that allowed, with what they name."""

    allowed: bool
    why: str
    grants: tuple[tuple[str, int, str], ...] = ()  # policy, statement, action as it stands there


def judge(call: IamCall, policies: Policies) -> Verdict:
    """Return the verdict. Raises ValueError for a policy that cannot be judged here."""
    identity = [s for s in policies.identity if _applies(s, call)]
    boundary = [s for s in policies.boundary or () if _applies(s, call)]
    resource = [
        s for s in policies.resource or () if _concerns(s, call.principal) and _applies(s, call)
    ]
    for kind, statements in (
        ("an identity-based policy", identity),
        ("a permissions boundary", boundary),
        ("a resource-based policy", resource),
    ):
        if any(not s.allows for s in statements):
            return Verdict(allowed=False, why=f"with an explicit deny in {kind}")
    within = policies.boundary is None or bool(boundary)
    # A service has no policies of its own, and a session may be named as nothing else can.
    named = [s for s in resource if _names(s, call.principal)]
    if call.principal.role is None or call.action.startswith(_ANSWERS_TO_ITS_OWN):
        if not resource:
            return _no("resource", call.action)
        if named:
            return Verdict(allowed=True, why="", grants=tuple(_grants(named, call)))
    elif named and (within or any(_names_session(s, call.principal) for s in named)):
        return Verdict(allowed=True, why="", grants=tuple(_grants([*identity, *named], call)))
    if not identity:
        return _no("identity", call.action)
    if not within:
        return Verdict(
            allowed=False,
            why=f"because no permissions boundary allows the {call.action} action",
        )
    return Verdict(allowed=True, why="", grants=tuple(_grants([*identity, *resource], call)))


def _no(kind: str, action: str) -> Verdict:
    return Verdict(allowed=False, why=f"because no {kind}-based policy allows the {action} action")


def _applies(statement: Statement, call: IamCall) -> bool:
    return statement.about(call.action, call.resource) and statement.holds(call.context)


def _grants(statements: Iterable[Statement], call: IamCall) -> Iterator[tuple[str, int, str]]:
    for each in statements:
        for pattern in each.patterns(call.action):
            yield each.policy, each.index, pattern


def _concerns(statement: Statement, principal: Principal) -> bool:
    """Return whether a resource's statement is about the principal, or about its account."""
    return _names(statement, principal) or _names_account(statement, principal)


def _names(statement: Statement, principal: Principal) -> bool:
    principals = statement.principals or {}
    if principal.role is None:
        return bool({"*", principal.name} & {n for names in principals.values() for n in names})
    return bool({"*", principal.role, principal.name} & {*principals.get("AWS", ())})


def _names_account(statement: Statement, principal: Principal) -> bool:
    """Naming the account leaves it to the identity's policies, for all but services."""
    names = {*(statement.principals or {}).get("AWS", ())}
    own = {principal.account, f"arn:aws:iam::{principal.account}:root"}
    return principal.role is not None and bool(names & own)


def _names_session(statement: Statement, principal: Principal) -> bool:
    return principal.name in (statement.principals or {}).get("AWS", ())
