"""Who may write the application's tables: asked of PostgreSQL as it would decide, not of grants.

A right can come by a grant to the role, to PUBLIC, on a column, through a membership or through a
function that runs as its owner; each is looked at.
"""

from __future__ import annotations

from psycopg import sql

from service.operations.catalog import named, published, qualified, tables
from service.operations.node import APPLICATION_ROLES, PUBLICATION, REPLICATOR, WRITER
from service.operations.operator import Session

WRITES = "INSERT, UPDATE, DELETE, TRUNCATE"

# Owners and superusers write, or nobody could migrate and nothing would be replicated.
_WRITERS = f"""
SELECT c.relname, r.rolname
FROM pg_class c
CROSS JOIN pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND r.rolcanlogin AND NOT r.rolsuper AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER')
AND (has_table_privilege(r.oid, c.oid, '{WRITES}')
     OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))
ORDER BY 1, 2
"""
_BORROWED = """
SELECT p.proname, r.rolname
FROM pg_proc p
CROSS JOIN pg_roles r
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
AND r.rolname = ANY (%s) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
ORDER BY 1, 2
"""
_UNREADABLE = """
SELECT count(*)
FROM pg_class c
CROSS JOIN pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND r.rolname = ANY (%s) AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')
"""
# Row-level security would hide rows from the first copy of a new subscriber, without an error.
_HIDDEN_FROM_REPLICATION = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'replication')
ORDER BY 1
"""


def writers(session: Session) -> dict[str, list[str]]:
    """By role: the tables that it may write. Owners and superusers are not listed."""
    found: dict[str, list[str]] = {}
    for table, role in session.rows(_WRITERS):
        found.setdefault(role, []).append(table)
    return found


def borrowed(session: Session) -> list[str]:
    """Functions with their owner's rights that an application role may call."""
    return [name for name, _ in session.rows(_BORROWED, list(APPLICATION_ROLES))]


def is_fenced(session: Session) -> bool:
    """Whether nobody but owners may write."""
    return not writers(session)


def grant_writes(session: Session) -> None:
    session.change(
        sql.SQL("GRANT {} ON ALL TABLES IN SCHEMA public TO {}").format(
            sql.SQL(WRITES.replace(", TRUNCATE", "")), sql.Identifier(WRITER)
        )
    )


def revoke_writes(session: Session) -> None:
    session.change(
        sql.SQL("REVOKE {} ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}").format(
            sql.SQL(WRITES), named(APPLICATION_ROLES)
        )
    )


def provide(session: Session, *, publish: bool) -> None:
    """Give new tables what every table has: readers, replication, and writers where those write.

    Runs in the transaction that makes the tables, so that none is ever without.
    """
    readers = (*APPLICATION_ROLES, REPLICATOR)
    if session.value(_UNREADABLE, list(readers)):
        session.change(
            sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(named(readers))
        )
    for table in session.column(_HIDDEN_FROM_REPLICATION):
        session.change(
            sql.SQL("CREATE POLICY replication ON {} FOR SELECT TO {} USING (true)").format(
                qualified(table), sql.Identifier(REPLICATOR)
            )
        )
    written = writers(session).get(WRITER, [])
    if written and set(tables(session)) - set(written):
        grant_writes(session)
    if publish:
        _publish(session)


def _publish(session: Session) -> None:
    wanted, present = tables(session), published(session)
    if not wanted or wanted == present:
        return
    listed = sql.SQL(", ").join(qualified(table) for table in wanted)
    form = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
    if present is not None:
        form = "ALTER PUBLICATION {} SET TABLE {}"
    session.change(sql.SQL(form).format(sql.Identifier(PUBLICATION), listed))
