"""The rights of the user that a cluster's secret names, as plain PostgreSQL can grant them."""

from __future__ import annotations


def administrator_statements(user: str) -> tuple[str, ...]:
    """Return the statements that make `user` what RDS makes it; a replica node adds SUPERUSER.

    `user` is an identifier, quoted where it needs to be.
    """
    return (
        f"CREATE ROLE {user} LOGIN CREATEROLE CREATEDB REPLICATION",
        "GRANT pg_create_subscription, pg_monitor, pg_signal_backend, pg_checkpoint "
        f"TO {user} WITH ADMIN OPTION",
        f"GRANT EXECUTE ON FUNCTION pg_replication_origin_progress(text, boolean) TO {user}",
        f"GRANT SET ON PARAMETER session_replication_role TO {user}",
    )


def token_statements(user: str) -> tuple[str, ...]:
    """Return the statements that let `user` make others users of tokens, as on Amazon RDS."""
    return ("CREATE ROLE rds_iam", f"GRANT rds_iam TO {user} WITH ADMIN OPTION")
