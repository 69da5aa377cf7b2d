"""Makes the users as whom the service's own roles come to the warehouse, and lets them read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functions.reporting_database.audit_view import VIEW
from functions.reporting_database.target_database import Statements, word


def roles_below(iam: Any, path: str) -> list[str]:
    """Return the names of the roles of a path: in both Regions, for IAM knows none."""
    pages = iam.get_paginator("list_roles").paginate(PathPrefix=path)
    return sorted(role["RoleName"] for page in pages for role in page["Roles"])


def make_readers(statements: Statements, roles: Iterable[str]) -> list[str]:
    """Make the user of each role where it is missing; returns those that were."""
    # GetCredentials comes as this user (Amazon Redshift Management Guide, "Using IAM
    # authentication to generate database user credentials").
    users = [f"IAMR:{word(role)}" for role in roles]
    present = {name for (name,) in statements.rows("SELECT usename FROM pg_user_info")}
    missing = [user for user in users if user not in present]
    for user in missing:
        statements.run(f'CREATE USER "{user}" PASSWORD DISABLE')
    return missing


def let_read(statements: Statements, roles: Iterable[str]) -> None:
    """Let each role's user read the view and nothing else; a view made anew is granted anew."""
    for role in roles:
        user = f'"IAMR:{word(role)}"'
        statements.run(f'GRANT USAGE ON SCHEMA "public" TO {user}')
        statements.run(f"GRANT SELECT ON {VIEW} TO {user}")
