"""The first start of a store, from nothing; run again it changes nothing.

Create-only: on a system that has started once, whatever happened to it since, it leaves rights,
versions and subscriptions as they are. Killed in the middle, it goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from service.operations import canary, replication, rights, schema
from service.operations.catalog import named
from service.operations.migration_files import FOLDER
from service.operations.migrations import migrate
from service.operations.node import APPLICATION_ROLES, REPLICATOR, DeclinedError
from service.operations.operator import NodeSession, Operator

# Takes writes first. The other master stands by, fenced, until it is its turn.
PRIMARY = {"entity": "entity-a", "transaction": "transaction"}


def bootstrap(
    operator: Operator, store: str, *, folder: Path = FOLDER, canary_password: str | None = None
) -> None:
    """Make database, roles, schema, rights and replication of a store, and the entity's canary."""
    names = [name for name, node in operator.nodes.items() if node.store == store]
    if not names:
        raise DeclinedError(f"'{store}' is no store of this environment")
    # Subscribers before publishers, and rights last: nobody writes before all of it stands.
    for name in sorted(names, key=lambda name: name == PRIMARY[store]):
        _database(operator, name)
        session = operator.on(name)
        if schema.is_bootstrapped(session):
            continue
        _roles(session)
        schema.make(session)
        migrate(operator, name, folder=folder)
        if session.dry_run:
            rights.provide(session, publish=store == "entity")
    for link in operator.links_of():
        if link.publisher.store == store and not schema.is_bootstrapped(
            operator.on(link.subscriber.name)
        ):
            replication.establish(operator, link)
    for link in operator.links_of():
        if link.publisher.store == store and not schema.is_bootstrapped(
            operator.on(link.subscriber.name)
        ):
            replication.wait_established(operator, link)
    primary = operator.on(PRIMARY[store])
    if canary_password is not None and not schema.is_bootstrapped(primary):
        canary.provide(primary, canary_password)
    for name in sorted(names, key=lambda name: name == PRIMARY[store]):
        _finish(operator.on(name), writes=name == PRIMARY[store])


def _database(operator: Operator, name: str) -> None:
    node = operator.node(name)
    try:
        operator.on(name)
        present = operator.on(name).value("SELECT current_database()") == node.database
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
        present = False
    if not present:
        operator.on(name, database="postgres").change(
            "CREATE DATABASE {}", sql.Identifier(node.database)
        )


def _roles(session: NodeSession) -> None:
    """The application's two roles and the replicator, with what RDS gives such roles."""
    present = session.column("SELECT rolname FROM pg_roles")
    for role in APPLICATION_ROLES:
        if role not in present:
            session.change("CREATE ROLE {} LOGIN", sql.Identifier(role))
        _grant_once(session, "rds_iam", role, present)
    if REPLICATOR not in present:
        verifier = session.connection.pgconn.encrypt_password(
            session.node.replication_password.encode(), REPLICATOR.encode(), b"scram-sha-256"
        ).decode()
        powers = "" if "rds_replication" in present else " REPLICATION"
        session.change(
            "CREATE ROLE {} LOGIN{} PASSWORD {}",
            sql.Identifier(REPLICATOR),
            sql.SQL(powers),
            verifier,
            hide=verifier,
        )
    _grant_once(session, "rds_replication", REPLICATOR, present)
    session.change(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {}",
        named((*APPLICATION_ROLES, REPLICATOR)),
    )


def _grant_once(session: NodeSession, group: str, role: str, present: list[str]) -> None:
    """A membership that RDS gives its meaning: elsewhere there is no such group."""
    if group in present and not (
        role in present
        and session.value("SELECT pg_has_role(%s::name, %s::name, 'MEMBER')", role, group)
    ):
        session.change("GRANT {} TO {}", sql.Identifier(group), sql.Identifier(role))


def _finish(session: NodeSession, *, writes: bool) -> None:
    """Writers' rights on the primary, and the row that says that the first start is over."""
    if schema.is_bootstrapped(session):
        return
    with session.transaction():
        if writes:
            rights.grant_writes(session)
        session.change("INSERT INTO operations.bootstrap (done_at) VALUES (now())")
