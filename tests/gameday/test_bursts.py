"""The drill of bursts in small, with its bars as they are, and that each of them can be missed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from gameday import bursts
from gameday.bursts import FLOODED, OTHER, BurstTarget, DrillClient, Legitimate
from gameday.upgrade import tenants
from gameday.upgrade.target import Entrance
from gameday.upgrade.wire import Reply
from local.one_machine import DATABASE, DOMAIN, OneMachine
from local.postgres import ADMINISTRATOR


@pytest.fixture(scope="module")
def machine() -> Iterator[OneMachine]:
    with OneMachine(reader=False) as machine:
        dsn = machine.databases["entity-a"].dsn(DATABASE, ADMINISTRATOR)
        tenants.load(dsn, (FLOODED, OTHER), users=0)
        yield machine


def _entrance(port: int) -> Entrance:
    return Entrance(host="127.0.0.1", port=port, domain=DOMAIN, authority=None)


def test_bursts_and_clients_that_leave_cost_no_process_and_no_connection(machine: OneMachine):
    """Past the edge and for fewer requests; `make burst-drill` deploys a whole environment."""
    processes = tuple(_entrance(machine.api().port) for _ in range(2))
    target = BurstTarget(processes[0], processes)
    found = asyncio.run(bursts.drill(target, bursts=2, logins=60, requests=600))
    assert found["holds"], found
    assert all(found["bars"].values())
    assert found["other_tenant"]["failed"] == 0
    assert found["other_tenant"]["ended"]["200"] >= 2
    assert found["soak"]["left"] > 60
    assert sum(found["guesses"].values()) == 120
    assert sum(found["soak"].values()) == 600


def test_a_process_that_serves_no_more_is_seen(
    machine: OneMachine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bursts, "_RECOVERY_SECONDS", 1)
    monkeypatch.setattr(bursts, "_REST_SECONDS", 1)
    monkeypatch.setattr(bursts, "_REQUEST_SECONDS", 1)
    process = machine.api()
    client = DrillClient(_entrance(process.port))
    assert asyncio.run(bursts.lacking(client)) == []
    process.child.send_signal(signal.SIGSTOP)
    assert asyncio.run(bursts.recovers(client)) is None
    assert [pool["server"] for pool in asyncio.run(bursts.lacking(client))] == ["unknown"]


def test_a_pool_that_lacks_a_connection_for_good_is_seen(monkeypatch: pytest.MonkeyPatch):
    """One that is in use for a moment does not lack it."""
    monkeypatch.setattr(bursts, "_REST_SECONDS", 1)
    looks = iter(range(1_000))

    async def pools(_: DrillClient) -> list[dict[str, Any]]:
        at_rest = 2 - next(looks) % 2
        return [
            {"server": "lost", "open": 4, "free": 3},
            {"server": "used", "open": 2, "free": at_rest},
        ]

    monkeypatch.setattr(DrillClient, "pools", pools)
    found = asyncio.run(bursts.lacking(DrillClient(_entrance(1))))
    assert [pool["server"] for pool in found] == ["lost"]


def test_each_request_of_the_drill_has_a_connection_of_its_own():
    """It asks for that, and believes no server that says otherwise and closes a moment later."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while head := await reader.read(65_536):
            assert b"Connection: close" in head
            writer.write(b"HTTP/1.1 200 -\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")

    async def run() -> list[Reply | None]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = DrillClient(_entrance(server.sockets[0].getsockname()[1]))
        try:
            return [await client.ask("t", "GET", "/") for _ in range(3)]
        finally:
            client.close()
            server.close()

    replies = asyncio.run(run())
    assert [reply and reply.status for reply in replies] == [200] * 3
    assert len(connections) == 3


@pytest.mark.parametrize(
    ("replies", "ended", "waited"),
    [
        ([(200, None)], "200", 0),
        ([(429, "1"), (503, "0"), (200, None)], "200", 1),
        ([(429, None)], "429", 0),
        ([(429, "300")], "429", 0),
        ([(503, "0"), (500, None)], "500", 1),
        ([None], "no answer", 0),
    ],
    ids=str,
)
def test_a_legitimate_client_waits_as_it_is_told_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, replies: list[Any], ended: str, waited: int
):
    answers = iter(replies)

    async def try_login(*_: Any) -> Reply | None:
        answer = next(answers)
        if answer is None:
            return None
        status, after = answer
        return Reply(status, {"retry-after": after} if after else {}, b"")

    monkeypatch.setattr(DrillClient, "try_login", try_login)
    found = Legitimate()
    asyncio.run(DrillClient(_entrance(1)).log_in(found))
    assert (dict(found.ended), found.waited) == ({ended: 1}, waited)
    assert (found.failed < bursts.FAILURES_MAX) is (ended == "200")
