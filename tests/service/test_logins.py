"""Logins: what a guesser learns, how often one may guess, and what is never written down."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from local.one_machine import DOMAIN, REGION, OneMachine, Process
from local.waiting import wait_until
from service.aws import Aws
from service.fair_queue import BusyError, FairQueue
from service.passwords import Passwords
from service.stores.attempts import AttemptStore
from service.stores.entity import Tenant as StoredTenant
from tests.service.conftest import PASSWORD, SECRET, Tenant


def test_a_login_that_nobody_has_is_answered_like_a_wrong_password(tenant: Tenant):
    wrong = tenant.try_login(password="a wrong password")
    nobody = tenant.try_login("nobody@x", password="a wrong password")
    differs = ("errorId", "requestId")
    for answer in (wrong, nobody):
        assert answer.status_code == 401
    assert {name: value for name, value in wrong.json().items() if name not in differs} == {
        name: value for name, value in nobody.json().items() if name not in differs
    }


def test_every_login_costs_one_verification_whoever_logs_in():
    passwords = Passwords(threads=1)
    verified: list[str] = []
    matches = passwords._matches

    def counted(stored: str, password: str) -> bool:
        verified.append(stored)
        return matches(stored, password)

    passwords._matches = counted  # type: ignore[method-assign]

    async def all_of_them() -> list[bool]:
        stored = await passwords.hash("the right one of mine", "a@x")
        return [
            await passwords.verify(stored, "the right one of mine"),
            await passwords.verify(stored, "wrong"),
            await passwords.verify(None, "the right one of mine"),
        ]

    try:
        assert asyncio.run(all_of_them()) == [True, False, False]
        assert len(verified) == 3
        # With the same parameters, so for as long.
        assert len({stored.rpartition("$")[0].rpartition("$")[0] for stored in verified}) == 1
        assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1")
    finally:
        passwords.close()


def test_the_time_of_an_answer_does_not_tell_whether_a_login_exists(
    machine: OneMachine, tenant: Tenant
):
    """Medians of the same order; the exact reason is the one verification above."""

    def seconds(login: str) -> float:
        began = time.perf_counter()
        tenant.try_login(login, "a wrong password", headers={"X-Real-IP": uuid.uuid4().hex})
        return time.perf_counter() - began

    known, unknown = [], []
    for _ in range(8):
        known.append(seconds(tenant.user))
        unknown.append(seconds(f"{uuid.uuid4().hex}@x"))
    ratio = statistics.median(known) / statistics.median(unknown)
    assert 1 / 3 < ratio < 3


def test_a_tenant_that_floods_the_queue_waits_for_itself_alone():
    """Another tenant's work is next whatever waits, and what would wait too long is refused."""

    async def run() -> tuple[int, int, list[str], float]:
        queue = FairQueue(at_once=1, wait_seconds=1.0, seconds_each=0.01)
        order: list[str] = []

        async def ask(name: str) -> bool:
            try:
                async with queue.turn(name):
                    await asyncio.sleep(0.01)
                    order.append(name)
            except BusyError:
                return False
            return True

        flood = [asyncio.create_task(ask("flood")) for _ in range(500)]
        await asyncio.sleep(0)
        assert queue.wait("other") <= 0.02
        others = [asyncio.create_task(ask("other")) for _ in range(3)]
        assert all(await asyncio.gather(*others))
        before = len(order)
        served = sum(await asyncio.gather(*flood))
        return served, before, order, queue.wait("flood")

    served, before, order, left = asyncio.run(run())
    assert 50 <= served <= 150  # as many as fit into a second
    assert before <= 10  # the others did not wait for the flood
    assert len(order) == served + 3
    assert left == 0


def test_work_that_fails_or_whose_asker_left_frees_its_turn():
    async def run() -> None:
        queue = FairQueue(at_once=2, wait_seconds=1.0, seconds_each=0.01)

        async def ask(seconds: float) -> None:
            async with queue.turn("x"):
                await asyncio.sleep(seconds)
                if not seconds:
                    raise ZeroDivisionError

        for after in (0.0, 0.001, 0.02, 0.06):
            leaving = [asyncio.create_task(ask(0.05)) for _ in range(9)]
            await asyncio.sleep(after)
            for each in leaving:
                each.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            assert queue.wait("x") == 0
        for _ in range(4):
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(ask(0.0), 5)

    asyncio.run(run())


def test_a_burst_of_one_tenant_fails_no_login_of_another_and_is_over_when_it_ends(
    machine: OneMachine, api: Process
):
    """600 anonymous logins from changing addresses, of which a third of the clients leave early."""
    own = machine.api()
    flooded, other = (Tenant(machine, own, f"b{uuid.uuid4().hex[:12]}") for _ in range(2))

    def flood(number: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for place in range(3):
            headers = {"Host": f"{flooded.label}.{DOMAIN}", "X-Real-IP": f"10.1.{number}.{place}"}
            body = {"username": f"{number}-{place}@x", "password": "x" * 20}
            url = f"http://127.0.0.1:{own.port}/api/v1/authn"
            patience = 0.3 if (number + place) % 3 == 0 else 30
            try:
                answer = requests.post(url, json=body, headers=headers, timeout=patience)
                found[answer.status_code] += 1
                if answer.status_code in (429, 503):
                    assert int(answer.headers["Retry-After"]) > 0
            except requests.exceptions.RequestException:
                found[0] += 1
        return found

    try:
        with ThreadPoolExecutor(200) as pool:
            floods = [pool.submit(flood, number) for number in range(200)]
            legitimate: list[int] = []
            while not all(each.done() for each in floods):
                legitimate.append(other.try_login(other.admin).status_code)
            total = sum((each.result() for each in floods), Counter[int]())
        assert set(legitimate) == {200}, (Counter(legitimate), own.log.read_text()[-2000:])
        assert total[401] > 0
        assert set(total) <= {0, 401, 429, 503}, total
        after = time.monotonic()
        wait_until(lambda: flooded.try_login().status_code == 200, "it recovers", seconds=5)
        assert time.monotonic() - after < 5
        assert {flooded.try_login(flooded.admin).status_code for _ in range(20)} == {200}
        assert requests.get(f"http://127.0.0.1:{own.port}/health/ready", timeout=5).ok
    finally:
        own.kill()


def test_guesses_from_one_address_are_limited_whether_the_login_exists_or_not(
    api: Process, machine: OneMachine
):
    tenant = Tenant(machine, api, f"l{uuid.uuid4().hex[:12]}")
    guesser = {"X-Real-IP": "10.0.0.1"}
    for login in (tenant.user, "nobody@x"):
        found = [tenant.try_login(login, "wrong", headers=guesser) for _ in range(12)]
        assert [answer.status_code for answer in found] == [401] * 10 + [429] * 2
        assert found[-1].json()["code"] == "E0000047"
        assert int(found[-1].headers["Retry-After"]) > 0
    # The right password does not help there any more, and another user is not concerned.
    assert tenant.try_login(headers=guesser).status_code == 429
    assert tenant.try_login(tenant.admin, headers=guesser).status_code == 200


def test_nobody_s_guesses_lock_the_owner_out(api: Process, machine: OneMachine):
    tenant = Tenant(machine, api, f"l{uuid.uuid4().hex[:12]}")
    for place in range(3):
        for _ in range(12):
            tenant.try_login(password="wrong", headers={"X-Real-IP": f"10.0.1.{place}"})
    assert tenant.try_login(headers={"X-Real-IP": "198.51.100.7"}).status_code == 200


def _fail(machine: OneMachine, tenant: Tenant, pairs: list[tuple[str, str]]) -> None:
    """Count failures of logins from addresses, as so many requests would."""
    place = StoredTenant(uuid.UUID(tenant.id), tenant.label)

    async def run() -> None:
        aws = Aws(REGION)
        store = AttemptStore(aws, "session", region=REGION, now=time.time)
        await asyncio.gather(*(store.count_failure(place, *pair) for pair in pairs))
        aws.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", machine.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        asyncio.run(run())


def test_guesses_spread_over_addresses_are_limited_and_not_where_the_owner_is_known(
    api: Process, machine: OneMachine
):
    """NIST SP 800-63B: 100 failures at one account at most."""
    tenant = Tenant(machine, api, f"l{uuid.uuid4().hex[:12]}")
    home, elsewhere = {"X-Real-IP": "198.51.100.7"}, {"X-Real-IP": "198.51.100.8"}
    assert tenant.try_login(headers=home).status_code == 200
    _fail(machine, tenant, [(tenant.user, f"10.0.2.{place}") for place in range(100)])
    assert tenant.try_login(password="wrong", headers=elsewhere).status_code == 429
    wait_until(lambda: tenant.try_login(headers=home).status_code == 200, "home is known")
    assert tenant.try_login(tenant.admin, headers=elsewhere).status_code == 200


def test_guesses_spread_over_logins_are_limited_and_do_not_lock_out_an_office(
    api: Process, machine: OneMachine
):
    tenant = Tenant(machine, api, f"l{uuid.uuid4().hex[:12]}")
    office = {"X-Real-IP": "198.51.100.9"}
    assert tenant.try_login(headers=office).status_code == 200
    _fail(machine, tenant, [(f"guess-{place}@x", office["X-Real-IP"]) for place in range(100)])
    assert tenant.try_login("guess-100@x", "wrong", headers=office).status_code == 429
    wait_until(lambda: tenant.try_login(headers=office).status_code == 200, "the office is known")


def test_logins_that_succeed_are_not_counted(tenant: Tenant):
    for _ in range(12):
        tenant.log_in(tenant.admin)


def test_secrets_and_tokens_are_in_no_line_of_the_log(tenant: Tenant, admin: str):
    token = tenant.log_in()
    secrets = [PASSWORD, SECRET, token, admin, "a wrong password", "of a new user of theirs"]
    tenant.try_login(password="a wrong password")
    given = {
        "login": f"{uuid.uuid4().hex}@x",
        "fullName": "X",
        "password": "of a new user of theirs",
    }
    tenant.ask("POST", "/api/v1/users", given, token=admin)
    tenant.ask("POST", "/api/v1/users", {**given, "login": 1}, token=admin)
    tenant.ask("GET", f"/api/v1/{token}?sid={token}", token=token)
    tenant.ask("GET", f"/api/v1/users?after={token}", token=admin)
    tenant.ask("POST", "/oauth2/v1/introspect", headers=tenant.basic(), data={"token": token})
    tenant.ask("GET", "/api/v1/sessions/me", headers={"Cookie": f"__Host-sid={token}"})
    text = "".join(process.log.read_text() for process in tenant.machine.processes)
    assert text.count('"event": "request"') > 8
    for secret in (*secrets, tenant.basic()["Authorization"].partition(" ")[2]):
        assert secret not in text
    for event in tenant.events(admin, limit=1_000):
        for secret in secrets:
            assert secret not in str(event)
