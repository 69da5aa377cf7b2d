"""Asks who may write the application's tables: as PostgreSQL decides, not as grants are listed.

A right can come by a grant to the role, to PUBLIC, on a column, through a membership or through a
function that runs as its owner; each is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from service.operations.catalog import named, published, qualified, tables
from service.operations.node import APPLICATION_ROLES, PUBLICATION, REPLICATOR, WRITER
from service.operations.operator import NodeSession

WRITES = "INSERT, UPDATE, DELETE, TRUNCATE"

# Owners and superusers write, or nobody could migrate and nothing would be replicated. Through a
# view one writes with its owner's rights.
_WRITERS = f"""
SELECT c.relname, r.rolname
FROM pg_class c
CROSS JOIN pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
AND r.rolcanlogin AND NOT r.rolsuper AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER')
AND (has_table_privilege(r.oid, c.oid, '{WRITES}')
     OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))
ORDER BY 1, 2
"""
# Of any schema: a function is found by its own name.
BORROWED = f"""
SELECT DISTINCT p.oid::regproc::text
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_roles r ON r.rolname IN ({", ".join(f"'{role}'" for role in APPLICATION_ROLES)})
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prosecdef
AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
_OWNERS = """
SELECT DISTINCT r.rolname
FROM pg_class c
CROSS JOIN pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND r.rolname = ANY (%s) AND pg_has_role(r.oid, c.relowner, 'MEMBER')
ORDER BY 1
"""
_UNREADABLE = """
SELECT count(*)
FROM pg_class c
CROSS JOIN pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND r.rolname = ANY (%s) AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')
"""
# A default of nextval() asks for it, which an identity column does not.
_UNCOUNTED = """
SELECT count(*) FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
WHERE c.relnamespace = 'public'::regnamespace
AND NOT has_sequence_privilege(%s::name, q.seqrelid, 'USAGE')
"""
# Row-level security would hide rows from the first copy of a new subscriber, without an error.
_HIDDEN_FROM_REPLICATION = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'replication')
ORDER BY 1
"""


def writers(session: NodeSession) -> dict[str, list[str]]:
    """Return the tables that each role may write. Owners and superusers are not listed."""
    found: dict[str, list[str]] = {}
    for table, role in session.rows(_WRITERS):
        found.setdefault(role, []).append(table)
    return found


def borrowed(session: NodeSession) -> list[str]:
    """Return the functions with their owner's rights that an application role may call."""
    return session.column(f"{BORROWED} ORDER BY 1")


def owners(session: NodeSession) -> list[str]:
    """Application roles that are superuser, or can become the owner of a table: no fence holds."""
    return session.column(_OWNERS, list(APPLICATION_ROLES))


def is_fenced(session: NodeSession) -> bool:
    """Return whether nobody but owners may write, or would after what a dry run printed."""
    return session.fence_shown or not writers(session)


# What a fence took: by table what each role had, so that it is given back and nothing else. A
# table that had no writer is remembered too; one that is not came later.
_MAKE_MEMORY = """CREATE TABLE IF NOT EXISTS operations.fenced (
    "table" text PRIMARY KEY, rights jsonb NOT NULL)"""
_REMEMBER = """
INSERT INTO operations.fenced ("table", rights)
SELECT c.relname, coalesce((
    SELECT jsonb_agg(jsonb_build_object('role', CASE WHEN g.grantee > 0 THEN r.rolname END,
        'right', g.privilege_type, 'column', g.attname, 'grantable', g.is_grantable))
    FROM (
        SELECT NULL::name AS attname, e.* FROM aclexplode(c.relacl) AS e
        UNION ALL
        SELECT a.attname, e.* FROM pg_attribute a, aclexplode(a.attacl) AS e
        WHERE a.attrelid = c.oid AND NOT a.attisdropped
    ) AS g
    LEFT JOIN pg_roles r ON r.oid = g.grantee
    WHERE g.privilege_type = ANY ({rights}) AND (g.grantee = 0 OR r.rolname = ANY ({roles}))
), '[]')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
ON CONFLICT ("table") DO UPDATE SET rights = fenced.rights || EXCLUDED.rights
"""
_REMEMBERED = """
SELECT f."table", g.role, g.column, g.grantable, string_agg(DISTINCT g.right, ',')
FROM operations.fenced f
JOIN pg_class c ON c.relname = f."table" AND c.relnamespace = 'public'::regnamespace
CROSS JOIN jsonb_to_recordset(f.rights)
    AS g(role text, "right" text, "column" text, grantable bool)
WHERE g.column IS NULL OR EXISTS (SELECT FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attname = g.column AND NOT a.attisdropped)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_CAME_LATER = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND c.relname NOT IN (SELECT "table" FROM operations.fenced) ORDER BY 1
"""


def revoke_writes(session: NodeSession) -> None:
    """Revoke every write, and remember whose it was: both or nothing."""
    with session.transaction():
        session.change(_MAKE_MEMORY)
        session.change(_REMEMBER, rights=WRITES.split(", "), roles=list(APPLICATION_ROLES))
        revoke_unrecorded(session)


def restore_writes(session: NodeSession) -> None:
    """Grant what `revoke_writes` took, and the writer's usual rights on tables that came since.

    A server that nothing was taken from, such as a master that never took writes, gets the usual
    rights on all of them.
    """
    if not _remembers(session):
        grant_writes(session)
        return
    session.fence_shown = False
    with session.transaction():
        for table, role, column, grantable, granted in session.rows(_REMEMBERED):
            session.change(_grant(table, role, column, grantable, granted.split(",")))
        for table in session.column(_CAME_LATER):
            session.change(_grant(table, WRITER, None, False, WRITES.split(", ")[:3]))
        session.change("DELETE FROM operations.fenced")


def _remembers(session: NodeSession) -> bool:
    return session.value("SELECT to_regclass('operations.fenced') IS NOT NULL") and session.value(
        "SELECT count(*) > 0 FROM operations.fenced"
    )


def _grant(
    table: str, role: str | None, column: str | None, grantable: bool, granted: Sequence[str]
) -> sql.Composable:
    columns = sql.SQL(" ({})").format(sql.Identifier(column)) if column else sql.SQL("")
    return sql.SQL("GRANT {} ON {} TO {}{}").format(
        sql.SQL(", ").join(sql.SQL(one) + columns for one in granted),  # pyright: ignore
        qualified(table),
        sql.Identifier(role) if role else sql.SQL("PUBLIC"),
        sql.SQL(" WITH GRANT OPTION" if grantable else ""),
    )


def grant_writes(session: NodeSession) -> None:
    session.fence_shown = False
    session.change(
        "GRANT {} ON ALL TABLES IN SCHEMA public TO {}",
        sql.SQL(WRITES.replace(", TRUNCATE", "")),
        sql.Identifier(WRITER),
    )


def revoke_unrecorded(session: NodeSession) -> None:
    session.fence_shown = session.dry_run
    session.change(
        "REVOKE {} ON ALL TABLES IN SCHEMA public FROM PUBLIC, {} CASCADE",
        sql.SQL(WRITES),
        named(APPLICATION_ROLES),
    )


def provide(session: NodeSession, *, publish: bool) -> None:
    """Give new tables what every table has: readers, replication, and writers where those write.

    Runs in the transaction that makes the tables, so that none is ever without.
    """
    readers = (*APPLICATION_ROLES, REPLICATOR)
    if session.value(_UNREADABLE, list(readers)):
        session.change("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", named(readers))
    if session.value(_UNCOUNTED, WRITER):
        session.change(
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}", sql.Identifier(WRITER)
        )
    for table in session.column(_HIDDEN_FROM_REPLICATION):
        session.change(
            "CREATE POLICY replication ON {} FOR SELECT TO {} USING (true)",
            qualified(table),
            sql.Identifier(REPLICATOR),
        )
    written = writers(session).get(WRITER, [])
    if written and set(tables(session)) - set(written):
        grant_writes(session)
    if publish:
        _publish(session)


def _publish(session: NodeSession) -> None:
    wanted, present = tables(session), published(session)
    if not wanted or wanted == present:
        return
    listed = sql.SQL(", ").join(qualified(table) for table in wanted)
    form = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
    if present is not None:
        form = "ALTER PUBLICATION {} SET TABLE {}"
    session.change(form, sql.Identifier(PUBLICATION), listed)
