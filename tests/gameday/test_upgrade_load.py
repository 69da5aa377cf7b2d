"""The load of an upgrade: when it comes, that it tries once, and that no loss goes unseen.

One small load on the real service, whose every trace is then looked up, taken away and missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from gameday.upgrade import served, tenants, verify
from gameday.upgrade.arrivals import arrivals
from gameday.upgrade.attempts import FAILED, KINDS, OK, REFUSED, Attempt, Growing
from gameday.upgrade.client import LoadClient, LoadPlan, Rates
from gameday.upgrade.clients import ClientError, LoadClients
from gameday.upgrade.shares import favour
from gameday.upgrade.target import Entrance, UpgradeTarget, from_json, login
from gameday.upgrade.wire import Wire
from local import process
from local.one_machine import DATABASE, DOMAIN, OneMachine
from local.postgres import PostgresServer
from local.process import end_all
from local.waiting import wait_until

RATES = Rates(login=4, check=4, write=4, audit=2)
USERS = 40


def test_arrivals_are_the_same_each_time_and_as_many_as_the_rate_says():
    def moments(seed: str) -> list[float]:
        return list(takewhile(lambda at: at < 100, arrivals(20, seed=seed)))

    assert moments("a") == moments("a") != moments("b")
    assert 1_850 < len(moments("a")) < 2_150  # three standard deviations
    assert list(arrivals(0, seed="a")) == []
    with pytest.raises(ValueError, match="'rate' should be 0 or more a second, got -1"):
        next(arrivals(-1, seed="a"))


class Answers:
    """A server that says what it is told to, and counts what it is asked."""

    def __init__(self, answer: Callable[[str, str, str], tuple[int, Any] | None]) -> None:
        self.asked: Counter[str] = Counter()
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
                body = (await reader.readexactly(int(lines["Content-Length"]))).decode()
                method, path, _ = head.split(" ", 2)
                self.asked[lines["X-Request-Id"]] += 1
                told = self._answer(method, path, body)
                if told is None:
                    break
                status, content = told
                text = json.dumps(content).encode()
                writer.write(
                    f"HTTP/1.1 {status} -\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
                )
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def _tried(answers: Answers, rates: Rates, *, seconds: float) -> list[Attempt]:
    """What a client was told by these answers."""
    found: list[Attempt] = []

    async def run() -> None:
        server = await asyncio.start_server(answers.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = UpgradeTarget(
            entrance=Entrance(host="127.0.0.1", port=port, domain="d", authority=None),
            tenants=tenants.named("t"),
            users=USERS,
            masters=("", ""),
            transaction="",
        )
        plan = LoadPlan(number=0, clients=1, rates=rates, seed="s", timeout_seconds=0.4, file="")
        wire = Wire(target.entrance, seconds=plan.timeout_seconds)
        client, until = LoadClient(plan, target, wire, found.append), asyncio.Event()
        await client.begin()
        asyncio.get_running_loop().call_later(seconds, until.set)
        await client.run(until)
        wire.close()
        server.close()

    asyncio.run(run())
    return found


def _of(attempts: list[Attempt], kind: str) -> set[tuple[str, int]]:
    return {(each.outcome, each.status) for each in attempts if each.kind == kind}


def test_each_answer_is_told_as_what_it_is_and_nothing_is_tried_twice():
    names: list[str] = []
    turns: Counter[str] = Counter()

    def answer(method: str, path: str, body: str) -> tuple[int, Any] | None:
        turns[path] += 1
        if path == "/api/v1/authn":
            names.append(json.loads(body)["username"])
            return None if len(names) % 3 == 0 else (200, {"sessionToken": "t"})
        if path == "/api/v1/sessions/me" and method == "GET":
            return 200, {"login": names[-1] if turns[path] < 2 else "somebody else"}
        if path.startswith("/api/v1/users"):
            return (503, {"code": "E0000010"}) if turns[path] % 2 else (503, {"code": "E0000009"})
        return 500, {}

    answers = Answers(answer)
    tried = _tried(answers, Rates(login=20, check=20, write=20, audit=5), seconds=0.8)
    assert set(answers.asked.values()) == {1}
    assert answers.asked.keys() == {each.id for each in tried}
    assert _of(tried, "login") == {(OK, 200), (FAILED, 0)}
    assert _of(tried, "verify") == {(OK, 200), (FAILED, 200)}
    assert _of(tried, "check") == {(FAILED, 200)}
    assert _of(tried, "write") == {(REFUSED, 503), (FAILED, 503)}
    assert _of(tried, "audit") == {(FAILED, 500)}


def test_a_server_that_hangs_is_asked_as_often_and_the_time_counts_from_when_it_was_due():
    began = time.monotonic()
    names: list[str] = []

    def answer(method: str, path: str, body: str) -> tuple[int, Any] | None:
        if body:
            names.append(json.loads(body)["username"])
        if len(names) > 1 and time.monotonic() - began < 0.5:
            time.sleep(0.5)  # the client's own loop too: it starts late, and that counts
        return 200, {"sessionToken": "t", "login": names[-1] if names else ""}

    tried = _tried(Answers(answer), Rates(login=40, check=0, write=0, audit=0), seconds=0.8)
    logins = [each for each in tried if each.kind == "login"][1:]
    due = list(takewhile(lambda at: at < 0.8, arrivals(40, seed="s 0 login")))
    assert len(due) - 1 <= len(logins) <= len(due)
    assert max(each.late for each in logins) > 0.2
    assert all(each.took >= each.late for each in logins)


def test_who_stands_for_aws_is_favoured_and_nobody_else(tmp_path: Path):
    favoured, other = (
        process.start(
            [sys.executable, "-c", "import time; time.sleep(60)", name],
            folder=tmp_path,
            log=tmp_path / "log",
            variables={},
        )
        for name in ("local.emulator.launch", "service")
    )
    groups = [Path(f"/proc/{child.pid}/autogroup") for child in (favoured, other)]
    can = os.geteuid() == 0 and groups[0].exists()
    try:
        wait_until(lambda: favour(tmp_path) == int(can), "the favour")
        assert [group.read_text().split()[-1] for group in groups if can] == ["-10", "0"][: 2 * can]
    finally:
        assert end_all(tmp_path) == 2


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path):
    file = tmp_path / "a"
    growing = Growing([file, tmp_path / "not there yet"])
    line = _attempt("check").to_json()
    file.write_text(line[:20])
    assert list(growing.more()) == []
    file.write_text(f"{line}\n{line}\n{line[:9]}")
    assert len(list(growing.more())) == 2
    assert list(growing.more()) == []


def _attempt(kind: str, **more: Any) -> Attempt:
    usual = {"id": "load-1", "tenant": "t", "due": 0.0, "late": 0.0, "took": 0.1, "status": 200}
    return Attempt(**{**usual, "kind": kind, "outcome": OK, **more})


# ------------------------------------------------------------------- on the real service


@pytest.fixture(scope="module")
def machine() -> Iterator[OneMachine]:
    with OneMachine(masters=2, reader=False) as machine:
        yield machine


@pytest.fixture(scope="module")
def target(machine: OneMachine) -> UpgradeTarget:
    made = tenants.named("globex", "initech")
    masters = [machine.databases[name].dsn(DATABASE) for name in ("entity-a", "entity-b")]
    tenants.load(masters[0], made, users=USERS)
    api = machine.api(BUILD="1")
    machine.worker()
    for name in ("entity-b", "entity-a"):
        machine.databases[name].wait(
            "SELECT count(*) = %s FROM account", 2 * (USERS + 1), database=DATABASE
        )
    target = UpgradeTarget(
        entrance=Entrance(host="127.0.0.1", port=api.port, domain=DOMAIN, authority=None),
        tenants=made,
        users=USERS,
        masters=(masters[0], masters[1]),
        transaction=machine.databases["transaction"].dsn(DATABASE),
    )
    assert from_json(target.to_json()) == target
    return target


@pytest.fixture(scope="module")
def loaded(
    machine: OneMachine, target: UpgradeTarget, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Attempt]]:
    """A short load by two processes, in the middle of which the service is READ_ONLY."""
    folder = tmp_path_factory.mktemp("load")
    with LoadClients(
        target, rates=RATES, clients=2, folder=folder, mark=folder, timeout_seconds=20
    ) as clients:
        _wait_for_attempts(clients, lambda some: _kinds(some, OK) >= {*_KINDS, "write"})
        machine.enter("READ_ONLY")
        _wait_for_attempts(clients, lambda some: "write" in _kinds(some, REFUSED))
        machine.enter("READ_WRITE")
        again = len(clients.attempts)
        _wait_for_attempts(clients, lambda some: "write" in _kinds(some[again:], OK))
        clients.stop()
        with pytest.raises(ClientError, match="a client ended with 0"):
            clients.look()
    yield clients.attempts
    assert end_all(folder) == 0


_KINDS = {"login", "verify", "check", "logout", "audit"}


def _kinds(some: list[Attempt], outcome: str) -> set[str]:
    return {each.kind for each in some if each.outcome == outcome}


def _wait_for_attempts(clients: LoadClients, holds: Callable[[list[Attempt]], bool]) -> None:
    def looked() -> bool:
        clients.look()
        return holds(clients.attempts)

    wait_until(
        looked,
        "the attempts of all clients",
        pause=0.2,
        log=lambda: Counter((a.kind, a.outcome, a.why) for a in clients.attempts),
    )


def test_every_kind_succeeds_and_only_writes_are_refused(loaded: list[Attempt]):
    """That none fails is the drill's word; a test's machine may be too busy for it."""
    assert _kinds(loaded, OK) == set(KINDS)
    assert _kinds(loaded, REFUSED) == {"write"}
    assert {each.tenant for each in loaded} == {"globex", "initech"}


def test_an_acknowledged_write_that_is_not_there_or_has_another_value_is_lost(
    machine: OneMachine, target: UpgradeTarget, loaded: list[Attempt]
):
    second = machine.databases["entity-b"]
    written = {each.account: each for each in loaded if each.account}
    assert _settled(lambda: verify.lost_writes(target.masters[1], loaded)) == []
    assert verify.lost_writes(target.masters[0], loaded) == []
    assert _settled(lambda: [] if verify.compared(target.masters)["equal"] else ["unequal"]) == []
    one, other, *_ = written
    _change(second, "DELETE FROM account WHERE id = %s", one)
    _change(second, "UPDATE account SET full_name = 'x' WHERE id = %s", other)
    lost = sorted(written[key].id for key in (one, other))
    assert verify.lost_writes(target.masters[1], loaded) == lost
    assert verify.lost_writes(target.masters[0], loaded) == []
    assert not verify.compared(target.masters)["equal"]
    sums = [verify.sums(master) for master in target.masters]
    assert sums[0].keys() == sums[1].keys()
    assert {table for table in sums[0] if sums[0][table] != sums[1][table]} == {"account"}


def _change(server: PostgresServer, statement: str, key: str) -> None:
    """On this server alone: what has an origin is not sent back to A."""
    with server.connect(DATABASE) as connection:
        for action in ("create", "session_setup"):
            connection.execute(
                f"SELECT pg_replication_origin_{action}(%s)".encode(), (f"of {key}",)
            )
        connection.execute(statement.encode(), (key,))


def test_a_refused_write_that_is_there_all_the_same_is_seen(
    target: UpgradeTarget, loaded: list[Attempt]
):
    assert verify.refused_and_written(target.masters[0], loaded) == []
    written = next(each for each in loaded if each.account)
    refused = _attempt("write", id="load-2", outcome=REFUSED, value=written.value)
    assert verify.refused_and_written(target.masters[0], [refused]) == ["load-2"]


def test_each_answered_login_logout_and_write_has_its_event_or_is_lost(
    machine: OneMachine, target: UpgradeTarget, loaded: list[Attempt]
):
    assert _settled(lambda: verify.lost_events(target.transaction, loaded)) == []
    victims = {
        kind: next(each.id for each in loaded if each.kind == kind and each.outcome == OK)
        for kind in ("login", "logout", "write")
    }
    machine.databases["transaction"].rows(
        "DELETE FROM event WHERE detail ->> 'requestId' = ANY (%s)",
        list(victims.values()),
        database=DATABASE,
    )
    assert verify.lost_events(target.transaction, loaded) == sorted(victims.values())


def test_who_answered_on_which_schema_stands_in_the_log(
    machine: OneMachine, loaded: list[Attempt], tmp_path: Path
):
    files = [each.log for each in machine.processes]
    found = served.crossed(served.read(files), loaded, speak={"1": 1, "2": 2})
    assert (found.old_on_new, found.new_on_old, found.unexplained) == ([], [], [])
    assert found.by["build 1 on schema 1"] > 10
    old_log, new_log = tmp_path / "old.log", tmp_path / "new.log"
    lines = [line for line in files[0].read_text().splitlines(keepends=True) if '"load-' in line]
    old_log.write_text('{"event": "listening", "build": "1"}\n' + lines[0])
    new_log.write_text('{"event": "listening", "build": "2"}\n' + lines[1])
    on_new = [served.Served("load-3", "1", (1, 2))]
    both = served.crossed([*served.read([old_log, new_log]), *on_new], [], speak={"1": 1, "2": 2})
    assert both.old_on_new == ["load-3"]
    assert len(both.new_on_old) == int(bool(json.loads(lines[1])["schema"]))
    assert served.crossed([], loaded, speak={"1": 1}).unexplained


def test_passwords_of_the_load_cost_what_the_service_s_cost(target: UpgradeTarget):
    account = str(tenants.account_id(target.tenants[0], login(0)))
    assert verify.cost(target.masters[0], account) == {"m": 19_456, "t": 2, "p": 1}


def _settled(look: Callable[[], list[str]]) -> list[str]:
    return verify.settle(look, lambda found: not found, seconds=60)
