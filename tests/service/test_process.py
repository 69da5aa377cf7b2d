"""The service as a process: how it starts, refuses to start, shares nothing and stops."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid

import pytest

from local.one_machine import DATABASE, DOMAIN, OneMachine, Process
from local.waiting import wait_until
from tests.service.conftest import PASSWORD, Tenant, mode_of


def ended(process: Process, *, seconds: float = 60) -> tuple[int, str]:
    return process.child.wait(timeout=seconds), process.log.read_text()


class NotStartedYet(OneMachine):
    """Its databases are there, and nobody has bootstrapped them: as a standby Region finds them."""

    def _start_databases(self) -> None:
        for name in ("entity-a", "transaction"):
            self.databases[name] = self.servers.start(name)
            self.databases[name].rows(f"CREATE DATABASE {DATABASE} OWNER administrator")
            for role in ("app_reader", "app_writer"):
                self.databases[name].rows(f"CREATE ROLE {role} LOGIN")
        self.databases["reader"] = self.servers.standby("reader", of=self.databases["entity-a"])


def test_both_wait_for_the_first_start_and_say_so():
    """Neither ends: a service whose tasks end fails the deploy that the first start is part of."""
    with NotStartedYet() as machine:
        api, worker = machine.api(wait=False), machine.worker()
        for process in (api, worker):
            wait_until(
                lambda process=process: "waits for the first start" in process.log.read_text(),
                "its word",
                log=process.log,
            )
        time.sleep(1.5)  # several looks more
        assert [api.child.poll(), worker.child.poll()] == [None, None]
        for store in ("entity", "transaction"):
            machine.operate("bootstrap", store)
        machine.wait_ready(api)
        assert worker.child.poll() is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DOMAIN", ""), ("ENTITY_READERS", "nowhere"), ("DATABASE_AUTH", "guess"), ("PORT", "x")],
)
def test_a_wrong_variable_ends_it_with_a_line_that_names_it(
    machine: OneMachine, variable: str, value: str
):
    code, text = ended(machine.api(wait=False, **{variable: value}))
    assert code == 78
    assert f"'{variable}' should be" in text


def test_readiness_tells_mode_schema_build_and_pools(tenant: Tenant):
    answer = tenant.ask("GET", "/health/ready", host="10.0.0.1")
    body = answer.json()
    assert (answer.status_code, body["mode"], body["build"], body["half"]) == (
        200,
        "READ_WRITE",
        "local",
        "blue",
    )
    assert body["schema_version"] == {"entity": 1, "transaction": 2}
    assert body["epoch"] >= 1
    assert len(body["connections"]) >= 4  # readers and writers, of both stores
    for pool in body["connections"]:
        assert pool["server"].startswith("127.0.0.1:")
        assert 0 <= pool["free"] <= pool["open"]


@pytest.mark.parametrize("path", ["/health/ready", "/health/login"])
def test_through_the_edge_health_tells_its_status_alone(tenant: Tenant, path: str):
    """No operator's reason, epoch, build or store; nginx marks each request (tests/edge)."""
    answer = tenant.ask("GET", path, headers={"X-Edge-Verified": "1"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_does_not_start_against_a_schema_of_another_version(machine: OneMachine, tenant: Tenant):
    """And one that runs does not read it: the other master is asked, and no login fails."""
    names = ("entity-a", "entity-b")
    for name in names:
        machine.databases[name].wait(
            "SELECT count(*) > 0 FROM account WHERE login = %s",
            tenant.user,
            database=DATABASE,
            seconds=60,
        )
    make = "INSERT INTO operations.migration (version, name, sha256) VALUES (2, 'next', 'x')"
    undo = "DELETE FROM operations.migration WHERE version = 2"
    try:
        machine.databases["entity-a"].rows(make, database=DATABASE)
        machine.databases["reader"].wait(
            "SELECT count(*) = 2 FROM operations.migration", database=DATABASE
        )
        for place in range(3):
            tenant.log_in(headers={"X-Real-IP": f"upgrade-{place}"})
        mixed = machine.api()  # B still speaks version 1
        assert mixed.stop() == 0
        machine.databases["entity-b"].rows(make, database=DATABASE)
        code, text = ended(machine.api(wait=False))
        assert code == 78
        assert "speaks version 1 of the entity store, and the servers have" in text
        refused = tenant.try_login(headers={"X-Real-IP": "upgrade"})
        assert refused.status_code == 503
    finally:
        for name in names:
            machine.databases[name].rows(undo, database=DATABASE)
    wait_until(lambda: tenant.try_login().status_code == 200, "its own version again")


def test_one_logins_requests_are_served_by_several_processes(
    machine: OneMachine, api: Process, tenant: Tenant
):
    """No two requests in a row reach the same process, and one of them dies on the way."""
    processes = [api, machine.api(HALF="green"), machine.api(HALF="green")]
    try:
        token = tenant.log_in(tenant.admin, api=processes[0])
        shown = tenant.ask("GET", "/api/v1/sessions/me", token=token, api=processes[1])
        assert shown.status_code == 200
        given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "password": PASSWORD}
        made = tenant.ask("POST", "/api/v1/users", given, token=token, api=processes[2])
        assert made.status_code == 201
        processes[2].kill()
        path = made.headers["Location"]
        assert tenant.ask("GET", path, token=token, api=processes[1]).json() == made.json()
        assert (
            tenant.ask(
                "POST", "/api/v1/sessions/me/refresh", token=token, api=processes[0]
            ).status_code
            == 200
        )
        ended_here = tenant.ask("DELETE", "/api/v1/sessions/me", token=token, api=processes[1])
        assert ended_here.status_code == 204
        wait_until(
            lambda: (
                tenant.ask("GET", "/api/v1/sessions/me", token=token, api=api).status_code == 401
            ),
            "the end is known everywhere",
            seconds=10,
        )
    finally:
        for process in processes[1:]:
            process.kill()


def test_a_stop_finishes_what_is_in_flight_and_takes_nothing_new(
    machine: OneMachine, api: Process, tenant: Tenant
):
    """A request whose body comes slowly, begun before SIGTERM, is answered after it."""
    process = machine.api()
    body = json.dumps({"username": tenant.user, "password": PASSWORD}).encode()
    head = (
        f"POST /api/v1/authn HTTP/1.1\r\nHost: {tenant.label}.{DOMAIN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", process.port), timeout=30) as slow:
        slow.sendall(head.encode() + body[:5])
        time.sleep(0.3)  # until it is being read
        stopping = threading.Thread(target=process.stop)
        stopping.start()
        wait_until(lambda: not _accepts(process.port), "no new connection")
        slow.sendall(body[5:])
        answer = b""
        while b"sessionToken" not in answer and (part := slow.recv(65_536)):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200"), answer
    stopping.join(timeout=60)
    assert process.child.returncode == 0
    assert process.lines[-1]["event"] == "stopped"


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_the_worker_stops_at_once_with_nothing_in_hand(machine: OneMachine, api: Process):
    worker = machine.worker()
    wait_until(lambda: any(line.get("event") == "working" for line in worker.lines), "it works")
    assert worker.stop(seconds=30) == 0


def test_a_process_becomes_ready_when_a_server_comes(machine: OneMachine, api: Process):
    """Started with every entity server away it waits: it answers, and is not ready."""
    nowhere = machine.api(wait=False, ENTITY_READERS="127.0.0.1:9", ENTITY_WRITER="127.0.0.1:9")
    try:
        wait_until(lambda: any(x.get("event") == "listening" for x in nowhere.lines), "listens")
        wait_until(lambda: _accepts(nowhere.port), "accepts")
        wait_until(lambda: mode_of(nowhere) == "READ_WRITE", "its mode")
        import requests

        answer = requests.get(f"http://127.0.0.1:{nowhere.port}/health/ready", timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (503, "starting")
        health = requests.get(f"http://127.0.0.1:{nowhere.port}/health/login", timeout=10)
        assert (health.status_code, health.json()["stores"]["entity"]) == (503, "away")
    finally:
        nowhere.kill()
