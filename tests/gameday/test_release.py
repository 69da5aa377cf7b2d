"""Release 2 of the game day: what it breaks, and that its way back loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday import release
from gameday.release import OVERLAY, PatchError, build, patched, provide
from local import images, releases
from local.desired_state import Container
from local.images import TaskHost, UnknownImageError
from local.postgres import PostgresServer, PostgresServers
from local.postgres.binaries import BINARIES
from service.operations import migration_files, migrations
from service.operations.bootstrap import bootstrap
from service.operations.judgement import judge
from service.operations.operator import Operator
from tests.service.operations.nodes import node_on

DATABASE = "mainstay"
TENANT = "00000000-0000-7000-8000-000000000001"
# Every statement of the store that a login, a session and an administrator's write need, as the
# build's own version says, and as if it had the server's, so that the statement itself is tried.
_CODE = """
import asyncio, json, sys
from uuid import UUID
from service import schema_version
from service.databases import Server, Servers
from service.settings import DatabaseSettings
from service.stores.entity import EntityStore, Tenant, new_id

async def main(port, version, tenant, login):
    def servers():
        return Servers([Server(
            ("127.0.0.1", port), DatabaseSettings(database_auth="trust"),
            role="app_writer", version=version or schema_version.spoken("entity"),
            notes_versions=False, statement_seconds=5, connections=2, token=lambda *_: "")])
    store = EntityStore(servers(), servers(), backwards=lambda: False)
    await store.readers.open()
    await store.writers.open()

    for each in (store.readers, store.writers):
        each.ask = lambda about, text, values=(), server=each.servers[0], **_: server.ask(
            about, text, values)
    tenant, account = Tenant(UUID(tenant), "t"), new_id()
    values = {"login": login, "full_name": "A B", "password_hash": "h", "attributes": {"x": 1}}
    acts = {
        "login": lambda: store.credentials(tenant, login),
        "session": lambda: store.standing(tenant, account),
        "make": lambda: store.make_account(tenant, account, values),
        "change": lambda: store.change_account(tenant, account, values, revoke=True),
    }
    found = {}
    for name in ("make", "change", "login", "session"):
        try:
            row = await acts[name]()
            found[name] = {k: str(v) for k, v in (row or {}).items() if k in (
                "login", "full_name", "password_hash", "session_epoch")}
        except Exception as error:
            found[name] = type(error).__name__
    print(json.dumps(found))
    await store.readers.close(), await store.writers.close()

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("target")
    provide(made)
    return made


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServers() as servers:
        yield servers.start("entity-a")


@pytest.fixture(scope="module")
def operator(server: PostgresServer) -> Iterator[Operator]:
    node = node_on("entity-a", server)
    with Operator({node.name: node}, timeout=60) as operator:
        bootstrap(operator, "entity")
        yield operator


def _served(
    target: Path, number: str, server: PostgresServer, *, version: int = 0
) -> dict[str, object]:
    tree = target / "releases" / number
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(server.port), str(version), TENANT, f"login {number}"],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _dump(server: PostgresServer, *options: str) -> list[str]:
    """Schema and rows as pg_dump writes them, but for what it draws by lot."""
    text = BINARIES.run("pg_dump", "-n", "public", *options, server.dsn(DATABASE))
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestr"))]


def test_each_release_serves_its_own_schema_alone_and_the_way_back_is_exact(
    target: Path, server: PostgresServer, operator: Operator
):
    right = {"full_name": "A B", "password_hash": "h", "session_epoch": "1"}
    refused = dict.fromkeys(("make", "change", "login", "session"), "SchemaVersionError")
    no_column = dict.fromkeys(refused, "UndefinedColumn")

    def serve(number: str) -> None:
        answers = _served(target, number, server)
        assert answers["login"] == right | {"login": f"login {number}"}
        assert answers["session"] == {"session_epoch": "1"}

    server.rows(
        "INSERT INTO tenant (id, host, name) VALUES (%s, 't', 't')", TENANT, database=DATABASE
    )
    serve("1")
    assert _served(target, "2", server) == refused
    assert _served(target, "2", server, version=1) == no_column
    server.rows(
        "INSERT INTO account (tenant_id, login, full_name, password_hash)"
        " SELECT id, 'a' || n, 'N', (%s::text[])[n] FROM tenant, generate_series(1, 3) n",
        [None, "", '{"\\'],
        database=DATABASE,
    )
    before = _dump(server)
    folder = target / "releases" / "2" / "service" / "migrations"
    [judged] = judge(operator, "entity-a", migration_files.read("entity", folder), None)
    assert (judged.kind, judged.problems) == ("breaking", [])  # and the way back is exact there too
    assert "rewrites account, for which everybody waits" in judged.reasons
    assert migrations.migrate(operator, "entity-a", folder=folder) == [2]
    assert _dump(server, "--schema-only") != before
    assert _served(target, "1", server) == refused
    assert _served(target, "1", server, version=2) == no_column
    assert migrations.revert(operator, "entity-a", to=1, folder=folder) == [2]
    assert _dump(server) == before
    assert migrations.migrate(operator, "entity-a", folder=folder) == [2]
    serve("2")


def test_a_tree_is_the_same_each_time_and_differs_where_the_overlay_says(target: Path):
    one, two = (target / "releases" / number for number in ("1", "2"))
    assert build(target / "again", OVERLAY) == target / "again"
    (target / "again" / "left.py").touch()
    build(target / "again", OVERLAY)
    assert _files(target / "again") == _files(two)
    assert {"service/__main__.py", "functions/control_table/mode.py"} <= _files(one).keys()
    differing = {name for name, held in _files(two).items() if _files(one).get(name) != held}
    assert differing == {
        "service/stores/entity.py",
        "service/migrations/entity/0002_credentials_by_kind.sql",
        "service/migrations/entity/0002_credentials_by_kind.revert.sql",
    }


def test_a_patch_that_was_made_for_another_file_is_refused(tmp_path: Path):
    patch = OVERLAY / "service" / "stores" / "entity.py.patch"
    shipped = (release.ROOT / "service" / "stores" / "entity.py").read_text()
    assert patched(shipped, patch) != shipped
    with pytest.raises(PatchError, match=r"entity.py.patch does not fit: line \d+ should be"):
        patched(shipped.replace("session_epoch", "epoch"), patch)


def test_an_image_runs_from_its_release_s_tree_and_an_unknown_one_not_at_all(
    target: Path, tmp_path: Path
):
    def container(image: str) -> Container:
        return Container(
            name="server", image=image, command=(), variables={}, ports=(), mounts={},
            stop_seconds=1,
        )  # fmt: skip

    def place(table: Path) -> TaskHost:
        return TaskHost(
            folder=tmp_path, address="127.0.0.2", variables={}, authority=tmp_path,
            databases=tmp_path, releases=releases.read(table),
        )  # fmt: skip

    two = images.program(container(release.IMAGES["2"]), place(target))
    assert two.folder == target / "releases" / "2"
    assert two.variables["BUILD"] == "2"
    assert str(two.folder) in two.variables["PYTHONPATH"].split(os.pathsep)
    with pytest.raises(UnknownImageError, match="should be one of .*, the releases of this target"):
        images.program(container(f"{release.IMAGES['2']}.1"), place(target))
    assert images.program(container(release.IMAGES["2"]), place(tmp_path)).folder == images.ROOT


def _files(tree: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
