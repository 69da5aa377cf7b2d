"""What a lost store costs: logins go on, writes fail clearly, and no event is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Timer
from typing import Any

import psycopg
import pytest
from botocore.exceptions import HTTPClientError

from local.one_machine import DATABASE, OneMachine, Process
from local.postgres import ADMINISTRATOR
from local.waiting import wait_until
from service.api.problems import UNKNOWN
from service.audit import Audit
from service.aws import Aws
from service.operations.node import WRITER
from service.stores.entity import new_id
from service.stores.transaction import Event, NoEventError, from_json
from tests.service.conftest import PASSWORD, Tenant, mode_of


@pytest.fixture
def own_api(machine: OneMachine, api: Process) -> Iterator[Process]:
    """A process of its own, for what a failure leaves in it."""
    process = machine.api()
    yield process
    process.kill()


def _restart(machine: OneMachine, *names: str) -> None:
    """Start what was killed; a subscriber whose publisher crashed has switched itself off."""
    for name in names:
        if not machine.databases[name].is_running:
            machine.databases[name].start()
    if "entity-a" in names:
        machine.operate("replication", "resume", "entity-a", "entity-b")


def _log_in_in_turn(tenant: Tenant, place: int, client: str) -> int:
    """Return the status of a login, which on a busy machine is asked to come later (429)."""
    until = time.monotonic() + 120
    while True:
        answer = tenant.try_login(tenant.users[place], headers={"X-Real-IP": client})
        if answer.status_code != 429 or time.monotonic() > until:
            return answer.status_code
        time.sleep(int(answer.headers["Retry-After"]))


def _refused(answer: Any) -> bool:
    return (answer.status_code, answer.json()["code"]) == (503, "E0000010")


def test_the_writer_is_killed_under_fifty_logins_and_none_fails(
    machine: OneMachine, own_api: Process, tenant: Tenant, admin: str
):
    """SIGKILL while they run; after it, writes are refused and say so until a server takes them."""
    given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X"}
    many = Tenant(machine, own_api, f"k{uuid.uuid4().hex[:12]}", users=70)

    def log_in(place: int) -> int:
        return _log_in_in_turn(many, place, f"kill-{place}")

    try:
        with ThreadPoolExecutor(50) as pool:
            logins = [pool.submit(log_in, place) for place in range(50)]
            time.sleep(0.3)  # in the middle of them, as far as this machine can
            machine.databases["entity-a"].kill()
            logins += [pool.submit(log_in, place) for place in range(50, 70)]
            assert [login.result() for login in logins] == [200] * 70
        # B is fenced, A is gone: nobody takes writes. What was sent to A may have been taken.
        first = tenant.ask("POST", "/api/v1/users", given, token=admin, api=own_api)
        assert _refused(first) or UNKNOWN in first.text, first.text
        wait_until(lambda: mode_of(own_api) == "READ_ONLY", "it enters READ_ONLY by itself")
        answer = tenant.ask("POST", "/api/v1/users", given, token=admin, api=own_api)
        assert _refused(answer)
        assert answer.headers["X-Service-Mode"] == "read-only"
        health = tenant.ask("GET", "/health/login", api=own_api)
        assert health.status_code == 200, health.text
    finally:
        _restart(machine, "entity-a")
    wait_until(lambda: mode_of(own_api) == "READ_WRITE", "the writer answers again")
    answer = wait_until(
        lambda: (
            found
            if (
                found := tenant.ask("POST", "/api/v1/users", given, token=admin, api=own_api)
            ).status_code
            == 201
            else None
        ),
        "the first write",
    )
    assert answer.json()["login"] == given["login"]


def test_the_reader_is_killed_under_thirty_logins_and_none_fails(
    machine: OneMachine, own_api: Process
):
    """SIGKILL in the middle of their questions: the other master's reader answers them."""
    many = Tenant(machine, own_api, f"k{uuid.uuid4().hex[:12]}", users=45)
    wait = "SELECT count(*) = 45 FROM account WHERE login = ANY(%s)"
    machine.databases["entity-b"].wait(wait, list(many.users), database="mainstay", seconds=60)

    def log_in(place: int) -> int:
        return _log_in_in_turn(many, place, f"read-{place}")

    try:
        with ThreadPoolExecutor(30) as pool:
            logins = [pool.submit(log_in, place) for place in range(30)]
            wait_until(lambda: any(login.done() for login in logins), "the first is answered")
            machine.databases["reader"].kill()
            assert not all(login.done() for login in logins)
            logins += [pool.submit(log_in, place) for place in range(30, 45)]
            assert [login.result() for login in logins] == [200] * 45
    finally:
        _restart(machine, "reader")


def test_with_both_masters_down_logins_work_on_a_reader(
    machine: OneMachine, own_api: Process, tenant: Tenant
):
    try:
        for name in ("entity-a", "entity-b"):
            machine.databases[name].kill()
        for place in range(5):
            token = tenant.log_in(headers={"X-Real-IP": f"both-{place}"}, api=own_api)
            shown = tenant.ask("GET", "/api/v1/sessions/me", token=token, api=own_api)
            assert shown.status_code == 200
        assert tenant.ask("GET", "/health/login", api=own_api).status_code == 200
    finally:
        _restart(machine, "entity-a", "entity-b")


def test_with_its_own_reader_down_the_other_master_is_read(
    machine: OneMachine, own_api: Process, tenant: Tenant
):
    wait = "SELECT count(*) > 0 FROM account WHERE login = %s"
    machine.databases["entity-b"].wait(wait, tenant.user, database="mainstay", seconds=60)
    try:
        for name in ("reader", "entity-a"):
            machine.databases[name].kill()
        for place in range(5):
            tenant.log_in(headers={"X-Real-IP": f"other-{place}"}, api=own_api)
    finally:
        _restart(machine, "entity-a", "reader")


def test_with_the_transaction_store_down_logins_work_and_no_event_is_lost(
    machine: OneMachine, tenant: Tenant, admin: str
):
    clients = [f"down-{place}" for place in range(12)]
    try:
        machine.databases["transaction"].kill()
        for client in clients:
            tenant.log_in(headers={"X-Real-IP": client})
    finally:
        _restart(machine, "transaction")
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()

    def kept() -> bool:
        answer = tenant.ask(
            "GET", "/api/v1/logs", token=admin, params={"since": since, "limit": 1_000}
        )
        found = [event["client"] for event in answer.json()] if answer.ok else []
        return all(found.count(client) == 1 for client in clients)

    wait_until(kept, "every event, once", seconds=60)


def test_a_lagging_reader_shows_an_administrator_what_was_just_made(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """And a login of it is possible as soon as a reader has it; nobody sees an error."""
    reader = machine.databases["reader"]
    reader.rows("SELECT pg_wal_replay_pause()")
    try:
        login = f"{uuid.uuid4().hex}@x"
        given = {"login": login, "fullName": "X", "password": PASSWORD}
        made = tenant.ask("POST", "/api/v1/users", given, token=admin)
        assert tenant.ask("GET", made.headers["Location"], token=admin).json() == made.json()
        assert tenant.try_login(login).status_code == 401
    finally:
        reader.rows("SELECT pg_wal_replay_resume()")
    wait_until(lambda: tenant.try_login(login).status_code == 200, "the reader has it")


def test_a_hanging_server_costs_its_budget_and_no_login(
    machine: OneMachine, own_api: Process, tenant: Tenant
):
    """A reader that is stopped answers nothing, and closes nothing."""
    reader = machine.databases["reader"]
    children = reader.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
    pids = [pid for (pid,) in children]
    living = []
    for pid in pids:
        try:
            os.kill(pid, signal.SIGSTOP)
            living.append(pid)
        except ProcessLookupError:
            continue
    try:
        assert tenant.try_login(api=own_api, headers={"X-Real-IP": "hang"}).status_code == 200
    finally:
        for pid in living:
            with suppress(ProcessLookupError):  # its client may have ended it meanwhile
                os.kill(pid, signal.SIGCONT)


def _backends(server: Any) -> set[int]:
    found = server.rows("SELECT pid FROM pg_stat_activity WHERE usename = 'app_writer'")
    return {pid for (pid,) in found}


def test_a_write_whose_answer_is_lost_is_not_called_refused(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """The writer hangs in the middle of it, and commits it afterwards, or not."""
    writer = machine.databases["entity-a"]
    others = _backends(writer)
    own = machine.api()
    first, second = ({"login": f"{uuid.uuid4().hex}@x", "fullName": "X"} for _ in range(2))
    try:
        made = tenant.ask("POST", "/api/v1/users", first, token=admin, api=own)
        assert made.status_code == 201, made.text
        # Its process has no other use of its one connection: the event of the first is sent.
        writer.wait("SELECT count(*) = 0 FROM outbox", database=DATABASE)
        backends = _backends(writer) - others
        assert backends
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            answer = tenant.ask("POST", "/api/v1/users", second, token=admin, api=own)
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
        assert (answer.status_code, answer.json()["code"]) == (503, "E0000009"), answer.text
        assert UNKNOWN in answer.text
        assert "X-Service-Mode" not in answer.headers
    finally:
        own.kill()


@contextmanager
def _locked(machine: OneMachine, *, seconds: float) -> Iterator[None]:
    """Let no statement write accounts of the writer meanwhile, and `seconds` of what is inside."""
    administrator = machine.databases["entity-a"].dsn(DATABASE, ADMINISTRATOR)
    with psycopg.connect(administrator) as connection:
        connection.execute("LOCK TABLE account IN EXCLUSIVE MODE")
        end = Timer(seconds, connection.commit)
        end.start()
        try:
            yield
        finally:
            end.join()


def test_a_write_waits_for_a_writer_that_is_slow_once(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """Its statement is cancelled after 1.5 s, and the other master, asked next, takes no writes."""
    given = [{"login": f"{uuid.uuid4().hex}@x", "fullName": "X"} for _ in range(3)]

    def make(user: dict[str, str]) -> int:
        return tenant.ask("POST", "/api/v1/users", user, token=admin).status_code

    with _locked(machine, seconds=2.0), ThreadPoolExecutor(3) as pool:
        assert list(pool.map(make, given)) == [201] * 3


def test_a_process_that_has_found_no_writer_is_not_ready_in_read_write(machine: OneMachine):
    """Otherwise it would refuse the first writes that a release sends it."""
    writer = machine.databases["entity-a"].rows
    writer(f"ALTER ROLE {WRITER} NOLOGIN")
    own = machine.api(wait=False)
    try:
        machine.wait_ready(own)
        assert mode_of(own) == "READ_ONLY"
        writer(f"ALTER ROLE {WRITER} LOGIN")
        wait_until(lambda: mode_of(own) == "READ_WRITE", "a writer has answered", seconds=30)
    finally:
        writer(f"ALTER ROLE {WRITER} LOGIN")
        own.kill()


def test_a_poisoned_message_becomes_a_dead_letter_and_delays_no_other(
    machine: OneMachine, tenant: Tenant, admin: str
):
    sqs = machine.client("sqs")
    wrong = [
        "no JSON",
        "[]",
        json.dumps({"id": 1}),
        json.dumps({**json.loads(_event(tenant).to_json()), "kind": 5}),
    ]
    good = _event(tenant, client=f"behind-{uuid.uuid4().hex}")
    for body in (*wrong, good.to_json(), good.to_json()):
        sqs.send_message(QueueUrl=machine.queue, MessageBody=body)

    def kept() -> list[Any]:
        return [each for each in tenant.events(admin, limit=1_000) if each["client"] == good.client]

    wait_until(kept, "the good one")

    def dead() -> bool:
        found = sqs.get_queue_attributes(
            QueueUrl=machine.dead_letters, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"]) >= len(wrong)

    wait_until(dead, "the dead letters", seconds=60)
    assert len(kept()) == 1  # though it came twice
    sqs.purge_queue(QueueUrl=machine.dead_letters)


def _event(tenant: Tenant, **more: Any) -> Event:
    given = {"at": datetime.now(UTC), "kind": "probe", "client": None} | more
    return Event(id=new_id(), tenant_id=uuid.UUID(tenant.id), actor=None, outcome="ok", **given)


def test_a_clock_that_is_wrong_by_hours_loses_no_event_and_no_order(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """Events say when by their own task's clock; a session by the clock of who looks."""
    marks = {hours: f"skew-{uuid.uuid4().hex}" for hours in (-6, 0, 6)}
    for hours, client in marks.items():
        event = _event(tenant, at=datetime.now(UTC) + timedelta(hours=hours), client=client)
        machine.client("sqs").send_message(QueueUrl=machine.queue, MessageBody=event.to_json())
    until = (datetime.now(UTC) + timedelta(hours=12)).isoformat()

    def seen() -> list[str]:
        events = tenant.events(admin, until=until, limit=1_000)
        return [each["client"] for each in events if each["client"] in marks.values()]

    wait_until(lambda: len(seen()) == 3, "all three")
    assert seen() == [marks[-6], marks[0], marks[6]]


def test_no_header_of_a_client_keeps_a_login_out_of_the_log(
    machine: OneMachine, tenant: Tenant, admin: str
):
    """Six harmless characters that look like an escape, and what PostgreSQL cannot hold."""
    agents = {f"a{uuid.uuid4().hex[:8]}{text}" for text in ("\\u0000", "\\ud800", "\xff", "'\"")}
    for agent in agents:
        tenant.try_login(password="wrong", headers={"User-Agent": agent, "X-Real-IP": agent})

    def kept() -> bool:
        found = {event["client"] for event in tenant.events(admin, event="login", limit=1_000)}
        return agents <= found

    wait_until(kept, "every login, whatever its client is called")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("\\u0000", "\\u0000"), ("a\0b", "a\ufffdb"), ("\ud800", "\ufffd"), ("\ud83d\ude00", "😀")],
)
def test_an_event_s_text_is_cleaned_and_never_refused(text: str, kept: str):
    event = _probe(0)
    raw = json.loads(event.to_json()) | {"agent": text, "detail": {text: [text, {"deep": text}]}}
    found = from_json(json.dumps(raw))
    assert (found.agent, found.detail) == (kept, {kept: [kept, {"deep": kept}]})
    assert from_json(json.dumps(raw | {"detail": {"x": float("nan")}})).detail == {"x": "nan"}


def test_text_that_is_no_event_is_refused_by_name():
    for text in ("null", '{"id": []}', '{"at": "2026-01-01T00:00:00"}', "[" * 100_000):
        with pytest.raises(NoEventError):
            from_json(text)


class _Queue(Aws):
    """A queue that is out until it is not."""

    def __init__(self) -> None:
        self.sqs = partial(self.call, "sqs")
        self.out = True
        self.taken: list[str] = []

    async def call(
        self, service: str, operation: str, *, seconds: float = 1, **given: Any
    ) -> dict[str, Any]:
        if self.out:
            raise HTTPClientError(error="the queue is out")
        self.taken += [entry["MessageBody"] for entry in given["Entries"]]
        return {}


def test_with_the_queue_out_events_wait_and_are_all_sent_later():
    async def run() -> tuple[list[str], list[str], float]:
        queue = _Queue()
        audit = Audit(queue, "queue")
        sending = asyncio.create_task(audit.run())
        began = time.monotonic()
        events = [_probe(place) for place in range(25)]
        for event in events:
            await audit.record(event)
        waited = time.monotonic() - began
        queue.out = False
        while audit.waiting:
            await asyncio.sleep(0.01)
        sending.cancel()
        return [event.to_json() for event in events], queue.taken, waited

    acknowledged, taken, waited = asyncio.run(asyncio.wait_for(run(), 60))
    assert sorted(acknowledged) == sorted(taken)
    assert waited < 5  # the first waits for the queue's word; the others know that it is out


def test_what_the_buffer_cannot_hold_and_a_stop_cannot_send_is_in_the_log(capsys):
    async def run() -> list[Event]:
        audit = Audit(_Queue(), "queue", kept_max=3)
        audit._well = False
        events = [_probe(place) for place in range(5)]
        for event in events:
            await audit.record(event)
        assert audit.waiting == 3
        await audit.flush(seconds=1)
        return events

    events = asyncio.run(run())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [line["audit"] for line in lines if line["event"] == "audit event not sent"]
    assert sorted(each["id"] for each in logged) == sorted(str(each.id) for each in events)


def _probe(place: int) -> Event:
    return Event(
        id=new_id(),
        at=datetime.now(UTC),
        tenant_id=uuid.uuid4(),
        actor=None,
        kind="probe",
        outcome=str(place),
    )
