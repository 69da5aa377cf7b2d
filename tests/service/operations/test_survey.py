"""What logical replication does not carry is refused before anything is fenced; the rest arrives.

Each documented restriction of PostgreSQL 17 (29.8 Restrictions, and what 29.1.1 Replica Identity,
29.7 Conflicts and 29.11 Security add) has its row here, on real servers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from local.postgres import ADMINISTRATOR
from service.operations import judgement, migration_files, rights, schema, survey, upgrade
from service.operations.bootstrap import bootstrap
from service.operations.compare import compare
from service.operations.fence import fence, unfence
from service.operations.migrations import migrate
from service.operations.node import WRITER, DeclinedError
from service.operations.promotion import move
from tests.service.operations.conftest import DATABASE, Lab, migrations
from tests.service.operations.story import received

A, B = "entity-a", "entity-b"
NUMBERED = "CREATE TABLE bill (id uuid PRIMARY KEY, n {} DEFAULT nextval('numbers'))"
REFUSED = {
    "a schema of its own": "CREATE SCHEMA other; CREATE TABLE other.pet (id uuid PRIMARY KEY)",
    "no primary key": "CREATE TABLE pet (id uuid NOT NULL UNIQUE)",
    "a deferrable primary key": "CREATE TABLE pet (id uuid PRIMARY KEY DEFERRABLE)",
    "another replica identity": "CREATE TABLE pet (id uuid PRIMARY KEY);"
    "ALTER TABLE pet REPLICA IDENTITY {}",
    "a generated column in the primary key": "CREATE TABLE pet (name text,"
    " id text GENERATED ALWAYS AS (lower(name)) STORED PRIMARY KEY)",
    "a primary key whose values are equal and not alike": "CREATE EXTENSION citext;"
    "CREATE TABLE pet (name citext PRIMARY KEY)",
    "an unlogged table": "CREATE UNLOGGED TABLE pet (id uuid PRIMARY KEY)",
    "a materialized view": "CREATE MATERIALIZED VIEW pet AS SELECT login FROM account",
    "inheritance": "CREATE TABLE pet (id uuid PRIMARY KEY) INHERITS (outbox)",
    "a column of object identifiers": "CREATE TABLE pet (id uuid PRIMARY KEY, picture oid)",
    "a large object": "SELECT lo_from_bytea(0, 'picture')",
    "a sequence that no column owns": "CREATE SEQUENCE numbers;" + NUMBERED.format("int"),
    "a sequence of a column that is no number": "CREATE SEQUENCE numbers;"
    + NUMBERED.format("text")
    + ";ALTER SEQUENCE numbers OWNED BY bill.n",
    "a sequence that counts down, or around": "CREATE TABLE bill"
    " (id int GENERATED ALWAYS AS IDENTITY ({}) PRIMARY KEY)",
    "a sequence of more than one column": "CREATE TABLE other (id bigserial PRIMARY KEY);"
    "CREATE TABLE bill (id bigint PRIMARY KEY DEFAULT nextval('other_id_seq'))",
    "a trigger that fires for replication": "CREATE FUNCTION fires() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    "CREATE TRIGGER fires BEFORE INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION fires();"
    "ALTER TABLE tenant ENABLE {} TRIGGER fires",
    "row-level security that is forced": "ALTER TABLE tenant FORCE ROW LEVEL SECURITY",
    "a table that the application owns": "CREATE TABLE pet (id uuid PRIMARY KEY);"
    "GRANT app_writer TO CURRENT_USER WITH SET TRUE;"
    "GRANT CREATE ON SCHEMA public TO app_writer; ALTER TABLE pet OWNER TO app_writer",
    "a function with its owner's rights": "CREATE FUNCTION sweep() RETURNS void LANGUAGE sql"
    " SECURITY DEFINER AS 'DELETE FROM account'",
}
# Where one kind is more than one thing.
VARIANTS = {
    "another replica identity": ("FULL", "NOTHING"),
    "a sequence that counts down, or around": ("INCREMENT BY -1", "CYCLE"),
    "a trigger that fires for replication": ("ALWAYS", "REPLICA"),
}
# Only an administrator of the server may make one, so it is shown on the server as it is.
BY_HAND = {
    "a foreign table": "CREATE EXTENSION postgres_fdw;"
    "CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw;"
    "CREATE FOREIGN TABLE pet (id uuid) SERVER away",
}


@pytest.fixture(scope="module")
def lab(servers, masters):
    masters.arrives(B, masters.add_tenant(accounts=3))
    return masters


def folder_of(tmp_path, text, revert="SELECT 1"):
    folder = migrations(tmp_path, "entity", text)
    (folder / "entity" / "0002_more.revert.sql").write_text(revert)
    return folder


def refusal(lab, folder):
    """What `check` says; A takes writes afterwards, and nothing of the trial is left."""
    with lab.operator() as operator:
        with pytest.raises(DeclinedError) as error:
            upgrade.run(operator, "check", folder)
        assert not rights.is_fenced(operator.on(A))
        assert [schema.version(operator.on(name)) for name in (A, B)] == [1, 1]
        assert operator.on(B).column(
            "SELECT datname FROM pg_database WHERE datname ~ 'mainstay'"
        ) == [DATABASE]
    return str(error.value)


def cases():
    return [
        (kind, text.format(variant))
        for kind, text in REFUSED.items()
        for variant in VARIANTS.get(kind, ("",))
    ]


def test_every_restriction_has_its_case():
    assert {each.kind for each in survey.RESTRICTIONS} == REFUSED.keys() | BY_HAND.keys()


@pytest.mark.parametrize(("kind", "text"), cases())
def test_what_is_not_carried_is_refused_before_anything_is_fenced(lab, tmp_path, kind, text):
    [restriction] = [each for each in survey.RESTRICTIONS if each.kind == kind]
    said = refusal(lab, folder_of(tmp_path, text))
    assert "migration 2 does not run" in said
    for part in (kind, restriction.reason, restriction.fix):
        assert part in said


@pytest.mark.parametrize("kind", BY_HAND)
def test_what_was_made_by_hand_is_refused_as_well(lab, tmp_path, kind):
    server = lab.by_name[A]
    server.rows(BY_HAND[kind], database=DATABASE)
    try:
        assert kind in refusal(lab, folder_of(tmp_path, "SELECT 1"))
    finally:
        server.rows("DROP EXTENSION postgres_fdw CASCADE", database=DATABASE)


# ------------------------------------------------------- what cannot be undone, or is alike nowhere

UNLIKE = [
    "ALTER TABLE account ADD COLUMN since timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE account ADD COLUMN token uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE account ADD COLUMN n bigserial",  # by the order of rows, each server's own
    "CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT uuid7(), n int); INSERT INTO pet (n) VALUES (1)",
]
WRONG_WAYS_BACK = [
    ("ALTER TABLE account ADD COLUMN x int", "SELECT 1", "leaves another schema: column account x"),
    ("ALTER TABLE account ADD COLUMN x int", "DROP TABLE nothing", "does not run"),
    (
        "ALTER TABLE account DROP COLUMN full_name",
        "ALTER TABLE account ADD COLUMN full_name text NOT NULL DEFAULT '';"
        "ALTER TABLE account ALTER COLUMN full_name DROP DEFAULT",
        "leaves other rows of account",
    ),
]
NOT_RUN = [
    ("ALTER TABLE account ADD COLUMN x int; COMMIT", "ends its transaction"),
    ("ALTER TABLE account ADD COLUMN x int; COMMIT; BEGIN", "ends its transaction"),
    ("CREATE INDEX CONCURRENTLY ON account (login)", "cannot run inside a transaction block"),
    ("ALTER TABLE account ADD COLUMN x int NOT NULL", "contains null values"),
    ("GRANT INSERT ON account TO app_writer", "gives rights to write, which are the fence's"),
    ("CREATE ROLE someone", "changes roles, which every database of the server shares"),
    ("ALTER TABLE nowhere ADD COLUMN x int", 'relation "nowhere" does not exist'),
]


@pytest.mark.parametrize("text", UNLIKE)
def test_rows_that_would_differ_from_server_to_server_are_refused(lab, tmp_path, text):
    way_back = "DROP TABLE IF EXISTS pet; ALTER TABLE account DROP COLUMN IF EXISTS since,"
    way_back += " DROP COLUMN IF EXISTS token, DROP COLUMN IF EXISTS n"
    assert "each time, so that no two servers" in refusal(lab, folder_of(tmp_path, text, way_back))


@pytest.mark.parametrize(("text", "revert", "reason"), WRONG_WAYS_BACK)
def test_a_way_back_that_leads_elsewhere_is_refused(lab, tmp_path, text, revert, reason):
    assert reason in refusal(lab, folder_of(tmp_path, text, revert))


@pytest.mark.parametrize(("text", "reason"), NOT_RUN)
def test_what_would_stop_in_the_window_is_refused_before_it(lab, tmp_path, text, reason):
    assert reason in refusal(lab, folder_of(tmp_path, text))
    assert not lab.value(B, "SELECT count(*) FROM pg_roles WHERE rolname = 'someone'")


def test_a_schema_that_its_migrations_do_not_make_is_refused(lab, tmp_path):
    lab.rows(B, "ALTER TABLE account ADD CONSTRAINT by_hand CHECK (login <> 'x')")
    try:
        said = refusal(lab, folder_of(tmp_path, "SELECT 1"))
        assert "is not what its migrations make: constraint account by_hand" in said
    finally:
        lab.rows(B, "ALTER TABLE account DROP CONSTRAINT by_hand")


def test_an_extension_that_another_server_lacks_is_refused(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(
        judgement, "_AVAILABLE", "SELECT name FROM pg_available_extensions WHERE name <> 'citext'"
    )
    folder = folder_of(tmp_path, "CREATE EXTENSION citext", "DROP EXTENSION citext")
    assert "entity-a has no extension 'citext': install it there" in refusal(lab, folder)


def test_a_row_with_a_number_of_a_counter_that_was_there_is_refused(pair):
    """Each server's counter stands elsewhere: B's would give a number that A gave long ago."""
    for _ in range(3):
        pair.rows(A, "INSERT INTO owner (name) VALUES ('n')", user=WRITER)
    with pair.operator() as operator:
        received(operator, operator.link(A, B))
        files = [
            *migration_files.read("entity"),
            migration_files.Migration(
                version=2, name="more", sha256="", text=CARRIED, reverting=None
            ),
            migration_files.Migration(
                version=3,
                name="row",
                sha256="",
                text="INSERT INTO owner (name) VALUES ('of the release')",
                reverting=None,
            ),
        ]
        [found] = judgement.judge(operator, B, files, None)
    [problem] = found.problems
    assert "writes other rows of noted, owner each time" in problem
    assert "from a counter that was there" in problem


def test_a_trial_that_was_killed_is_in_nobodys_way(lab, tmp_path):
    folder = folder_of(tmp_path, "SELECT 1")
    with lab.operator() as operator:
        operator.on(B).change("CREATE DATABASE mainstay_scratch")
        assert upgrade.run(operator, "check", folder) == {A: 1, B: 1}
        assert not operator.on(B).value(
            "SELECT count(*) FROM pg_database WHERE datname ~ 'scratch'"
        )


def test_a_migration_by_hand_is_held_to_the_same(lab, tmp_path, monkeypatch):
    """Where nothing was tried before, as on a master that is still, its transaction is undone."""
    monkeypatch.setattr(judgement, "judge", lambda *_: [])
    folder = folder_of(tmp_path, REFUSED["an unlogged table"])
    with lab.operator() as operator:
        with pytest.raises(DeclinedError, match="leave UNLOGGED out"):
            migrate(operator, B, folder=folder)
        assert schema.version(operator.on(B)) == 1
        assert not operator.on(B).value("SELECT to_regclass('pet')")


def test_the_writes_do_not_move_to_a_master_that_would_give_a_number_again(lab):
    lab.rows(A, "CREATE SEQUENCE numbers")
    try:
        with lab.operator() as operator:
            with pytest.raises(DeclinedError, match=r"a sequence that no column owns \(numbers\)"):
                move(operator, B)
            assert not rights.is_fenced(operator.on(A))
    finally:
        lab.rows(A, "DROP SEQUENCE numbers")


# --------------------------------------------------------------------------- what is carried

CARRIED = """
CREATE EXTENSION btree_gist;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS text CHECK (length(value) < 9);
CREATE TYPE pair AS (x int, y text);
CREATE TABLE typed (
    id bigserial PRIMARY KEY, mood mood, short short, pair pair, many int[], span int4range,
    body text, long text GENERATED ALWAYS AS (body || '!') STORED, at int DEFAULT 7
);
CREATE TABLE booking (
    id uuid PRIMARY KEY, room int, during int4range,
    EXCLUDE USING gist (room WITH =, during WITH &&)
);
CREATE TABLE place (id uuid PRIMARY KEY, n int UNIQUE DEFERRABLE,
    up uuid REFERENCES place DEFERRABLE);
CREATE TABLE visit (id int, at date, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE visit_old PARTITION OF visit FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE visit_new PARTITION OF visit DEFAULT;
CREATE TABLE owner (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
CREATE TABLE pet (id int PRIMARY KEY, owner_id int REFERENCES owner ON DELETE CASCADE);
CREATE TABLE noted (id uuid PRIMARY KEY DEFAULT uuid7(), what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO noted (what) VALUES ('trigger'); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON pet FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE note AS ON INSERT TO owner DO ALSO INSERT INTO noted (what) VALUES ('rule');
ALTER TABLE noted ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON noted USING (true);
CREATE VIEW sad AS SELECT id FROM typed WHERE mood = 'sad';
CREATE TEMPORARY TABLE work ON COMMIT DROP AS SELECT login FROM account;
CREATE SCHEMA empty;
"""
WAY_BACK = """
DROP SCHEMA empty; DROP VIEW sad; DROP TABLE pet, owner, noted, visit, place, booking, typed;
DROP FUNCTION note; DROP TYPE pair, mood; DROP DOMAIN short; DROP EXTENSION btree_gist;
"""
WRITES = {
    "types of its own, and arrays": "INSERT INTO typed (mood, short, pair, many, span)"
    " VALUES ('sad', 's', (1, 'y'), '{1,2}', '[1,3)')",
    "a generated column": "INSERT INTO typed (body) VALUES ('long')",
    "a value that is kept apart, and stays": "INSERT INTO typed (body, at)"
    " SELECT string_agg(md5(n::text), ''), 1 FROM generate_series(1, 999) n",
    "an update beside it": "UPDATE typed SET at = 2 WHERE at = 1",
    "an exclusion constraint": "INSERT INTO booking VALUES"
    " (gen_random_uuid(), 1, '[1,3)'), (gen_random_uuid(), 1, '[3,5)')",
    "a unique value for two rows meanwhile": "INSERT INTO place SELECT gen_random_uuid(), n FROM"
    " generate_series(1, 2) n; UPDATE place SET n = 3 - n",
    "a row before what it refers to": "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO place"
    " VALUES ('01a00000-0000-7000-8000-000000000002', 8, '01a00000-0000-7000-8000-000000000001');"
    "INSERT INTO place VALUES ('01a00000-0000-7000-8000-000000000001', 9); COMMIT",
    "rows of partitions": "INSERT INTO visit VALUES (1, '2025-01-01'), (2, '2027-01-01')",
    "a row that changes its partition": "UPDATE visit SET at = '2028-01-01' WHERE id = 1",
    "what a trigger and a rule write, once": "INSERT INTO owner (name) VALUES ('o');"
    "INSERT INTO pet SELECT 1, max(id) FROM owner",
    "TRUNCATE over references": "TRUNCATE owner CASCADE",
    "row-level security that is not forced": "UPDATE noted SET what = upper(what)",
}


@pytest.fixture(scope="module")
def pair(servers, tmp_path_factory):
    """Masters that were upgraded to what is carried, by the rows of an upgrade."""
    lab = Lab(servers)
    for name in (A, B):
        lab.add(name, servers.start(f"carried-{name}"))
    with lab.operator() as operator:
        bootstrap(operator, "entity")
        lab.arrives(B, lab.add_tenant(accounts=3))
        folder = folder_of(tmp_path_factory.mktemp("carried"), CARRIED, WAY_BACK)
        for name in ("check", "halt", "migrate", "open", "publish", "restore", "compare"):
            upgrade.run(operator, name, folder)
    return lab


@pytest.mark.parametrize("kind", WRITES)
def test_what_is_carried_arrives(pair, kind):
    """In this order: some change what those before them wrote."""
    pair.rows(A, WRITES[kind], user=ADMINISTRATOR if "TRUNCATE" in kind else WRITER)
    with pair.operator() as operator:
        received(operator, operator.link(A, B))
        found = compare(operator, A, B)
    assert found["equal"], found
    assert pair.value(B, "SELECT subenabled FROM pg_subscription")


def test_every_counter_goes_on_after_a_move(pair):
    """Also one that has given a single number: where it stood was taken for a number it gave."""
    pair.rows(A, "INSERT INTO owner (name) VALUES ('one')", user=WRITER)
    with pair.operator() as operator:
        move(operator, B)
        for text in ("INSERT INTO owner (name) VALUES ('b')", "INSERT INTO typed (at) VALUES (3)"):
            pair.rows(B, text, user=WRITER)
        fence(operator, B)
        received(operator, operator.link(B, A))
        assert compare(operator, A, B)["equal"]
        unfence(operator, A)


def test_the_page_lists_every_restriction_with_its_reason_and_its_fix():
    page = (Path(__file__).parents[3] / "docs" / "migrations.md").read_text()
    for each in survey.RESTRICTIONS:
        assert f"| {each.kind} | {each.reason} | {each.fix} |" in page
