"""Requests by the thousand (wrk), and connections that hold on or dawdle."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass

from local.edge_process import DOMAIN
from migration.chains import Chain

HOST = f"acme.{DOMAIN}"
FAST, SLOW = "/api/v1/users", "/slow"
PROBES = 40
PROBE_SECONDS = 3.0  # a client that waits longer has given up
_PROBE_GAP_SECONDS = 0.05


@dataclass(frozen=True)
class Load:
    """The counts of wrk: requests answered, and how many a second."""

    requests: int
    per_second: float
    errors: int  # answers other than 2xx and 3xx, and connections that failed


def wrk_command(chain: Chain, path: str, *, connections: int, seconds: int) -> list[str]:
    """Raises FileNotFoundError, with the fix, where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("'wrk' is not installed: apt-get install wrk")
    threads = min(2, connections)
    url = f"http://127.0.0.1:{chain.port}{path}"
    options = [f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    return ["wrk", *options, "-H", f"Host: {HOST}", url]


def wrk(chain: Chain, path: str = FAST, *, connections: int, seconds: int) -> Load:
    """As many requests as `connections` at once get answered in so many seconds."""
    command = wrk_command(chain, path, connections=connections, seconds=seconds)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return parsed(done.stdout)


def parsed(summary: str) -> Load:
    """Return what wrk printed, as numbers."""
    requests = re.search(r"(\d+) requests in", summary)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", summary)
    if requests is None or rate is None:
        raise ValueError(f"'summary' should be wrk's summary, got {summary!r}")
    answers = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", summary)))
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", summary
    )
    failed = sum(map(int, sockets.groups())) if sockets else 0
    return Load(int(requests[1]), float(rate[1]), answers + failed)


async def probes(chain: Chain) -> list[float]:
    """Seconds until the answer, of each of PROBES new connections that was answered 200 in time."""
    async with asyncio.TaskGroup() as group:
        asked = []
        for _ in range(PROBES):
            asked.append(group.create_task(_probe(chain)))
            await asyncio.sleep(_PROBE_GAP_SECONDS)
    return sorted(seconds for task in asked if (seconds := task.result()) is not None)


async def _probe(chain: Chain) -> float | None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(*chain.address)
            writer.write(_head(FAST, "close") + b"\r\n")
            line = await reader.readuntil(b"\r\n")
            writer.close()
            if line.split()[1] == b"200":
                return loop.time() - start
    return None


@contextlib.asynccontextmanager
async def flood_of_requests(
    chain: Chain, count: int, seconds: int
) -> AsyncIterator[asyncio.Future]:
    """`count` requests in flight to the slow app while the block runs; its Load is the result."""
    command = wrk_command(chain, SLOW, connections=count, seconds=seconds)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    ended = asyncio.ensure_future(process.communicate())
    try:
        yield ended
        await ended
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def held(chain: Chain, count: int, *, head: bytes, whole: bool) -> AsyncIterator[list[int]]:
    """`count` connections that have each sent `head`, and go on slowly unless it is `whole`.

    Yields a list that grows by the status of each answer.
    """
    answered: list[int] = []
    tasks = [asyncio.create_task(_hold(chain, head, whole, answered)) for _ in range(count)]
    await asyncio.sleep(3)  # until all have connected, or have found that they cannot
    try:
        yield answered
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hold(chain: Chain, head: bytes, whole: bool, answered: list[int]) -> None:
    reader, writer = await asyncio.open_connection(*chain.address)
    try:
        writer.write(head)
        if whole:
            answered.append(int((await reader.readuntil(b"\r\n")).split()[1]))
        while True:
            await asyncio.sleep(1)
            if not whole:
                writer.write(b"X-More: x\r\n")  # a header that never ends
                await writer.drain()
    finally:
        writer.close()


def idle_head() -> bytes:
    """Return a whole request, after which the connection is kept and nothing more is sent."""
    return _head(FAST, "keep-alive") + b"\r\n"


def slow_head() -> bytes:
    """Return the beginning of a request."""
    return _head(FAST, "keep-alive")


def _head(path: str, connection: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: {connection}\r\n".encode()
