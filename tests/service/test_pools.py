"""Pools of connections: no client that leaves and no server that hangs costs a connection."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from local.one_machine import DATABASE, OneMachine
from service import connections, databases, schema_version
from service.databases import ASKER, Server, Servers, UnavailableError
from service.fair_queue import BusyError
from service.operations.node import READER
from service.runtime import Runtime
from service.settings import DatabaseSettings, api_settings

_CONNECTIONS = 2


@asynccontextmanager
async def reader(
    machine: OneMachine, *, seconds: float = 1.5, port: int | None = None
) -> AsyncIterator[Server]:
    """A pool of two connections to the machine's reader, by another port where one is given."""
    server = Server(
        ("127.0.0.1", port or machine.databases["reader"].port),
        DatabaseSettings(database_name=DATABASE, database_auth="trust"),
        role=READER,
        version=schema_version.spoken("entity"),
        notes_versions=False,
        statement_seconds=seconds,
        connections=_CONNECTIONS,
        token=lambda *_: "",
    )
    await server.pool.open()
    try:
        yield server
    finally:
        await server.pool.close(timeout=2.0)


async def _all_serve(server: Server) -> None:
    """Every connection of the pool is used at once, and nobody waits for one that is lost."""
    await asyncio.wait_for(
        asyncio.gather(*(server.ask({}, "SELECT pg_sleep(0.2)") for _ in range(_CONNECTIONS))), 5
    )
    size = server.pool.get_stats()["pool_size"]
    assert size <= _CONNECTIONS
    assert server.pool.get_stats()["pool_available"] == size


def test_a_caller_that_leaves_while_its_connection_goes_back_loses_none(machine: OneMachine):
    """The pool's own steps take time on a busy machine; each of them may see the caller leave."""

    async def run() -> None:
        async with reader(machine) as server:
            returning = asyncio.Event()
            return_connection = server.pool._return_connection

            async def slowly(*given: Any, **named: Any) -> None:
                returning.set()
                await asyncio.sleep(0.02)
                await return_connection(*given, **named)

            server.pool._return_connection = slowly
            for _ in range(2 * _CONNECTIONS):
                asking = asyncio.create_task(server.ask({}, "SELECT 1"))
                await asyncio.wait_for(returning.wait(), 5)
                returning.clear()
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking
            await asyncio.sleep(0.2)
            await _all_serve(server)

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("after", [0.0, 0.001, 0.01, 0.05, 0.3])
def test_a_caller_may_leave_at_any_moment(machine: OneMachine, after: float):
    async def run() -> None:
        async with reader(machine) as server:
            for _ in range(10):
                asking = [
                    asyncio.create_task(server.ask({}, "SELECT pg_sleep(0.2)")) for _ in range(4)
                ]
                await asyncio.sleep(after)
                for each in asking:
                    each.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
            await asyncio.sleep(0.5)
            await _all_serve(server)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_server_that_freezes_again_and_again_costs_no_connection(machine: OneMachine):
    async def run() -> None:
        async with reader(machine, seconds=0.3) as server:
            for freeze in range(4):
                await _warm(server)
                pids = [
                    pid
                    for (pid,) in machine.databases["reader"].rows(
                        "SELECT pid FROM pg_stat_activity WHERE usename = %s", READER
                    )
                ]
                asking = [asyncio.create_task(server.ask({}, "SELECT 1")) for _ in range(6)]
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                try:
                    asking += [asyncio.create_task(server.ask({}, "SELECT 1")) for _ in range(6)]
                    await asyncio.sleep(0.7 + freeze / 10)
                finally:
                    for pid in pids:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGCONT)
                await asyncio.gather(*asking, return_exceptions=True)
            await _warm(server)
            await _all_serve(server)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_pool_that_has_lost_its_connections_ends_the_process(
    machine: OneMachine, monkeypatch: pytest.MonkeyPatch
):
    """And readiness says so, so that no request is sent there meanwhile."""
    monkeypatch.setattr(connections, "STARVED_SECONDS", 0.5)
    monkeypatch.setenv("AWS_ENDPOINT_URL", machine.endpoint)

    async def run() -> tuple[list[str], Runtime]:
        reasons: list[str] = []
        runtime = Runtime(api_settings(machine.variables()), give_up=reasons.append)
        await runtime.start()
        try:
            await _until(lambda: runtime.can_serve, "it serves")
            (pool, *_) = (each.pool for each in runtime.entities.readers.servers)
            lost = [await pool.getconn() for _ in range(pool.max_size)]
            counted = runtime.connections[0].counted
            assert (counted["open"], counted["free"]) == (pool.max_size, 0)
            while not reasons:
                with suppress(UnavailableError):
                    await runtime.entities.readers.ask({}, "SELECT 1")
                await asyncio.sleep(0.1)
            assert not runtime.can_serve
            for connection in lost:
                await pool.putconn(connection)
        finally:
            await runtime.stop()
        return reasons, runtime

    reasons, runtime = asyncio.run(asyncio.wait_for(run(), 60))
    name = f"127.0.0.1:{machine.databases['reader'].port}"
    assert reasons == [f"the pool of {name} has lost its connections"]
    assert runtime.exit_code == 1


def test_who_floods_a_store_waits_for_its_own_turns_alone(machine: OneMachine):
    """Whatever it asks, of a tenant or of none: others' questions are the next ones."""

    async def run() -> tuple[int, list[Any]]:
        async with reader(machine) as server:
            servers, done = Servers([server]), []

            async def ask(*who: str) -> None:
                ASKER.set(who)
                await servers.ask({}, "SELECT pg_sleep(0.02)")
                done.append(who)

            flood = [asyncio.create_task(ask("nobody", "flood")) for _ in range(200)]
            await asyncio.sleep(0.1)
            before = len(done)
            await asyncio.gather(*(asyncio.create_task(ask("tenant", "a")) for _ in range(3)))
            passed = len(done) - before
            return passed, await asyncio.gather(*flood, return_exceptions=True)

    passed, flood = asyncio.run(asyncio.wait_for(run(), 60))
    assert passed < 40, passed
    assert {type(each) for each in flood} <= {type(None), BusyError}


def test_a_server_that_is_away_is_no_lost_pool(
    machine: OneMachine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections, "STARVED_SECONDS", 0.0)

    async def run() -> None:
        async with reader(machine) as server:
            await server.ask({}, "SELECT 1")
            machine.databases["reader"].kill()
            try:
                for _ in range(3):
                    with pytest.raises(Exception, match=r"."):
                        await server.ask({}, "SELECT 1")
                    assert not await server.connections.are_lost()
            finally:
                machine.databases["reader"].start()
            await _warm(server)
            assert not await server.connections.are_lost()

    asyncio.run(asyncio.wait_for(run(), 60))


class Endpoint:
    """A port that refuses, hangs, or leads to the machine's reader."""

    def __init__(self, machine: OneMachine) -> None:
        self._reader = machine.databases["reader"].port
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hang(self) -> None:
        """Let clients connect, and never say a word to them."""
        self._held.listen()

    async def lead(self) -> None:
        self._held.close()
        self._listening = await asyncio.start_server(self._forward, "127.0.0.1", self.port)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", self._reader)
        for source, sink in ((reader, onward[1]), (onward[0], writer)):
            self._tasks.add(asyncio.create_task(_copy(source, sink)))

    def close(self) -> None:
        self._held.close()
        if self._listening is not None:
            self._listening.close()
        for task in self._tasks:
            task.cancel()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while found := await source.read(65_536):
            sink.write(found)
    finally:
        sink.close()


async def _seconds(servers: Servers) -> float:
    started = time.monotonic()
    await servers.ask({}, "SELECT 1")
    return time.monotonic() - started


@pytest.mark.parametrize("hangs", [False, True])
def test_a_server_that_never_answered_costs_one_question_and_not_each(
    machine: OneMachine, hangs: bool
):
    """Such is the first writer of a standby Region until its copy is promoted."""

    async def run() -> list[float]:
        endpoint = Endpoint(machine)
        if hangs:
            endpoint.hang()
        try:
            async with reader(machine, port=endpoint.port) as copy, reader(machine) as master:
                servers = Servers([copy, master])
                await servers.ask({}, "SELECT 1")
                costs = []
                for _ in range(3):
                    await asyncio.sleep(1.1)  # longer than a server that was there rests
                    costs.append(await _seconds(servers))
                return costs
        finally:
            endpoint.close()

    costs = asyncio.run(asyncio.wait_for(run(), 60))
    assert max(costs) < 0.7, costs


def test_of_many_questions_one_tries_a_server_that_never_answered_again(
    machine: OneMachine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(databases, "_UNKNOWN_REST_SECONDS", 1.5)

    async def run() -> list[float]:
        endpoint = Endpoint(machine)
        try:
            async with reader(machine, port=endpoint.port) as copy, reader(machine) as master:
                servers = Servers([copy, master])
                await servers.ask({}, "SELECT 1")
                await asyncio.sleep(1.6)
                return sorted(await asyncio.gather(*(_seconds(servers) for _ in range(5))))
        finally:
            endpoint.close()

    costs = asyncio.run(asyncio.wait_for(run(), 60))
    assert costs[-2] < 0.7 < costs[-1], costs


def test_a_server_that_begins_to_answer_is_found_by_the_question_that_needs_it(
    machine: OneMachine,
):
    """A promotion: the other master is gone, and the copy that never answered takes over."""

    async def run() -> None:
        endpoint, other = Endpoint(machine), Endpoint(machine)
        await other.lead()
        try:
            async with (
                reader(machine, port=endpoint.port) as copy,
                reader(machine, port=other.port) as master,
            ):
                servers = Servers([copy, master])
                await servers.ask({}, "SELECT 1")
                assert servers.ranked() == [master, copy]
                await endpoint.lead()
                other.close()
                await servers.ask({}, "SELECT 1")
                assert servers.ranked() == [copy, master]
        finally:
            endpoint.close()
            other.close()

    asyncio.run(asyncio.wait_for(run(), 60))


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.05)


async def _warm(server: Server) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            await server.ask({}, "SELECT 1")
            return
        except Exception:
            assert time.monotonic() < deadline, "the pool does not come back"
            await asyncio.sleep(0.1)
