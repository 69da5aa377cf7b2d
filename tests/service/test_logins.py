"""Logins: what a guesser learns, how often one may guess, and what is never written down."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import socket
import statistics
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from local.one_machine import DATABASE, DOMAIN, REGION, OneMachine, Process
from local.waiting import wait_until
from service.aws import Aws
from service.devices import DEVICE_SECONDS, is_stamped, known_device
from service.fair_queue import BusyError, FairQueue
from service.passwords import Passwords
from service.stores.attempts import ROW_MAX, WINDOW_SECONDS, AttemptStore, FailureCounter, counters
from service.stores.entity import Tenant as StoredTenant
from tests.service.conftest import PASSWORD, SECRET, Tenant, aws_of


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


def test_a_client_that_floods_its_tenant_s_queue_waits_for_itself_alone():
    async def run() -> tuple[list[str], float]:
        queue = FairQueue(at_once=1, wait_seconds=1.0, seconds_each=0.01)
        order: list[str] = []

        async def ask(client: str) -> None:
            async with queue.turn("tenant", client):
                await asyncio.sleep(0.01)
                order.append(client)

        flood = [asyncio.create_task(ask("flood")) for _ in range(50)]
        await asyncio.sleep(0)
        assert queue.wait("tenant", "other") <= 0.02
        await asyncio.gather(*(ask("other") for _ in range(3)))
        before = len(order)
        assert queue.wait("another") <= 0.03
        await asyncio.gather(*flood)
        return order[:before], queue.wait("tenant", "flood")

    order, left = asyncio.run(run())
    assert order.count("other") == 3
    assert len(order) <= 10
    assert left == 0


def test_nobody_waits_for_longer_than_a_wait_although_turns_became_slow():
    """A new process does not know yet how slow they are: a burst is admitted, and then refused."""

    async def run() -> tuple[int, int, float]:
        queue = FairQueue(at_once=1, wait_seconds=0.3, seconds_each=0.001)

        async def ask() -> None:
            async with queue.turn("x"):
                await asyncio.sleep(0.1)

        began = time.monotonic()
        found = await asyncio.gather(*(ask() for _ in range(30)), return_exceptions=True)
        took = time.monotonic() - began
        await asyncio.wait_for(ask(), 5)  # whoever was refused holds no turn
        refused = sum(isinstance(each, BusyError) for each in found)
        return refused, len(found) - refused, took

    refused, served, took = asyncio.run(run())
    assert 2 <= served <= 5
    assert refused == 30 - served
    assert took < 1.5


def test_who_would_wait_for_too_long_is_refused_at_once():
    """Before any work is done for it, and before it has waited at all."""

    async def run() -> float:
        queue, end = FairQueue(at_once=1, wait_seconds=0.5, seconds_each=0.1), asyncio.Event()

        async def hold() -> None:
            async with queue.turn("x"):
                await end.wait()

        held = [asyncio.create_task(hold()) for _ in range(6)]
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.raises(BusyError):
            async with queue.turn("x"):
                pass
        took = time.monotonic() - began
        end.set()
        await asyncio.gather(*held)
        return took

    assert asyncio.run(run()) < 0.4


def test_one_client_cannot_take_every_place_of_its_tenant(machine: OneMachine, tenant: Tenant):
    """Each connection holds a place until its slow body has come; others are served meanwhile."""
    with contextlib.ExitStack() as ends:
        for _ in range(60):
            slow = ends.enter_context(socket.create_connection(("127.0.0.1", tenant.api.port)))
            head = f"POST /api/v1/authn HTTP/1.1\r\nHost: {tenant.label}.{DOMAIN}\r\n"
            head += "Content-Type: application/json\r\nContent-Length: 9\r\nX-Real-IP: 10.6.6.6\r\n"
            slow.sendall(f"{head}\r\n{{".encode())
        wait_until(
            lambda: tenant.try_login(headers={"X-Real-IP": "10.6.6.6"}).status_code == 429,
            "the client has all of its places",
        )
        assert tenant.try_login(headers={"X-Real-IP": "10.6.6.7"}).status_code == 200
        asked = tenant.ask(
            "POST",
            "/oauth2/v1/introspect",
            headers={**tenant.basic(), "X-Real-IP": "10.6.6.6"},
            data={"token": "x"},
        )
        assert asked.status_code == 200  # what asks about tokens is counted by itself


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
        assert set(legitimate) == {200}, (
            Counter(legitimate),
            own.log.read_text()[-2000:],
        )
        assert total[401] > 0
        assert set(total) <= {0, 401, 429, 503}, total
        after = time.monotonic()
        wait_until(lambda: flooded.try_login().status_code == 200, "it recovers", seconds=5)
        assert time.monotonic() - after < 5
        assert {flooded.try_login(flooded.admin).status_code for _ in range(20)} == {200}
        assert requests.get(f"http://127.0.0.1:{own.port}/health/ready", timeout=5).ok
    finally:
        own.kill()


def stamp(tenant: Tenant, login: str, password: str, bits: int) -> str:
    """Return a stamp of so many bits, as docs/service.md makes it."""
    since = int(time.time())
    for number in itertools.count():
        text = f"{since}:{number}\n{tenant.label}\n{login}\n{password}"
        if int.from_bytes(hashlib.sha256(text.encode()).digest()) >> (256 - bits) == 0:
            return f"{since}:{number}"
    raise AssertionError


def bits_of(refused: requests.Response) -> int:
    """Return how many bits of a stamp a refusal asks for."""
    [cause] = refused.json()["errorCauses"]
    return int(cause["errorSummary"].removeprefix("stamp: should have ").removesuffix(" bits"))


def stamped(
    tenant: Tenant,
    refused: requests.Response,
    password: str = PASSWORD,
    *,
    login: str | None = None,
    stamped_for: str | None = None,
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """Log in again with the stamp that a refusal asks for."""
    body = {"username": login or tenant.user, "password": password}
    body["stamp"] = stamp(tenant, body["username"], stamped_for or password, bits_of(refused))
    return tenant.ask("POST", "/api/v1/authn", body, headers=headers or {})


def device(answer: requests.Response) -> dict[str, str]:
    """Return the cookie of the device that a login left."""
    [found] = [each for each in answer.cookies if each.name.startswith("__Host-device-")]
    assert found.secure
    return {"Cookie": f"{found.name}={found.value}"}


@pytest.fixture
def guessed(api: Process, machine: OneMachine) -> Tenant:
    """A tenant whose logins are guessed at."""
    return Tenant(machine, api, f"l{uuid.uuid4().hex[:12]}")


def test_guesses_from_one_address_cost_work_whether_the_login_exists_or_not(guessed: Tenant):
    """The 11th is asked for a stamp, which is worth one password at one login."""
    here = {"X-Real-IP": "10.0.0.1"}
    for login in (guessed.user, "nobody@x"):
        found = [guessed.try_login(login, "wrong", headers=here) for _ in range(12)]
        assert [answer.status_code for answer in found] == [401] * 10 + [429] * 2
        assert found[-1].json()["code"] == "E0000047"
        assert int(found[-1].headers["Retry-After"]) > 0
        again = stamped(guessed, found[-1], "wrong", login=login, headers=here)
        assert again.status_code == 401
    refused = guessed.try_login(headers=here)
    assert refused.status_code == 429
    assert stamped(guessed, refused, stamped_for="another", headers=here).status_code == 429
    assert stamped(guessed, refused, headers=here).status_code == 200
    assert guessed.try_login(guessed.admin, headers=here).status_code == 200


def test_a_stamp_is_of_now():
    def holds(stamp: str | None, now: int) -> bool:
        return is_stamped(stamp, ("acme", "ada", "x"), bits=1, now=now)

    [right, *_] = [each for each in map("1000:{}".format, range(64)) if holds(each, 1_000)]
    assert holds(right, 1_300)
    assert not holds(right, 1_301)
    assert not holds(right, 699)
    assert not holds(None, 1_000)
    assert not holds("x:1", 1_000)


def _fail(tenant: Tenant, by: list[list[FailureCounter]], times: int = 1) -> None:
    """Count failures, as so many requests would, in a window that does not end meanwhile."""
    wait_until(lambda: time.time() % WINDOW_SECONDS < WINDOW_SECONDS - 30, "a window", seconds=60)
    place = StoredTenant(uuid.UUID(tenant.id), tenant.label)

    async def fail(aws: Aws) -> None:
        store = AttemptStore(aws, "session", region=REGION, now=time.time)
        for each in by * times:  # one by one: a call that times out would count twice
            await store.count_failure(place, each)

    with aws_of(tenant.machine) as (aws, run):
        run(fail(aws))


def stored_hash(tenant: Tenant, login: str) -> str:
    server = tenant.machine.databases["entity-a"]
    statement = "SELECT password_hash FROM account WHERE tenant_id = %s AND login = %s"
    [[found]] = server.rows(statement, tenant.id, login, database=DATABASE)
    return found


def test_guesses_from_many_addresses_cost_work_and_refuse_the_owner_nowhere(guessed: Tenant):
    """However many others fail: a known device pays nothing, and any other place some work."""
    home = device(guessed.try_login(headers={"X-Real-IP": "198.51.100.7"}))
    elsewhere = {"X-Real-IP": "198.51.100.8"}
    stored = stored_hash(guessed, guessed.user)
    spread = [counters(guessed.user, stored, f"10.0.2.{place}", None) for place in range(ROW_MAX)]
    _fail(guessed, spread[:12])
    refused = guessed.try_login(headers=elsewhere)
    _fail(guessed, spread, times=2)
    costlier = guessed.try_login(headers=elsewhere)
    assert (refused.status_code, costlier.status_code) == (429, 429)
    assert bits_of(refused) < bits_of(costlier)
    assert guessed.try_login(headers=home).status_code == 200
    away = {**home, "X-Real-IP": "203.0.113.9"}
    assert guessed.try_login(headers=away).status_code == 200
    assert stamped(guessed, costlier, headers=elsewhere).status_code == 200


def test_an_address_that_fails_up_to_the_bound_of_nist_is_refused_alone(guessed: Tenant):
    """Its next right guess too, with any stamp; a new password begins anew."""
    assert 2 * ROW_MAX == 100, "NIST SP 800-63B, of both Regions together"
    home = device(guessed.try_login(headers={"X-Real-IP": "198.51.100.7"}))
    stored = stored_hash(guessed, guessed.user)
    guesser, elsewhere = {"X-Real-IP": "10.0.3.1"}, {"X-Real-IP": "198.51.100.8"}
    by = counters(guessed.user, stored, "10.0.3.1", None)
    _fail(guessed, [by[:1]] * (ROW_MAX - 1))
    assert stamped(guessed, guessed.try_login(headers=guesser), headers=guesser).status_code == 200
    wait_until(lambda: _row(guessed, by[0]) == 0, "the end of the row")
    _fail(guessed, [by[:1]] * ROW_MAX)
    at_the_bound = guessed.try_login(headers=guesser)
    assert (at_the_bound.status_code, "stamp" in at_the_bound.text) == (429, False)
    body = {"username": guessed.user, "password": PASSWORD}
    body["stamp"] = stamp(guessed, guessed.user, PASSWORD, 18)
    assert guessed.ask("POST", "/api/v1/authn", body, headers=guesser).status_code == 429
    assert guessed.try_login(headers={**guesser, **home}).status_code == 200
    assert guessed.try_login(headers=elsewhere).status_code == 200
    assert guessed.try_login(guessed.admin, headers=guesser).status_code == 200
    admin = guessed.log_in(guessed.admin)
    users = guessed.ask("GET", "/api/v1/users", token=admin).json()
    [mine] = [each["id"] for each in users if each["login"] == guessed.user]
    body = {"password": f"{PASSWORD} anew"}
    assert guessed.ask("PATCH", f"/api/v1/users/{mine}", body, token=admin).status_code == 200
    for headers in (guesser, home):  # the old device is known no more, and is not needed
        wait_until(
            lambda headers=headers: (
                guessed.try_login(password=body["password"], headers=headers).status_code == 200
            ),
            "the reader has the new password",
        )


def _row(tenant: Tenant, counter: FailureCounter) -> int:
    with aws_of(tenant.machine) as (aws, run):
        store = AttemptStore(aws, "session", region=REGION, now=time.time)
        by = [counter, *counters("nobody@x", None, "10.255.255.255", None)[1:]]
        return run(store.find(StoredTenant(uuid.UUID(tenant.id), tenant.label), by)).device_row


def test_one_client_of_ipv6_is_a_network_and_is_counted_as_one():
    here = counters("ada", None, "2001:db8:1:2::1", None)
    assert here == counters("ada", None, "2001:db8:1:2:ffff::9", None)
    assert here != counters("ada", None, "2001:db8:1:3::1", None)
    assert counters("ada", None, "::ffff:10.0.0.1", None) == counters("ada", None, "10.0.0.1", None)
    assert counters("ada", None, "10.0.0.1", None) != counters("ada", None, "10.0.0.2", None)
    assert counters("ada", None, "unknown", None)[1].value == "unknown"


def test_a_device_is_known_at_one_login_and_tenant_and_is_worn_by_its_own_failures(
    guessed: Tenant, tenant: Tenant
):
    known = device(guessed.try_login())
    value = known["Cookie"].partition("=")[2]
    owner, stored = f"{guessed.id}\n{guessed.user}", stored_hash(guessed, guessed.user)
    now = int(time.time())
    number = known_device(owner, stored, ["stale", value], now=now)
    assert number
    assert known_device(owner, stored, [value], now=now + DEVICE_SECONDS + 60) is None
    assert known_device(f"{tenant.id}\n{guessed.user}", stored, [value], now=now) is None
    assert known_device(owner, f"{stored}x", [value], now=now) is None
    assert known_device(owner, None, [value], now=now) is None
    for forged in (value[:-1], f"ffffffff{value}", ".", "..", "", "é.é", value.upper()):
        assert known_device(owner, stored, [forged], now=now) is None
    by = counters(guessed.user, stored, "10.9.9.9", number)
    _fail(guessed, [by] * 10)
    refused = guessed.try_login(headers=known)
    assert refused.status_code == 429
    assert stamped(guessed, refused, headers=known).status_code == 200
    _fail(guessed, [by] * ROW_MAX)
    worn = guessed.try_login(headers=known)
    assert (worn.status_code, "stamp" in worn.text) == (429, False)


def test_guesses_spread_over_logins_cost_work_and_do_not_lock_out_an_office(guessed: Tenant):
    office = {"X-Real-IP": "198.51.100.9"}
    known = device(guessed.try_login(headers=office))
    guesses = [
        counters(f"guess-{place}@x", None, office["X-Real-IP"], None) for place in range(100)
    ]
    _fail(guessed, guesses)
    assert guessed.try_login("guess-100@x", "wrong", headers=office).status_code == 429
    assert guessed.try_login(headers={**office, **known}).status_code == 200
    colleague = guessed.try_login(guessed.admin, headers=office)
    assert colleague.status_code == 429
    assert stamped(guessed, colleague, login=guessed.admin, headers=office).status_code == 200


def test_guesses_spread_over_logins_and_addresses_cost_work(guessed: Tenant, tenant: Tenant):
    """One guess at each login from each address: the tenant notices, and no other is concerned."""
    known = device(guessed.try_login())
    everywhere = counters("guess@x", None, "10.4.0.1", None)[-1:]
    assert everywhere[0].kind == "tenant"
    _fail(guessed, [everywhere] * 50, times=20)
    elsewhere = {"X-Real-IP": "10.4.0.2"}
    refused = guessed.try_login(headers=elsewhere)
    assert refused.status_code == 429
    assert stamped(guessed, refused, headers=elsewhere).status_code == 200
    assert guessed.try_login(headers={**elsewhere, **known}).status_code == 200
    assert tenant.try_login(headers=elsewhere).status_code == 200


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
