"""A primary with every shape of table, a physical standby to dump from, and an empty server."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from dumps.dump import Dumped, DumpRequest, dump
from dumps.shelf import FolderShelf, Shelf
from local.postgres import PostgresServer, PostgresServers
from local.postgres.binaries import BINARIES

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
DATABASE = "mainstay"

_SCHEMA = """
CREATE TABLE tenant (id int PRIMARY KEY, host text NOT NULL UNIQUE, attributes jsonb NOT NULL,
    born timestamptz NOT NULL DEFAULT now(), picture bytea, share double precision);
CREATE TABLE counted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id int NOT NULL
    REFERENCES tenant, note text);
CREATE TABLE event (id bigint NOT NULL, at timestamptz NOT NULL, what text,
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE event_2026_10 PARTITION OF event FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
CREATE TABLE event_2026_11 PARTITION OF event FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE empty (id int);
CREATE SCHEMA "Odd Name";
CREATE TABLE "Odd Name"."Quoted" ("the id" int, "Drop Me" text);
ALTER TABLE "Odd Name"."Quoted" DROP COLUMN "Drop Me";
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenant USING (id = 0);
CREATE ROLE onlooker LOGIN;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker;
GRANT USAGE ON SCHEMA "Odd Name" TO onlooker;
GRANT SELECT ON ALL TABLES IN SCHEMA "Odd Name" TO onlooker;
INSERT INTO tenant SELECT n, 'h' || n, jsonb_build_object('n', n, 'tags', array[n % 7]), now(),
    decode(md5(n::text), 'hex'), n / 7.0 FROM generate_series(1, 2000) n;
INSERT INTO counted (id, tenant_id, note) OVERRIDING SYSTEM VALUE
    SELECT n * 3, 1 + n % 2000, 'as a subscriber is sent it' FROM generate_series(1, 500) n;
INSERT INTO event SELECT n, '2026-10-15'::timestamptz + (n % 40) * interval '1 day', 'login'
    FROM generate_series(1, 3000) n;
INSERT INTO "Odd Name"."Quoted" VALUES (1), (2);
"""


class Lab:
    """The servers, and shorthands for what tests do with them."""

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary, self.standby = primary, standby

    def dump(self, shelf: Shelf, work: Path, *, now: datetime = NOW, **more: Any) -> Dumped:
        chosen: dict[str, Any] = {
            "store": "entity",
            "dsn": self.standby.dsn(DATABASE),
            "retain": timedelta(days=35),
            "workers": 2,
        }
        work.mkdir(exist_ok=True)
        return dump(shelf, DumpRequest(**{**chosen, **more}), work, now=now)

    def follow(self) -> None:
        """Wait until the standby has let go of what a test locked: a dump of it would meet that."""
        # A commit, for a rollback is sent when something else is.
        self.primary.rows("SELECT pg_logical_emit_message(true, 'tests', '')")
        written = self.primary.value("SELECT pg_current_wal_flush_lsn()::text")
        self.standby.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)

    @contextmanager
    def target(self) -> Iterator[str]:
        """An empty database, on the primary's server: a server more would cost a second."""
        name = f"target_{secrets.token_hex(4)}"
        self.primary.rows(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield name
        finally:
            self.primary.rows(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def writing(self) -> Iterator[list[int]]:
        """A writer on the primary that never rests; the list has the keys it wrote."""
        stop, written = Event(), [0]

        def write() -> None:
            with self.primary.connect(DATABASE) as connection:
                while not stop.is_set():
                    written[0] += 1
                    connection.execute(
                        "INSERT INTO event VALUES (%s, '2026-11-20', 'live')",
                        [10_000_000 + written[0]],
                    )
                    connection.execute("UPDATE tenant SET attributes = '{}' WHERE id = 1")

        writer = Thread(target=write)
        writer.start()
        try:
            yield written
        finally:
            stop.set()
            writer.join()
            self.primary.rows("DELETE FROM event WHERE what = 'live'", database=DATABASE)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with PostgresServers() as servers, pytest.MonkeyPatch.context() as patched:
        patched.setenv("PG_BIN", str(BINARIES.folder / "bin"))
        primary = servers.start("primary")
        primary.rows(f"CREATE DATABASE {DATABASE}")
        with primary.connect(DATABASE) as connection:
            connection.execute(_SCHEMA.encode())
        standby = servers.standby(
            "standby", of=primary, max_standby_streaming_delay=-1, hot_standby_feedback="on"
        )
        standby.wait("SELECT count(*) = 2000 FROM tenant", database=DATABASE)
        yield Lab(primary, standby)


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "bucket")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may walk through, as a server's does where pytest is root's.

    Not one of pytest's own: each pytest that starts closes them to others.
    """
    with tempfile.TemporaryDirectory(prefix="mainstay-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def taken(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket's copy with one dump, that tests copy before they damage it."""
    folder = tmp_path_factory.mktemp("taken")
    lab.dump(FolderShelf(folder), tmp_path_factory.mktemp("work"))
    return folder
