"""Migrations judged by what they do on a scratch copy with rows: none, additive or breaking."""

from __future__ import annotations

import pytest

from service.operations import migration_files
from service.operations.bootstrap import bootstrap
from service.operations.effects import observe
from service.operations.judgement import ADDITIVE, BREAKING, NONE, class_of, rolled_back
from service.operations.scratch import scratch
from tests.service.operations.conftest import Lab, migrations

# What is there, and known to old code, when the migration under test comes.
BEFORE = """
CREATE TABLE owner (id uuid PRIMARY KEY, name text);
ALTER TABLE owner ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON owner USING (id = current_tenant());
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS text;
CREATE TYPE pair AS (x int, y int);
CREATE TABLE pet (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), account_id uuid NOT NULL, name text, food text,
    legs int DEFAULT 4, mood mood, UNIQUE (account_id, name)
);
ALTER TABLE pet ADD CONSTRAINT some_legs CHECK (legs > 0) NOT VALID;
CREATE INDEX pet_of_account ON pet (account_id);
CREATE VIEW named AS SELECT id, name FROM pet;
CREATE TABLE visit (id uuid, at date, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE visit_default PARTITION OF visit DEFAULT;
CREATE TABLE log (id uuid, at date, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TRIGGER quiet BEFORE UPDATE ON pet FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE FUNCTION ask(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
"""
ROWS = """
INSERT INTO pet (account_id, name, mood)
    SELECT '01a00000-0000-7000-8000-000000000001', 'n' || n, 'sad' FROM generate_series(1, 9) n;
INSERT INTO visit SELECT gen_random_uuid(), date '2026-01-01' + n FROM generate_series(1, 9) n;
"""
FIRES = """CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER fires BEFORE INSERT ON pet FOR EACH ROW EXECUTE FUNCTION fires();"""

NOTHING = [
    "COMMENT ON TABLE pet IS 'DROP TABLE pet; ALTER TABLE pet ADD COLUMN x bigserial'",
    "ANALYZE pet",
    "REVOKE SELECT ON pet FROM app_reader",  # every table's readers are given it again
    "CREATE STATISTICS of_pet ON account_id, name FROM pet",
    "ALTER TABLE pet VALIDATE CONSTRAINT some_legs",
    "DO $$ BEGIN PERFORM 1; END $$",
    "-- nothing but /* a /* nested */ */ comment; DROP TABLE pet",
]
ADDS = [
    "CREATE TABLE toy (id uuid PRIMARY KEY, pet_id uuid REFERENCES pet ON DELETE CASCADE)",
    "CREATE TABLE toy (id uuid PRIMARY KEY); CREATE UNIQUE INDEX ON toy (id); "
    "ALTER TABLE toy ENABLE ROW LEVEL SECURITY; CREATE POLICY a ON toy AS RESTRICTIVE USING (true)",
    "CREATE TABLE toy (id int PRIMARY KEY, name text); INSERT INTO toy VALUES (1, 'ball')",
    "CREATE TABLE toy (id bigserial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)",
    "ALTER TABLE pet ADD COLUMN colour text",
    "ALTER TABLE pet ADD COLUMN tame boolean NOT NULL DEFAULT false, ADD COLUMN age int DEFAULT 0",
    "ALTER TABLE pet ADD COLUMN friend uuid REFERENCES owner ON DELETE SET NULL",
    "CREATE TABLE toy (id int PRIMARY KEY); CREATE FUNCTION three() RETURNS int LANGUAGE sql"
    " RETURN 3",
    "CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "CREATE FUNCTION two() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE VIEW colours AS SELECT DISTINCT name FROM pet",
    "CREATE TYPE size AS ENUM ('small'); ALTER TYPE size ADD VALUE 'large'",
    "CREATE EXTENSION btree_gist",
    "GRANT SELECT ON pet TO app_reader; GRANT SELECT ON pet TO PUBLIC",
]
BREAKS = [
    # What waits, or is waited for.
    ("ALTER TABLE pet ADD COLUMN n bigserial", "rewrites pet"),
    ("ALTER TABLE pet ADD COLUMN n int GENERATED ALWAYS AS IDENTITY", "rewrites pet"),
    ("ALTER TABLE pet ADD COLUMN n int GENERATED ALWAYS AS (legs * 2) STORED", "rewrites pet"),
    ("ALTER TABLE pet ADD COLUMN u uuid DEFAULT gen_random_uuid()", "rewrites pet"),
    ("ALTER TABLE pet ALTER COLUMN legs TYPE bigint", "rewrites pet"),
    ("ALTER TABLE pet ALTER COLUMN food TYPE varchar(9)", "rewrites pet"),
    ("ALTER TABLE pet SET UNLOGGED", "rewrites pet"),
    ("TRUNCATE pet", "rewrites pet"),
    ("REINDEX TABLE pet", "rewrites pet"),
    ("CLUSTER pet USING pet_pkey", "rewrites pet"),
    ("ALTER TABLE pet ADD COLUMN n int UNIQUE", "reads all of pet while who writes pet waits"),
    ("CREATE INDEX ON pet (name)", "reads all of pet while who writes pet waits"),
    ("CREATE UNIQUE INDEX ON pet (name)", "restricts what old code may write"),
    ("ALTER TABLE pet ALTER COLUMN name SET NOT NULL", "reads all of pet while who writes pet"),
    ("ALTER TABLE pet ADD COLUMN n int CHECK (n > 0)", "reads all of pet while who writes pet"),
    ("ALTER TABLE pet ADD CONSTRAINT tall CHECK (legs > 0)", "reads all of pet while who writes"),
    (
        "ALTER TABLE pet ADD COLUMN x int; ALTER TABLE pet VALIDATE CONSTRAINT some_legs",
        "reads all of pet while who writes pet waits",
    ),
    (
        "CREATE TABLE y PARTITION OF visit FOR VALUES FROM ('2036-01-01') TO ('2037-01-01')",
        "reads all of visit_default while who writes visit, visit_default waits",
    ),
    ("CREATE TABLE toy AS SELECT name FROM pet", "copies rows of pet"),
    ("SELECT name INTO toy FROM pet", "copies rows of pet"),
    ("CREATE MATERIALIZED VIEW toy AS SELECT name FROM pet", "copies rows of pet"),
    ("UPDATE pet SET name = upper(name)", "writes rows of pet"),
    ("DELETE FROM pet WHERE legs > 4", "writes rows of pet"),
    ("INSERT INTO owner VALUES (gen_random_uuid(), 'n')", "writes rows of owner"),
    ("DO $$ BEGIN EXECUTE 'UPD' || 'ATE pet SET legs = 3'; END $$", "writes rows of pet"),
    (
        "CREATE FUNCTION sweep() RETURNS void LANGUAGE sql AS 'DELETE FROM pet'; SELECT sweep()",
        "writes rows of pet",
    ),
    (
        "ALTER TABLE pet ADD COLUMN x int; SELECT pg_sleep(1.2)",
        "takes 1.2 s on a few rows, while who writes pet waits",
    ),
    # What old code finds otherwise.
    ("DROP TABLE pet CASCADE", "table pet is gone"),
    ("ALTER TABLE pet RENAME TO animal", "table pet is gone"),
    ("ALTER TABLE pet DROP COLUMN name CASCADE", "column pet.name is gone"),
    ("ALTER TABLE pet RENAME COLUMN name TO called", "column pet.name is gone"),
    ("ALTER TABLE pet ALTER COLUMN legs SET DEFAULT 2", "column pet.legs is changed"),
    ("ALTER TABLE pet ALTER COLUMN account_id DROP NOT NULL", "column pet.account_id is gone"),
    ("DROP INDEX pet_of_account", "index pet.pet_of_account is gone"),
    ("ALTER TABLE pet DROP CONSTRAINT some_legs", "constraint pet.some_legs is gone"),
    ("ALTER TABLE pet ADD CONSTRAINT tall CHECK (legs > 2) NOT VALID", "restricts what old code"),
    (
        "ALTER TABLE pet ADD CONSTRAINT of FOREIGN KEY (account_id) REFERENCES owner NOT VALID",
        "constraint pet.of: restricts what old code may write",
    ),
    ("CREATE TABLE toy (id uuid PRIMARY KEY, pet_id uuid REFERENCES pet)", "reference pet.toy"),
    ("ALTER TABLE pet ADD COLUMN friend uuid REFERENCES owner", "old code's deletes fail"),
    ("CREATE TABLE toy (id uuid PRIMARY KEY) INHERITS (pet)", "heir pet.toy: its rows show"),
    (
        "CREATE POLICY mine ON owner AS RESTRICTIVE USING (true)",
        "policy owner.mine: changes which",
    ),
    ("CREATE POLICY mine ON owner USING (true)", "policy owner.mine: changes which rows"),
    ("DROP POLICY own ON owner", "policy owner.own is gone"),
    ("ALTER TABLE pet ENABLE ROW LEVEL SECURITY", "table pet is changed"),
    ("ALTER TABLE owner DISABLE ROW LEVEL SECURITY", "table owner is changed"),
    (FIRES, "trigger pet.fires: runs in old code's writes"),
    ("ALTER TABLE pet DISABLE TRIGGER quiet", "trigger pet.quiet is changed"),
    ("CREATE RULE no AS ON DELETE TO pet DO INSTEAD (SELECT 1; SELECT 2)", "rule pet.no"),
    ("ALTER TYPE mood ADD VALUE 'calm'", "label mood.calm: old code may read a value"),
    ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "label mood.sad is gone"),
    ("ALTER TYPE pair ADD ATTRIBUTE z int", "attribute pair.z"),
    ("ALTER DOMAIN short ADD CHECK (length(value) < 9)", "constraint short.short_check"),
    ("ALTER DOMAIN short SET NOT NULL", "type short is changed"),
    ("CREATE OR REPLACE VIEW named AS SELECT id, name, legs FROM pet", "table named is changed"),
    (
        "CREATE OR REPLACE FUNCTION ask(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
        "function ask.a integer is changed",
    ),
    ("CREATE FUNCTION ask(a text) RETURNS int LANGUAGE sql AS 'SELECT 1'", "may mean this one"),
    ("DROP FUNCTION ask", "function ask.a integer is gone"),
    ("CREATE CAST (pair AS short) WITH INOUT AS ASSIGNMENT", "cast pair as short: changes how"),
    ("REVOKE EXECUTE ON FUNCTION ask FROM PUBLIC", "right ask"),
    ("ALTER SEQUENCE IF EXISTS nothing RESTART; DROP VIEW named", "table named is gone"),
    ("ALTER TABLE visit DETACH PARTITION visit_default", "partition visit.visit_default is gone"),
]


@pytest.fixture(scope="module")
def copy(servers, tmp_path_factory):
    """A scratch copy of a store where BEFORE ran, with rows."""
    lab = Lab(servers)
    lab.start("transaction")  # nothing of it is replicated, and so nothing is refused for that
    folder = migrations(tmp_path_factory.mktemp("before"), "transaction", BEFORE)
    with lab.operator() as operator:
        bootstrap(operator, "transaction", folder=folder)
        lab.rows("transaction", ROWS)
        files = migration_files.read("transaction", folder)
        with scratch(operator, "transaction", files) as made:
            yield made


def effect_of(copy, text):
    migration = migration_files.Migration(
        version=99, name="more", sha256="", text=text, reverting=None
    )
    with rolled_back(copy):
        return observe(copy, lambda: migration_files.apply(copy, migration))


@pytest.mark.parametrize("text", NOTHING)
def test_what_changes_nothing_is_of_class_none(copy, text):
    found = effect_of(copy, text)
    assert (class_of(found), found.reasons) == (NONE, ())


@pytest.mark.parametrize("text", ADDS)
def test_what_adds_is_additive(copy, text):
    found = effect_of(copy, text)
    assert (class_of(found), found.reasons) == (ADDITIVE, ())


@pytest.mark.parametrize(("text", "reason"), BREAKS)
def test_what_does_more_is_breaking_with_its_reason(copy, text, reason):
    found = effect_of(copy, text)
    assert class_of(found) == BREAKING
    assert any(reason in each for each in found.reasons), found
