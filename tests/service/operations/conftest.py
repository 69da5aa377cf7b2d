"""Masters A and B and the follower L on real PostgreSQL, as the operations see them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import ADMINISTRATOR, PostgresServer, PostgresServers
from service.operations import rights
from service.operations.bootstrap import bootstrap
from service.operations.node import WRITER, DatabaseNode
from service.operations.operator import Operator
from tests.service.operations.nodes import DATABASE, node_on


class Lab:
    """Servers by the names that operations give them, and shorthands for what tests ask."""

    def __init__(self, servers: PostgresServers) -> None:
        self.servers = servers
        self.by_name: dict[str, PostgresServer] = {}

    def add(self, name: str, server: PostgresServer) -> PostgresServer:
        self.by_name[name] = server
        return server

    def start(self, *names: str, **settings: Any) -> None:
        for name in names:
            self.add(name, self.servers.start(name, **settings))

    @property
    def nodes(self) -> dict[str, DatabaseNode]:
        return {name: node_on(name, server) for name, server in self.by_name.items()}

    def operator(self, **options: Any) -> Operator:
        chosen: dict[str, Any] = {"timeout": 60} | options
        return Operator(self.nodes, **chosen)

    def rows(self, name: str, sql: str, *values: Any, user: str = ADMINISTRATOR) -> list[Any]:
        if user == WRITER:  # these tests are about rights, of all tenants at once
            self.by_name[name].rows(f"ALTER ROLE {WRITER} BYPASSRLS")
        return self.by_name[name].rows(sql, *values, database=DATABASE, user=user)

    def value(self, name: str, sql: str, *values: Any, user: str = ADMINISTRATOR) -> Any:
        return self.by_name[name].value(sql, *values, database=DATABASE, user=user)

    def wait(self, name: str, sql: str, *values: Any) -> None:
        self.by_name[name].wait(sql, *values, database=DATABASE, user=ADMINISTRATOR)

    def add_tenant(self, name: str = "entity-a", *, accounts: int = 0, user: str = "") -> str:
        """A new tenant with accounts, written by the application."""
        tenant = str(uuid.uuid4())
        user = user or "app_writer"
        self.rows(
            name,
            "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')",
            tenant,
            tenant,
            user=user,
        )
        self.rows(
            name,
            "INSERT INTO account (tenant_id, login, full_name)"
            " SELECT %s, 'u' || n, 'Given' || n || ' Family' || n FROM generate_series(1, %s) n",
            tenant,
            accounts,
            user=user,
        )
        return tenant

    def arrives(self, name: str, tenant: str) -> None:
        self.wait(name, "SELECT count(*) = 1 FROM tenant WHERE id = %s", tenant)


@pytest.fixture(scope="module")
def servers() -> Iterator[PostgresServers]:
    with PostgresServers() as servers:
        yield servers


@pytest.fixture(scope="module")
def masters(servers: PostgresServers) -> Lab:
    """A and B after their first start."""
    lab = Lab(servers)
    lab.start("entity-a", "entity-b")
    with lab.operator() as operator:
        bootstrap(operator, "entity")
    return lab


@pytest.fixture
def operator(masters: Lab) -> Iterator[Operator]:
    with masters.operator() as operator:
        yield operator


@pytest.fixture
def fenced_as_at_first(masters: Lab) -> Iterator[None]:
    """After the test A takes writes again and B does not, whatever the test did."""
    yield
    with masters.operator() as operator:
        rights.revoke_unrecorded(operator.on("entity-b"))
        rights.grant_writes(operator.on("entity-a"))


def migrations(folder: Path, store: str, *texts: str) -> Path:
    """A folder of the shipped migrations of a store, with more behind them."""
    from service.operations.migration_files import FOLDER

    (folder / store).mkdir(parents=True, exist_ok=True)
    shipped = sorted((FOLDER / store).glob("*.sql"))
    for path in shipped:
        (folder / store / path.name).write_bytes(path.read_bytes())
    for number, text in enumerate(texts, start=len(shipped) + 1):
        (folder / store / f"{number:04d}_more.sql").write_text(text)
    return folder
