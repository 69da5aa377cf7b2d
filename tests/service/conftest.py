"""The service as processes over real PostgreSQL and moto, and a client that speaks to it."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import argon2
import psycopg
import pytest
import requests

from local.one_machine import DATABASE, DOMAIN, REGION, OneMachine, Process
from local.waiting import wait_until
from service.aws import Aws
from service.operations.node import WRITER
from service.passwords import secret_hash
from service.stores.entity import new_id

PASSWORD = "correct horse battery"
SECRET = "a secret of an application"


@cache
def _hash() -> str:
    return argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)


class Tenant:
    """A tenant with an administrator `admin` and a user `user`, and requests for it."""

    def __init__(self, machine: OneMachine, api: Process, label: str, *, users: int = 0) -> None:
        self.machine = machine
        self.api = api
        self.label = label
        self.admin, self.user = f"admin@{label}", f"user@{label}"
        self.http = requests.Session()
        self.users = tuple(f"{place}@{label}" for place in range(users))
        self.id, self.application = str(new_id()), str(new_id())
        self._make()

    def _make(self) -> None:
        """As `service.seed` does, without a process for it."""
        people = [(self.admin, "ADMIN"), *((each, "USER") for each in (self.user, *self.users))]
        dsn = self.machine.databases["entity-a"].dsn(DATABASE, WRITER)
        with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.tenant', %s, true)", (self.id,))
            cursor.execute(
                "INSERT INTO tenant (id, host, name) VALUES (%s, %s, %s)",
                (self.id, self.label, self.label),
            )
            cursor.executemany(
                "INSERT INTO account (id, tenant_id, login, full_name, role, password_hash)"
                " VALUES (%s, %s, %s, 'Somebody', %s, %s)",
                [(new_id(), self.id, login, role, _hash()) for login, role in people],
            )
            cursor.execute(
                "INSERT INTO application (id, tenant_id, name, secret_hash, attributes)"
                " VALUES (%s, %s, 'portal', %s, '{\"signOn\": \"oauth2\"}')",
                (self.application, self.id, secret_hash(SECRET)),
            )
        self.machine.databases["reader"].wait(
            "SELECT count(*) = 1 FROM application WHERE id = %s",
            self.application,
            database=DATABASE,
        )

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        host: str | None = None,
        api: Process | None = None,
        **more: Any,
    ) -> requests.Response:
        headers = {
            "Host": f"{self.label}.{DOMAIN}" if host is None else host,
            **more.pop("headers", {}),
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.http.request(
            method,
            f"http://127.0.0.1:{(api or self.api).port}{path}",
            **({"json": body} if body is not None else {}),
            headers=headers,
            timeout=30,
            **more,
        )

    def log_in(self, login: str | None = None, password: str = PASSWORD, **more: Any) -> str:
        answer = self.try_login(login, password, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["sessionToken"]

    def try_login(
        self, login: str | None = None, password: str = PASSWORD, **more: Any
    ) -> requests.Response:
        return self.ask(
            "POST",
            "/api/v1/authn",
            {"username": login or self.user, "password": password},
            **more,
        )

    def basic(self, secret: str = SECRET) -> dict[str, str]:
        pair = f"{self.application}:{secret}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def events(self, token: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", "/api/v1/logs", token=token, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def aws_of(machine: OneMachine) -> Iterator[tuple[Aws, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """Yield a client of the machine's AWS, and what runs a coroutine of it."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        for name, value in machine.variables().items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        aws = Aws(REGION)
        yield aws, runner.run
        runner.run(aws.close())


API_TASK = "the-api-of-all-tests"  # others start processes too, which end and stay acknowledged


@pytest.fixture(scope="session")
def machine() -> Iterator[OneMachine]:
    with OneMachine(masters=2) as machine:
        yield machine


@pytest.fixture(scope="session")
def _processes(machine: OneMachine) -> Process:
    machine.worker()
    return machine.api(TASK_ID=API_TASK)


@pytest.fixture
def api(machine: OneMachine, _processes: Process) -> Process:
    """A process of the API in READ_WRITE, whatever a test before did."""
    if mode_of(_processes) != "READ_WRITE":
        machine.enter("READ_WRITE")
        wait_until(lambda: mode_of(_processes) == "READ_WRITE", "READ_WRITE again")
    return _processes


def mode_of(api: Process) -> str:
    return requests.get(f"http://127.0.0.1:{api.port}/health/ready", timeout=10).json()["mode"]


@pytest.fixture(scope="module")
def module_tenant(machine: OneMachine, _processes: Process) -> Tenant:
    return Tenant(machine, _processes, f"t{uuid.uuid4().hex[:12]}")


@pytest.fixture
def tenant(api: Process, module_tenant: Tenant) -> Tenant:
    """The module's tenant, with the API in READ_WRITE."""
    return module_tenant


@pytest.fixture
def admin(tenant: Tenant) -> str:
    """A session of the tenant's administrator."""
    return tenant.log_in(tenant.admin)
