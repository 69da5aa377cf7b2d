"""Bursts of anonymous logins, and clients that leave: `make burst-drill`, into out/bursts.json.

Processes of the service over real PostgreSQL take bursts of logins of one tenant, each from an
address of its own, while another tenant's users log in; then a soak, of which a third of the
clients leave before they have their answer. Afterwards every process has to serve, with every
connection of its pools.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from local.one_machine import DOMAIN, OneMachine, Process

OUT = Path("out/bursts.json")
FLOODED, OTHER, PASSWORD = "flooded", "other", "correct horse battery staple"
PROCESSES, FAILURES_MAX = 2, 0.01  # of another tenant's logins
_REQUEST_SECONDS, _RECOVERY_SECONDS, _AT_ONCE = 60, 30, 200
_LEFT, _LOST = "left", "no answer"


async def ask(
    process: Process,
    tenant: str,
    method: str,
    path: str,
    *,
    seconds: float | None = None,
    **more: Any,
) -> str:
    """Return the status of one request's answer; the client leaves after `seconds`."""
    body = json.dumps(more["body"]).encode() if "body" in more else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {tenant}.{DOMAIN}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {more.get('token', '')}\r\nX-Real-IP: {_address()}\r\n\r\n"
    )
    try:
        async with asyncio.timeout(seconds or _REQUEST_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            try:
                writer.write(head.encode() + body)
                status = (await reader.readline()).split(b" ")[1:2]
                await reader.read()
            finally:
                writer.close()
    except TimeoutError:
        return _LEFT if seconds else _LOST
    except OSError:
        return _LOST
    return status[0].decode() if status else _LOST


def _address() -> str:
    return ".".join(str(random.randrange(1, 255)) for _ in range(4))


async def log_in(process: Process, tenant: str, name: str, *, seconds: float | None = None) -> str:
    """Return the status of a login; a name that nobody has is a guess."""
    body = {"username": name, "password": PASSWORD}
    return await ask(process, tenant, "POST", "/api/v1/authn", body=body, seconds=seconds)


async def burst(processes: list[Process], logins: int) -> tuple[Counter[str], Counter[str]]:
    """Return how the guesses of a burst and the logins of the other tenant meanwhile ended."""
    guesses = [
        asyncio.create_task(log_in(processes[n % len(processes)], FLOODED, f"guess-{n}@x"))
        for n in range(logins)
    ]
    legitimate: Counter[str] = Counter()
    while not all(guess.done() for guess in guesses):
        for process in processes:
            legitimate[await log_in(process, OTHER, "admin@other")] += 1
        await asyncio.sleep(0.2)
    return Counter([await guess for guess in guesses]), legitimate


async def soak(processes: list[Process], token: str, requests: int) -> Counter[str]:
    """Return how requests of all kinds ended, a third of whose clients leave early."""
    found: Counter[str] = Counter()
    left = iter(range(requests))
    asked = ("/health/login", "/api/v1/sessions/me", "/api/v1/users", "/api/v1/users", "/nowhere")

    async def client() -> None:
        for number in left:
            seconds = random.uniform(0.001, 0.05) if number % 3 == 0 else None
            process = processes[number % len(processes)]
            if number % 50 == 0:
                found[await log_in(process, OTHER, "admin@other", seconds=seconds)] += 1
            else:
                tenant, path = random.choice((OTHER, OTHER, "nobody")), random.choice(asked)
                found[await ask(process, tenant, "GET", path, token=token, seconds=seconds)] += 1

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    return found


async def recovers(process: Process) -> float | None:
    """Return after how many seconds 20 logins in a row succeed and it is ready, None for never."""
    began = time.monotonic()
    while time.monotonic() - began < _RECOVERY_SECONDS:
        found = {await log_in(process, OTHER, "admin@other") for _ in range(20)}
        health = [
            await ask(process, OTHER, "GET", f"/health/{name}") for name in ("ready", "login")
        ]
        if found == {"200"} and health == ["200", "200"]:
            return round(time.monotonic() - began, 1)
        await asyncio.sleep(0.5)
    return None


def _token(process: Process) -> str:
    """Return the other tenant's administrator's session."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=_REQUEST_SECONDS)
    body = json.dumps({"username": "admin@other", "password": PASSWORD})
    headers = {"Host": f"{OTHER}.{DOMAIN}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/authn", body, headers)
    return json.load(connection.getresponse())["sessionToken"]


def lost(process: Process) -> list[str]:
    """Return what a process wrote of connections that it lost, and of what it did not expect."""
    words = ("has lost its connections", "Traceback", "Internal", "never awaited")
    lines = process.log.read_text(errors="replace").splitlines()
    return [line[:300] for line in lines if any(word in line for word in words)]


async def drill(machine: OneMachine, *, bursts: int, logins: int, requests: int) -> dict[str, Any]:
    """Return what was found; `holds` is whether every bar was held."""
    processes = [machine.api() for _ in range(PROCESSES)]
    guesses: Counter[str] = Counter()
    legitimate: Counter[str] = Counter()
    for number in range(bursts):
        taken, other = await burst(processes, logins)
        guesses, legitimate = guesses + taken, legitimate + other
        print(f"burst {number + 1}: guesses {dict(taken)}, the other tenant's {dict(other)}")
    after_bursts = [await recovers(process) for process in processes]
    soaked = await soak(processes, _token(processes[0]), requests)
    after_soak = [await recovers(process) for process in processes]
    found = [line for process in processes for line in lost(process)]
    failed = 1 - legitimate["200"] / max(legitimate.total(), 1)
    return {
        "guesses": guesses,
        "other_tenant": legitimate,
        "other_tenant_failed": round(failed, 4),
        "serves_after_bursts_in_seconds": after_bursts,
        "soak": soaked,
        "serves_after_soak_in_seconds": after_soak,
        "found_in_the_log": found,
        "ended": [process.child.poll() for process in processes],
        "holds": failed < FAILURES_MAX
        and None not in (*after_bursts, *after_soak)
        and not found
        and not {status for status in guesses + soaked if status.startswith("5")} - {"503"}
        and all(process.child.poll() is None for process in processes),
    }


def main() -> int:
    """Return 0 where every bar is held, 1 where one is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bursts", type=int, default=20)
    parser.add_argument("--logins", type=int, default=500, help="of a burst")
    parser.add_argument("--requests", type=int, default=100_000, help="of the soak")
    given = parser.parse_args()
    with OneMachine() as machine:
        machine.worker()
        for tenant in (FLOODED, OTHER):
            machine.seed(tenant, admin=f"admin@{tenant}", password=PASSWORD)
        found = asyncio.run(
            drill(machine, bursts=given.bursts, logins=given.logins, requests=given.requests)
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
