"""READ_WRITE and READ_ONLY: every endpoint in each, and how a process comes to its mode."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.control_table.acknowledgements import acknowledgements
from functions.control_table.mode import Mode, State
from local.one_machine import DOMAIN, OneMachine, Process
from local.waiting import wait_until
from service.api import matrix
from service.api.application import application
from service.api.call import Endpoint
from service.api.table import ENDPOINTS
from service.databases import Servers
from service.mode import ServiceMode, WriterWatcher
from service.runtime import Runtime
from service.schema_version import SchemaVersionError
from service.settings import api_settings
from service.stores.entity import EntityStore
from tests.service.conftest import API_TASK, PASSWORD, Tenant, mode_of

ROOT = Path(__file__).parents[2]
_VARIABLES = {
    "DOMAIN": DOMAIN,
    "CONTROL_TABLE": "control",
    "SESSION_TABLE": "session",
    "EVENTS_QUEUE_URL": "http://127.0.0.1:9/events",
    "AWS_REGION": "us-east-1",
    "DATABASE_AUTH": "trust",
    "ENTITY_WRITER": "127.0.0.1:9",
    "ENTITY_READERS": "127.0.0.1:9",
    "TRANSACTION_READERS": "127.0.0.1:9",
}


def state(mode: str, epoch: int = 1) -> State:
    return State(mode=Mode(mode), reason="a test", epoch=epoch, by="a test", at="")


class _TouchedError(Exception):
    """A store was asked."""


class _Untouchable:
    def __getattr__(self, name: str) -> Any:
        raise _TouchedError(name)


@pytest.fixture(scope="module")
def offline() -> Any:
    """A runtime of which every store raises when anything of it is touched."""
    runtime = Runtime(api_settings(_VARIABLES), give_up=lambda reason: None)
    for name in (
        "entities",
        "transactions",
        "reports",
        "sessions",
        "attempts",
        "audit",
        "login_stores",
    ):
        setattr(runtime, name, _Untouchable())
    yield runtime
    runtime.passwords.close()


def answer_of(runtime: Runtime, endpoint: Endpoint) -> tuple[int, dict[str, str], Any]:
    """What the application sends for a request that is right but for its stores."""
    sent: list[Any] = []
    path = endpoint.path.replace("{id}", str(uuid.uuid4()))
    scope = {
        "type": "http",
        "method": endpoint.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", f"acme.{DOMAIN}".encode()), (b"authorization", b"Bearer x")],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await application(runtime)(scope, receive, send)

    asyncio.run(run())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers, json.loads(body) if body else None


@pytest.fixture(scope="module", autouse=True)
def lone(machine: OneMachine) -> Process:
    """A process that cannot read its mode; its ten seconds pass while others are tested."""
    return machine.api(wait=False, CONTROL_TABLE="no-such-table")


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


class Asked:
    """A server that has no rows, and tells that it was asked."""

    def __init__(self, name: str, asked: list[str]) -> None:
        self.name, self._asked = name, asked

    def rank(self) -> int:
        return 0

    async def ask(self, *_: Any) -> list[Any]:
        self._asked.append(self.name)
        return []


@pytest.mark.parametrize(("mode", "first"), [("READ_WRITE", "a"), ("READ_ONLY", "b")])
def test_in_read_only_the_other_master_s_readers_are_asked_first(
    monkeypatch: pytest.MonkeyPatch, mode: str, first: str
):
    """An upgrade changes master A's schema then, and old code goes on with master B's."""
    asked: list[str] = []
    runtime = Runtime(api_settings(_VARIABLES), give_up=lambda reason: None)
    servers = [Asked(name, asked) for name in "ab"]
    monkeypatch.setattr(runtime.entities.readers, "servers", servers)
    runtime.mode.obey(state(mode))
    assert asyncio.run(runtime.entities.tenant("nobody-known")) is None
    assert asked == [first]
    runtime.passwords.close()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
@pytest.mark.parametrize("mode", ["READ_WRITE", "READ_ONLY"])
def test_every_endpoint_in_each_mode(offline: Runtime, endpoint: Endpoint, mode: str, capsys):
    """Refused without a store being touched, or on its way to the first store that it needs."""
    offline.mode.obey(state(mode))
    status, headers, body = answer_of(offline, endpoint)
    touched = "_TouchedError" in capsys.readouterr().out
    if endpoint.writes and mode == "READ_ONLY":
        assert (status, body["code"], touched) == (503, "E0000010", False)
        assert int(headers["retry-after"]) > 0
        assert headers["x-service-mode"] == "read-only"
        assert headers["content-type"] == "application/problem+json"
    else:
        assert touched == bool(endpoint.stores)
        assert (body or {}).get("code") != "E0000010"


def test_what_changes_the_entity_store_and_nothing_else_is_refused():
    assert {named(each) for each in ENDPOINTS if each.writes} == {
        "POST /api/v1/users",
        "POST /api/v1/users/me/password",
        "PUT /api/v1/users/{id}",
        "PATCH /api/v1/users/{id}",
        "DELETE /api/v1/users/{id}",
    }


def test_the_page_of_modes_is_made_of_the_table():
    assert (ROOT / "docs/service-modes.md").read_text() == matrix.page()


def test_the_edge_lets_through_what_the_service_serves_in_read_only():
    """nginx's list of what a login needs, against the table; a write's path follows a 1 there."""
    import re

    conf = ROOT / "constructs/mainstay/edge/nginx/conf/read-only-routes.conf"
    open_paths = re.findall(r'^    "~(\^.*)" 1;', conf.read_text(), re.MULTILINE)
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET" and not endpoint.writes:
            path = endpoint.path
            assert any(re.search(pattern, f"1{path}") for pattern in open_paths), path


def test_a_process_is_read_only_until_it_knows_better():
    mode = ServiceMode()
    assert mode.read_only
    assert not mode.is_known
    mode.obey(state("READ_WRITE"))
    assert not mode.read_only


def test_a_lost_writer_enters_read_only_and_a_newer_epoch_or_a_writer_leaves_it():
    mode = ServiceMode()
    mode.obey(state("READ_WRITE", 7))
    mode.lose_writer()
    mode.obey(state("READ_WRITE", 7))
    assert (mode.read_only, mode.state.mode, mode.state.epoch) == (True, Mode.READ_ONLY, 7)
    mode.obey(state("READ_ONLY", 8))
    assert mode.read_only
    mode.obey(state("READ_WRITE", 9))
    assert not mode.read_only
    mode.lose_writer()
    mode.find_writer()
    assert not mode.read_only
    mode.lose_writer()
    mode.obey(state("READ_ONLY", 10))
    mode.find_writer()
    assert mode.read_only  # the table's word is not the writer's to end


def test_an_unreadable_table_stops_writes_until_it_is_read_again():
    mode = ServiceMode()
    mode.obey(state("READ_WRITE"))
    mode.set_stale(True)
    assert (mode.read_only, mode.state.reason) == (True, "the control table is not readable")
    mode.set_stale(False)
    assert not mode.read_only


def _watched(answers: list[bool], *, lost: bool = False, table: str = "READ_WRITE") -> bool:
    """Return whether READ_ONLY is obeyed after so many looks at the writer."""

    async def run() -> bool:
        mode, left, done = ServiceMode(), list(answers), asyncio.Event()
        mode.obey(state(table))
        if lost:
            mode.lose_writer()

        async def accepts_writes() -> bool:
            if not left:
                done.set()
                await asyncio.sleep(60)
            return left.pop(0)

        watching = asyncio.create_task(WriterWatcher(mode, accepts_writes, seconds=0).run())
        ended = asyncio.create_task(done.wait())
        await asyncio.wait([ended], timeout=1)
        watching.cancel()
        ended.cancel()
        return mode.read_only

    return asyncio.run(run())


def test_three_misses_of_the_writer_enter_read_only_and_two_do_not():
    assert _watched([False, False, False])
    assert not _watched([False, False, True, False, False])


@pytest.mark.parametrize(
    ("newer", "words"), [(True, "the writer has another schema version"), (False, "no writer")]
)
def test_a_task_of_the_old_release_reports_no_lost_writer(newer, words, capsys):
    """Its half trails for minutes in each upgrade, and two such lines would ring an alarm."""

    class Master:
        def __init__(self, *, newer: bool) -> None:
            self._newer = newer

        def rank(self) -> int:
            return 0

        async def ask(self, *_: object) -> list[dict[str, bool]]:
            if self._newer:
                raise SchemaVersionError("A has another version than this build speaks")
            return [{"takes": False}]

    async def run() -> None:
        writers = Servers(())
        masters: list[Any] = [Master(newer=newer), Master(newer=False)]  # stand-ins
        writers.servers = masters
        store = EntityStore(Servers(()), writers, backwards=lambda: False)
        mode = ServiceMode()
        mode.obey(state("READ_WRITE"))
        watcher = WriterWatcher(
            mode,
            store.accepts_writes,
            seconds=0,
            has_other_version=lambda: store.found_other_version,
        )
        watching = asyncio.create_task(watcher.run())
        async with asyncio.timeout(5):
            while not mode.read_only:
                await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(run())
    assert f"entered READ_ONLY: {words}" in capsys.readouterr().out


def test_three_answers_of_a_writer_leave_read_only_and_two_do_not():
    assert not _watched([True, True, True], lost=True)
    assert _watched([True, True, False, True, True], lost=True)
    assert _watched([True, True, True], lost=True, table="READ_ONLY")


def test_a_flip_is_obeyed_and_acknowledged_and_writes_wait_for_its_end(
    machine: OneMachine, tenant: Tenant, admin: str
):
    given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "password": PASSWORD}
    epoch = machine.enter("READ_ONLY")
    dynamodb = machine.client("dynamodb")

    def obeyed(layer: str) -> bool:
        now = datetime.now(UTC)
        found = acknowledgements(dynamodb, "control", layer=layer, now=now)
        return any(each.epoch >= epoch and each.mode == "READ_ONLY" for each in found)

    wait_until(lambda: obeyed("app") and obeyed("worker"), "both acknowledge")
    refused = tenant.ask("POST", "/api/v1/users", given, token=admin)
    assert (refused.status_code, refused.json()["code"]) == (503, "E0000010")
    token = tenant.log_in()  # logins, sessions, reads and the audit log go on
    assert tenant.ask("GET", "/api/v1/sessions/me", token=token).status_code == 200
    assert tenant.ask("GET", "/api/v1/users", token=admin).status_code == 200
    me = tenant.ask("GET", "/api/v1/sessions/me", token=token).json()["userId"]
    wait_until(lambda: tenant.events(admin, actor=me), "the worker works in READ_ONLY")
    machine.enter("READ_WRITE")
    wait_until(lambda: mode_of(tenant.api) == "READ_WRITE", "READ_WRITE again")
    assert tenant.ask("POST", "/api/v1/users", given, token=admin).status_code == 201


def test_the_fence_of_the_database_is_obeyed_through_the_running_service(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """Write rights taken away under a process in READ_WRITE: refused clearly, logins go on."""
    machine.operate("fence", "entity-a")
    try:
        given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X"}
        refused = tenant.ask("POST", "/api/v1/users", given, token=admin)
        assert (refused.status_code, refused.json()["code"]) == (503, "E0000010")
        assert refused.headers["Retry-After"]
        assert tenant.try_login().status_code == 200
        wait_until(lambda: mode_of(tenant.api) == "READ_ONLY", "it enters READ_ONLY by itself")
        wait_until(lambda: "READ_ONLY" in _acknowledged(machine), "that it says so", seconds=10)
    finally:
        machine.operate("unfence", "entity-a")
    wait_until(lambda: mode_of(tenant.api) == "READ_WRITE", "a writer answers", seconds=10)
    wait_until(lambda: _acknowledged(machine) == {"READ_WRITE"}, "that it says so", seconds=10)
    assert tenant.ask("POST", "/api/v1/users", given, token=admin).status_code == 201


def _acknowledged(machine: OneMachine) -> set[str]:
    """The mode in which the API believes to be, as `mainstay mode show` reads it."""
    dynamodb, now = machine.client("dynamodb"), datetime.now(UTC)
    found = acknowledgements(dynamodb, "control", layer="app", now=now)
    return {each.mode for each in found if each.task_id == API_TASK}


def test_no_login_is_refused_over_a_thousand_flips(machine: OneMachine, tenant: Tenant):
    """The real application and stores in this process, its mode flipped as fast as it can be."""
    statuses: list[int] = []
    flips = 0

    async def run() -> None:
        nonlocal flips
        runtime = Runtime(api_settings(_local(machine)), give_up=pytest.fail)
        runtime._watcher.start = lambda: None  # type: ignore[method-assign]
        runtime._watcher.stop = lambda: None  # type: ignore[method-assign]
        await runtime.start()
        runtime.mode.obey(state("READ_WRITE"))
        app = application(runtime)

        async def log_in(place: int) -> None:
            while flips < 1_000:
                statuses.append(await _login(app, tenant, f"flip-{place}-{len(statuses)}"))

        logins = [asyncio.create_task(log_in(place)) for place in range(2)]
        while flips < 1_000:
            flips += 1
            mode = "READ_ONLY" if flips % 2 else "READ_WRITE"
            runtime.mode.obey(state(mode, flips + 1))
            await asyncio.sleep(0.001)
        await asyncio.gather(*logins)
        await runtime.stop()

    _with_environment(machine, run)
    assert flips == 1_000
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def _login(app: Any, tenant: Tenant, client: str) -> int:
    body = json.dumps({"username": tenant.user, "password": PASSWORD}).encode()
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/authn",
        "raw_path": b"/api/v1/authn",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", f"{tenant.label}.{DOMAIN}".encode()),
            (b"content-type", b"application/json"),
            (b"x-real-ip", client.encode()),
        ],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"]


def _local(machine: OneMachine) -> dict[str, str]:
    return machine.variables()


def _with_environment(machine: OneMachine, run: Any) -> None:
    """Run a coroutine in a thread of its own, with AWS at this machine's endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", machine.endpoint)
        failures: list[BaseException] = []

        def in_thread() -> None:
            try:
                asyncio.run(run())
            except BaseException as error:  # noqa: BLE001 (told to the test below)
                failures.append(error)

        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join(timeout=120)
        assert not thread.is_alive()
        if failures:
            raise failures[0]


def test_a_process_boots_read_only_without_a_control_table(
    machine: OneMachine, tenant: Tenant, lone: Process
):
    """After ten seconds it serves; logins work, writes do not."""
    try:
        machine.wait_ready(lone)
        assert mode_of(lone) == "READ_ONLY"
        token = tenant.log_in(tenant.admin, api=lone)
        refused = tenant.ask("DELETE", f"/api/v1/users/{uuid.uuid4()}", token=token, api=lone)
        assert (refused.status_code, refused.json()["code"]) == (503, "E0000010")
    finally:
        assert lone.stop() == 0
