"""Pools of connections: no client that leaves and no server that hangs costs a connection."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from local.one_machine import DATABASE, OneMachine
from service import connections, schema_version
from service.databases import Server, UnavailableError
from service.operations.node import READER
from service.runtime import Runtime
from service.settings import Databases, api_settings

_CONNECTIONS = 2


@asynccontextmanager
async def reader(machine: OneMachine, *, seconds: float = 1.5) -> AsyncIterator[Server]:
    """A pool of two connections to the machine's reader."""
    server = Server(
        ("127.0.0.1", machine.databases["reader"].port),
        Databases(name=DATABASE, auth="trust", region="us-east-1"),
        role=READER,
        version=schema_version.spoken("entity"),
        or_newer=False,
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
