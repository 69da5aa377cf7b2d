"""A service of AWS takes on a role: its trust policy is judged, and keys are given."""

from __future__ import annotations

import secrets
import time
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge
from local.emulator.extension.access.checks import Check
from local.iam.verdict import Principal

# Of a task's credentials and of a role chained to no other (IAM User Guide, "Roles").
_SECONDS = 6 * 3600


def assume(role: str, service: str, session: str, source: str | None = None) -> Principal:
    """Return the session that a service has of a role. Raises RefusedError, as AWS has it.

    `source` is the ARN of the resource for which the service acts.
    """
    account = role.split(":")[4]
    context = {"aws:sourceaccount": account} | ({"aws:sourcearn": source} if source else {})
    judge.need(judge.service(service), [Check("sts:AssumeRole", role, context)])
    name = role.rpartition("/")[2]
    return judge.acting(role, f"arn:aws:sts::{account}:assumed-role/{name}/{session[:64]}")


_GIVEN: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}


def credentials(principal: Principal, seconds: int = _SECONDS) -> dict[str, Any]:
    """Return keys of a session, the same ones for half of their time.

    AccessKeyId, SecretAccessKey, Token, and Expiration in seconds since 1970.
    """
    assert principal.role is not None
    key, now = (principal.role, principal.name), time.time()
    sts = inside.service("sts")
    given = _GIVEN.get(key)
    if given and now < given[0] - seconds / 2 and given[1]["AccessKeyId"] in sts._sessions:
        return {**given[1], "Expiration": given[0]}
    expires = now + seconds
    made = {
        "AccessKeyId": f"ASIA{secrets.token_hex(8).upper()}",
        "SecretAccessKey": secrets.token_urlsafe(30),
        "Token": secrets.token_urlsafe(60),
    }
    sts.register_session(
        made["AccessKeyId"],
        {
            "Arn": principal.name,
            "UserId": principal.name.partition("/")[2].replace("/", ":"),
            "SecretAccessKey": made["SecretAccessKey"],
            "SessionToken": made["Token"],
            "Expiration": expires,
            "AccountId": principal.account,
            "PrincipalType": "AssumedRole",
        },
    )
    _GIVEN[key] = expires, made
    return {**made, "Expiration": expires}
