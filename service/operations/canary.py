"""The canary: an account of a tenant of its own, which an upgrade logs in as, and nobody else does.

CANARY_SECRET names the secret with its password. The ids are fixed, so that reports leave its
tenant out by them (functions.reporting_database.audit_view).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from service.operations import rights, schema
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator, print_statement

TENANT = ACCOUNT = "00000000-0000-7000-8000-000000000001"
LABEL = "mainstay-canary"  # before the domain: no customer's, or `provide` is refused
LOGIN = "canary"
_NODE = "entity-a"


def password(variables: Mapping[str, str], secrets: Any) -> str | None:
    """Return the canary's password; None where no variable names its secret.

    `secrets` is a boto3 client of Secrets Manager.
    """
    if (name := variables.get("CANARY_SECRET")) is None:
        return None
    return json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])["password"]


def require_password(variables: Mapping[str, str], secrets: Any) -> str:
    """Return the canary's password. DeclinedError where no variable names its secret."""
    if (found := password(variables, secrets)) is None:
        raise DeclinedError("'CANARY_SECRET' should be set: the secret with the canary's password")
    return found


def set_password(operator: Operator, word: str) -> str:
    """Make the canary where it is not, with this password; return what was done.

    For a system that was there before it, and for a password that was changed. DeclinedError on a
    master that takes no writes.
    """
    if rights.is_fenced(operator.on(_NODE)):
        raise DeclinedError(f"{_NODE} takes no writes")
    return provide(operator.on(_NODE), word)


def provide(session: NodeSession, word: str) -> str:
    """Make tenant and account where they are not, with this password; return what was done."""
    if session.dry_run and not schema.exists(session):
        print_statement("-- makes the canary")
        return "not there yet"
    host = session.value("SELECT id::text FROM tenant WHERE host = %s", LABEL)
    if host not in (None, TENANT):
        raise DeclinedError(f"the tenant '{LABEL}' is {host}, and no canary: rename it")
    stored = session.value("SELECT password_hash FROM account WHERE id = %s::uuid", ACCOUNT)
    if stored is not None and _matches(stored, word):
        return "there already"
    made = _hash(word)
    with session.transaction():
        session.change(
            sql.SQL(
                "INSERT INTO tenant (id, host, name) VALUES ({}, {}, 'Canary of upgrades')"
                " ON CONFLICT (id) DO NOTHING"
            ).format(sql.Literal(TENANT), sql.Literal(LABEL))
        )
        session.change(
            sql.SQL(
                "INSERT INTO account (id, tenant_id, login, full_name, password_hash)"
                " VALUES ({}, {}, {}, 'Canary', {}) ON CONFLICT (id)"
                " DO UPDATE SET password_hash = EXCLUDED.password_hash, updated_at = now()"
            ).format(*map(sql.Literal, (ACCOUNT, TENANT, LOGIN, made))),
            hide=made,
        )
    return "made" if stored is None else "has its secret's password"


def _hash(word: str) -> str:
    from service.passwords import Passwords  # its dictionaries take a while, and few need them

    passwords = Passwords(threads=1)
    try:
        return asyncio.run(passwords.hash(word, LOGIN))
    finally:
        passwords.close()


def _matches(stored: str, word: str) -> bool:
    from service.passwords import Passwords

    passwords = Passwords(threads=1)
    try:
        return asyncio.run(passwords.verify(stored, word))
    finally:
        passwords.close()
