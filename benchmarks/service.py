"""CPU of a session's validation and of a login, beside what each cannot go below.

    make bench-service        writes out/bench-service.json; exits 1 where a bar is not held

asking       a validation that asks the session store, over a bare route that asks it the same
remembered   a validation that is remembered, over a bare route
login        a login, over its password's verification

CPU is a process's own (user and system), by the scheduler's clock: neither the load's nor a store's
counts. A bare route is one of the same framework, in a process of its own that is served as the
service is, and it asks with the service's own client. Two subjects are measured one after the other
within half a second, in turns, and the median of the pairs' ratios counts: what else the machine
does meets both.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.one_machine import DOMAIN, OneMachine, Process
from service.passwords import Passwords
from service.stores.session import hash_of

PAIRS, REQUESTS, LOGINS, CONNECTIONS = 25, 200, 8, 4
# Most of what each cannot go below.
BARS = {"asking": 1.3, "remembered": 2.0, "login": 1.35}
OUT = Path("out/bench-service.json")

_PASSWORD = "correct horse battery staple"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads: by the scheduler's own clock."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def whole(client: socket.socket) -> bytes:
    """One answer, to the end of its body."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body


def load(port: int, head: bytes, requests: int) -> None:
    """So many requests over a few connections, each answered with 200 before the next."""
    failures: list[BaseException] = []

    def connection() -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                for _ in range(requests // CONNECTIONS):
                    client.sendall(head)
                    answer = whole(client)
                    if not answer.startswith(b"HTTP/1.1 200"):
                        raise RuntimeError(answer[:300].decode("latin-1"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=connection) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def microseconds(process: Process, step: Callable[[], None], times: int) -> float:
    """CPU of a process for each of so many times."""
    before = cpu_seconds(process.child.pid)
    step()
    return (cpu_seconds(process.child.pid) - before) / times * 1e6


def verifications(times: int, loop: asyncio.Runner, passwords: Passwords, stored: str) -> float:
    """Return the CPU in microseconds of one password's verification, in this process."""

    async def verify() -> None:
        for _ in range(times):
            assert await passwords.verify(stored, _PASSWORD)

    before = time.process_time()
    loop.run(verify())
    return (time.process_time() - before) / times * 1e6


def log_in(port: int, user: str) -> bytes:
    body = json.dumps({"username": user, "password": _PASSWORD}).encode()
    head = (
        f"POST /api/v1/authn HTTP/1.1\r\nHost: bench.{DOMAIN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body)
        return whole(client)


Measure = Callable[[], float]


def pairs(subject: Measure, bare: Measure) -> list[tuple[float, float]]:
    """Return what both cost, again and again; whose turn is first changes."""
    found = []
    for number in range(PAIRS + 2):
        order = (subject, bare) if number % 2 else (bare, subject)
        first, second = order[0](), order[1]()
        found.append((first, second) if number % 2 else (second, first))
    return found[2:]  # the first warm up


def measure() -> dict[str, Any]:
    """Return what each costs in CPU microseconds, and its ratio, the median of the pairs'."""
    with OneMachine() as machine, asyncio.Runner() as loop:
        tenant = machine.seed("bench", admin="ada@bench", password=_PASSWORD)["tenant"]
        service = machine.serve("benchmarks.service_process", SUBJECT="service")
        answer = log_in(service.port, "ada@bench")
        token = json.loads(answer.partition(b"\r\n\r\n")[2])["sessionToken"]
        head = (
            f"GET /api/v1/sessions/me HTTP/1.1\r\nHost: bench.{DOMAIN}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
        session: dict[str, Any] = {"TENANT": tenant, "TOKEN_HASH": hash_of(token)}

        def validation(process: Process) -> Measure:
            step = partial(load, process.port, head, REQUESTS)
            return partial(microseconds, process, step, REQUESTS)

        def serve(subject: str) -> Process:
            return machine.serve("benchmarks.service_process", SUBJECT=subject, **session)

        def logins() -> None:
            for _ in range(LOGINS):
                assert log_in(service.port, "ada@bench").startswith(b"HTTP/1.1 200")

        passwords = Passwords(threads=1)
        stored = loop.run(passwords.hash(_PASSWORD, "ada@bench"))
        compared: dict[str, tuple[Measure, Measure]] = {
            "asking": (validation(serve("asking")), validation(serve("bare-asking"))),
            "remembered": (validation(service), validation(serve("bare"))),
            "login": (
                partial(microseconds, service, logins, LOGINS),
                partial(verifications, LOGINS, loop, passwords, stored),
            ),
        }
        return {name: _summary(BARS[name], pairs(*both)) for name, both in compared.items()}


def _summary(bar: float, found: list[tuple[float, float]]) -> dict[str, Any]:
    ratios = sorted(subject / bare for subject, bare in found)
    subject, bare = (statistics.median(each) for each in zip(*found, strict=True))
    ratio = statistics.median(ratios)
    return {
        "us": round(subject, 1),
        "bare_us": round(bare, 1),
        "ratio": round(ratio, 3),
        "quartiles": [round(each, 3) for each in statistics.quantiles(ratios)[::2]],
        "bar": bar,
        "holds": ratio <= bar,
    }


def main() -> int:
    """Measure, write and print; return 1 where a bar is not held."""
    found = measure()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0 if all(each["holds"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
