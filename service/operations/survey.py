"""What logical replication, and what stands on it, does not carry: one table of checks.

Each looks at a database as it is, so it judges what a migration leaves and not how it is written.
Sources: PostgreSQL 17 documentation, 29.8 Restrictions, 29.1.1 Replica Identity, 29.7 Conflicts,
29.9 Architecture and 29.11 Security; docs/migrations.md lists what is carried as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.operations import rights
from service.operations.node import APPLICATION_ROLES, DeclinedError
from service.operations.operator import NodeSession


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """One kind of thing that is refused: `asks` returns the names of what is so in a database."""

    kind: str
    asks: str
    reason: str
    fix: str


# Relations of ours: not PostgreSQL's, not the operations', not an extension's, not a session's.
_RELATIONS = """
SELECT c.* , n.nspname AS schema,
    CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'operations')
AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
_WITH = f"""WITH relation AS ({_RELATIONS}),
stored AS (SELECT * FROM relation WHERE relkind IN ('r', 'p'))"""
_PRIMARY_KEY = """stored t JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)"""
# The column that a sequence belongs to: of serial and identity columns, or by OWNED BY.
_SEQUENCE = """relation s JOIN pg_sequence q ON q.seqrelid = s.oid
    LEFT JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"""
_UUID = "key it by uuid7()"

RESTRICTIONS = (
    Restriction(
        kind="a schema of its own",
        asks="SELECT name FROM relation WHERE schema <> 'public'"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
        reason="outside of the schema public nothing is fenced, published or compared",
        fix="make it in public",
    ),
    Restriction(
        kind="no primary key",
        asks="SELECT name FROM stored t WHERE NOT EXISTS"
        " (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)",
        reason="a row that nothing identifies can be neither updated nor deleted while it is "
        "published",
        fix="add a primary key",
    ),
    Restriction(
        kind="a deferrable primary key",
        asks=f"SELECT DISTINCT t.name FROM {_PRIMARY_KEY} WHERE NOT i.indimmediate",
        reason="a deferrable key identifies no row: updates and deletes are refused",
        fix="make the primary key NOT DEFERRABLE",
    ),
    Restriction(
        kind="another replica identity",
        asks="SELECT name FROM stored WHERE relreplident <> 'd'",
        reason="rows are known by their primary key, here and when a lost master's are carried "
        "over",
        fix="ALTER TABLE ... REPLICA IDENTITY DEFAULT",
    ),
    Restriction(
        kind="a generated column in the primary key",
        asks=f"SELECT DISTINCT t.name FROM {_PRIMARY_KEY} WHERE a.attgenerated <> ''",
        reason="what is generated is not sent, so that the row is not found",
        fix="key it by a column that is stored",
    ),
    Restriction(
        kind="a primary key whose values are equal and not alike",
        asks=f"""SELECT DISTINCT t.name FROM {_PRIMARY_KEY}
            LEFT JOIN pg_collation l ON l.oid = a.attcollation JOIN pg_type y ON y.oid = a.atttypid
            WHERE NOT l.collisdeterministic OR y.typname = 'citext'""",
        reason="keys are compared by what they read like, and 'A' is 'a' in this one",
        fix="use a deterministic collation, and lower() in what writes",
    ),
    Restriction(
        kind="an unlogged table",
        asks="SELECT name FROM relation WHERE relpersistence = 'u' AND relkind IN ('r', 'p', 'S')",
        reason="what is not logged is not replicated, and is gone after a failover",
        fix="leave UNLOGGED out",
    ),
    Restriction(
        kind="a materialized view",
        asks="SELECT name FROM relation WHERE relkind = 'm'",
        reason="neither its rows nor its REFRESH reach another server",
        fix="use a view, or a table that the application writes",
    ),
    Restriction(
        kind="a foreign table",
        asks="SELECT name FROM relation WHERE relkind = 'f'",
        reason="its rows are another server's: not fenced, not replicated",
        fix="leave it out; ask the other server from the application",
    ),
    Restriction(
        kind="inheritance",
        asks="SELECT t.name FROM stored t JOIN pg_inherits i ON i.inhrelid = t.oid"
        " WHERE NOT t.relispartition",
        reason="its rows are its parent's too, and would be compared and copied twice",
        fix="repeat the columns (LIKE parent), or partition",
    ),
    Restriction(
        kind="a column of object identifiers",
        asks="""SELECT t.name || '.' || a.attname FROM stored t
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_type y ON y.oid = a.atttypid
            WHERE 'oid'::regtype IN (y.oid, y.typbasetype)""",
        reason="an oid means something else on every server",
        fix="use a key of your own, and bytea for what is large",
    ),
    Restriction(
        kind="a large object",
        asks="SELECT 'large object ' || oid FROM pg_largeobject_metadata LIMIT 20",
        reason="large objects are not replicated",
        fix="use a column of type bytea, or Amazon S3; then lo_unlink",
    ),
    Restriction(
        kind="a sequence that no column owns",
        asks=f"SELECT s.name FROM {_SEQUENCE} WHERE a.attname IS NULL",
        reason="where it stands is not replicated, and no column's largest value shows it: the "
        "other master would give its numbers again",
        fix=f"GENERATED AS IDENTITY, or ALTER SEQUENCE ... OWNED BY its one column, or {_UUID}",
    ),
    Restriction(
        kind="a sequence of a column that is no number",
        asks=f"""SELECT s.name FROM {_SEQUENCE} WHERE a.atttypid
            NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)""",
        reason="where it stands cannot be read from the largest value of its column",
        fix=f"let it belong to an integer column, or {_UUID}",
    ),
    Restriction(
        kind="a sequence that counts down, or around",
        asks=f"SELECT s.name FROM {_SEQUENCE} WHERE q.seqincrement < 0 OR q.seqcycle",
        reason="where it stands cannot be read from the largest value of its column",
        fix=f"let it count up, with NO CYCLE, or {_UUID}",
    ),
    Restriction(
        kind="a sequence of more than one column",
        asks=f"""SELECT s.name || ' by ' || u.name || '.' || b.attname FROM {_SEQUENCE}
            JOIN pg_depend used ON used.refobjid = s.oid
                AND used.refclassid = 'pg_class'::regclass
                AND used.classid = 'pg_attrdef'::regclass
            JOIN pg_attrdef f ON f.oid = used.objid
            JOIN relation u ON u.oid = f.adrelid
            JOIN pg_attribute b ON b.attrelid = f.adrelid AND b.attnum = f.adnum
            WHERE (f.adrelid, f.adnum) IS DISTINCT FROM (d.refobjid, d.refobjsubid)
            AND a.attname IS NOT NULL""",
        reason="it is raised behind the largest value of the column that owns it, and others have "
        "larger ones",
        fix=f"give each column its own, or {_UUID}",
    ),
    Restriction(
        kind="a trigger that fires for replication",
        asks="""SELECT t.name || '.' || g.tgname FROM stored t
            JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
            WHERE g.tgenabled IN ('A', 'R')""",
        reason="what it writes is replicated, and it would write it once more on every server",
        fix="ALTER TABLE ... ENABLE TRIGGER, without ALWAYS or REPLICA",
    ),
    Restriction(
        kind="row-level security that is forced",
        asks="SELECT name FROM stored WHERE relforcerowsecurity",
        reason="replication writes as the owner, and stops at a policy that holds for it",
        fix="ALTER TABLE ... NO FORCE ROW LEVEL SECURITY; no request is served as the owner",
    ),
    Restriction(
        kind="a table that the application owns",
        asks="""SELECT t.name || ' (' || r.rolname || ')' FROM stored t CROSS JOIN pg_roles r
            WHERE r.rolname IN ({}) AND pg_has_role(r.oid, t.relowner, 'MEMBER')""".format(
            ", ".join(f"'{role}'" for role in APPLICATION_ROLES)
        ),
        reason="no fence holds for an owner",
        fix="leave its owner who runs migrations",
    ),
    Restriction(
        kind="a function with its owner's rights",
        asks=rights.BORROWED,
        reason="the application would write through it past the fence",
        fix="make it SECURITY INVOKER, or revoke EXECUTE from PUBLIC and the application's roles",
    ),
)


def findings(session: NodeSession) -> list[str]:
    """Return what of a database would not be carried, each with its reason and its fix."""
    found = []
    for each in RESTRICTIONS:
        names = session.column(f"{_WITH} SELECT * FROM ({each.asks}) AS asked ORDER BY 1")
        if names:
            found.append(f"{each.kind} ({', '.join(names)}): {each.reason}; {each.fix}")
    return found


def require(session: NodeSession) -> None:
    """Raise DeclinedError with every finding."""
    if found := findings(session):
        raise DeclinedError(
            f"{session.node.name} has what does not reach the other servers: {'. '.join(found)}"
        )
