"""Adds the key to what a sealed thing needs: the caller's own permission, through the service.

Only keys of the account's own: what AWS itself holds (alias/aws/...) asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from local.emulator.extension import inside
from local.emulator.extension.access.checks import Check


def through(
    service: str, key: str | None, *actions: str, context: dict[str, str] | None = None
) -> Iterator[Check]:
    """Yield what a call of `service`, such as sqs, needs of the key; nothing where there is none.

    `key` is an id, an alias or an ARN.
    """
    found = arn(key)
    if found is None:
        return
    region = found.split(":")[3]
    given = {"kms:viaservice": f"{service}.{region}.amazonaws.com", **(context or {})}
    for action in actions:
        yield Check(f"kms:{action}", found, given)


def arn(key: str | None) -> str | None:
    """Return the ARN of a key of the account's own; None for AWS's own, and for none."""
    if not key or "alias/aws/" in key:
        return None
    kms = inside.service("kms")
    parts = key.split(":")
    region = parts[3] if len(parts) > 5 else inside.region()
    with inside.responses.request_scope(inside.account(), region):
        record = kms._resolve_key(key)
    if record is None:
        raise ValueError(f"'{key}' should be a key of this account, and {region} has none")
    return None if record.get("KeyManager") == "AWS" else record["Arn"]


def policy(key: str) -> str | None:
    """Return the key's policy; None where there is no such key."""
    region = key.split(":")[3]
    with inside.responses.request_scope(inside.account(), region):
        found = inside.service("kms").key_policy_for_arn(key)
    return found[0] if found else None
