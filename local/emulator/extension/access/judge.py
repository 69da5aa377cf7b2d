"""Whoever acts is judged here: by its own policies, and by the resource's; and is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import keys
from local.emulator.extension.access.checks import Check
from local.emulator.extension.access.record import RECORD
from local.iam import policy
from local.iam.policy import Statement
from local.iam.verdict import IamCall, Policies, Principal, Verdict, judge

# What is true of every call: AWS's SDKs go by TLS, and here the network is this machine.
_ALWAYS = {"aws:securetransport": "true"}

# Where the emulator keeps a resource's policy, by the service of its ARN.
_KEPT: dict[str, Callable[[str], Any]] = {
    "sqs": lambda arn: inside.service("sqs").queue_policy_for_arn(arn),
    "sns": lambda arn: inside.service("sns").topic_policy_for_arn(arn),
    "s3": lambda arn: inside.service("s3").bucket_policy_for_arn(arn),
    "lambda": lambda arn: inside.service("lambda_svc").function_policy_for_arn(arn),
    "secretsmanager": lambda arn: inside.service("secretsmanager").secret_policy_for_arn(arn),
}


class RefusedError(Exception):
    """The text is AWS's; `action` is what was refused, empty where nobody here can judge it."""

    def __init__(self, action: str, text: str) -> None:
        super().__init__(text)
        self.action = action


def service(name: str) -> Principal:
    """Return a service of AWS that acts by itself, such as events.amazonaws.com."""
    return Principal(name=name)


def session(access_key: str) -> Principal | None:
    """Return the role's session that a key belongs to; None for a key that belongs to none."""
    found = inside.service("sts")._sessions.get(access_key)
    return None if found is None else acting(role_arn(found["Arn"]), found["Arn"])


def acting(role: str, session_arn: str) -> Principal:
    return Principal(name=session_arn, role=role, account=role.split(":")[4])


def role_arn(session_arn: str) -> str:
    """Return the ARN of the role that a session is of, with its path."""
    account, name = session_arn.split(":")[4], session_arn.split("/")[1]
    found = inside.service("iam")._roles.get_scoped(account, None, name)
    return found["Arn"] if found else f"arn:aws:iam::{account}:role/{name}"


def need(principal: Principal, checks: Iterable[Check]) -> None:
    """Judge and record every check.

    Raises RefusedError for the first that is denied, and for what nobody here can judge.
    """
    refused: RefusedError | None = None
    try:
        for check in checks:
            verdict = _verdict(principal, check)
            RECORD.add(principal, check, verdict)
            if not verdict.allowed and refused is None:
                refused = RefusedError(check.action, text(principal, check, verdict))
    except ValueError as error:
        RECORD.unknown(principal.role or principal.name, str(error))
        refused = RefusedError("", f"nobody can judge this: {error}")
    if refused is not None and RECORD.enforced:
        raise refused


def allowed(principal: Principal, checks: Iterable[Check]) -> bool:
    """Return whether all of it is allowed, where nobody is there to be given an error."""
    try:
        need(principal, checks)
    except RefusedError:
        return False
    return True


def text(principal: Principal, check: Check, verdict: Verdict) -> str:
    """Return AWS's words (IAM User Guide, "Troubleshoot access denied error messages")."""
    return (
        f"User: {principal.name} is not authorized to perform: {check.action} "
        f"on resource: {check.resource} {verdict.why}"
    )


def _verdict(principal: Principal, check: Check) -> Verdict:
    call = IamCall(
        principal=principal,
        action=check.action,
        resource=check.resource,
        context={**_ALWAYS, **check.context},
    )
    role = _role(principal.role)
    return judge(
        call,
        Policies(
            identity=_identity(role) if role else (),
            boundary=_boundary(role) if role else None,
            resource=_resource(check),
        ),
    )


def _role(arn: str | None) -> dict[str, Any] | None:
    if arn is None:
        return None
    return inside.service("iam")._roles.get_scoped(arn.split(":")[4], None, arn.rpartition("/")[2])


def documents(role: dict[str, Any]) -> dict[str, Any]:
    """Return the documents of a role's policies by their names: inline, and attached by ARN.

    Raises ValueError for one of AWS's own that the emulator does not know.
    """
    found = dict(role.get("InlinePolicies") or {})
    return found | {arn: _managed(arn) for arn in role.get("AttachedPolicies", ())}


def _managed(arn: str) -> Any:
    kept = inside.service("iam")._lookup_policy(arn)
    if kept is None:
        raise ValueError(f"'{arn}' should be a policy that the emulator knows")
    return kept["Versions"][kept["DefaultVersionId"]]["Document"]


def _identity(role: dict[str, Any]) -> tuple[Statement, ...]:
    return tuple(s for name, each in documents(role).items() for s in _read(each, name))


def _boundary(role: dict[str, Any]) -> tuple[Statement, ...] | None:
    arn = role.get("PermissionsBoundary")
    if isinstance(arn, dict):
        arn = arn["PermissionsBoundaryArn"]
    return _read(_managed(arn), arn) if arn else None


def _resource(check: Check) -> tuple[Statement, ...] | None:
    found = resource_document(check.action, check.resource)
    return _read(found, check.resource) if found else None


def resource_document(action: str, arn: str) -> Any:
    """Return the policy of a resource; None where it has none."""
    kind = arn.split(":")[2] if arn.startswith("arn:") else ""
    if kind == "kms":
        return keys.policy(arn)
    if action == "sts:AssumeRole":
        role = _role(arn)
        return role["AssumeRolePolicyDocument"] if role else None
    if kind not in _KEPT:
        return None
    region = arn.split(":")[3]
    place = inside.responses.request_scope(inside.account(), region) if region else nullcontext()
    with place:
        found = _KEPT[kind](arn)
    return found[0] if found else None


_READ: dict[tuple[str, str], tuple[Statement, ...]] = {}


def _read(document: Any, name: str) -> tuple[Statement, ...]:
    """Read a document once for each text that it has."""
    key = (name, document if isinstance(document, str) else repr(document))
    if key not in _READ:
        _READ[key] = policy.read(document, name)
    return _READ[key]
