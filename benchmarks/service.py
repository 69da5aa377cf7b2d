"""CPU of a session's validation and of a login, beside what each cannot go below.

    make bench-service        writes out/bench-service.json; exits 1 where a bar is not held

CPU is the server's own (user and system), read from /proc: neither the load's nor a store's counts.
Subjects take turns for some rounds, and the median of a subject's rounds counts.
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
from pathlib import Path
from typing import Any

from local.one_machine import DOMAIN, OneMachine, Process
from service.passwords import Passwords
from service.stores.session import hash_of

ROUNDS, REQUESTS, LOGINS, CONNECTIONS = 5, 1_000, 30, 4
# Of the sum of a bare route and a bare call, with the cache of a bare route, and of a verification.
ASKING_BAR, REMEMBERED_BAR, LOGIN_BAR = 1.3, 2.0, 1.35
_BARS = ("asking", "remembered", "login")
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


def bare_call(machine: OneMachine, tenant: str, token: str) -> float:
    """CPU in microseconds of one call of the session store's client, in a process of its own."""
    variables = {"SUBJECT": "call", "TENANT": tenant, "TOKEN_HASH": hash_of(token)}
    return float(machine.run("benchmarks.service_process", [], variables).splitlines()[-1])


def verification() -> float:
    """CPU in microseconds of one password's verification."""
    passwords = Passwords(threads=1)

    async def run() -> float:
        stored = await passwords.hash(_PASSWORD, "ada@bench")
        await passwords.verify(stored, _PASSWORD)
        before = time.process_time()
        for _ in range(LOGINS):
            await passwords.verify(stored, _PASSWORD)
        return (time.process_time() - before) / LOGINS * 1e6

    try:
        return asyncio.run(run())
    finally:
        passwords.close()


def log_in(port: int, user: str) -> bytes:
    body = json.dumps({"username": user, "password": _PASSWORD}).encode()
    head = (
        f"POST /api/v1/authn HTTP/1.1\r\nHost: bench.{DOMAIN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body)
        return whole(client)


def measure() -> dict[str, Any]:
    """Return every figure, in CPU microseconds, and the ratios that the bars are about."""
    figures: dict[str, list[float]] = {}
    with OneMachine() as machine:
        tenant = machine.seed("bench", admin="ada@bench", password=_PASSWORD)["tenant"]
        subjects = {
            name: machine.serve("benchmarks.service_process", SUBJECT=name)
            for name in ("bare", "asking", "service")
        }
        answer = log_in(subjects["service"].port, "ada@bench")
        token = json.loads(answer.partition(b"\r\n\r\n")[2])["sessionToken"]
        head = (
            f"GET /api/v1/sessions/me HTTP/1.1\r\nHost: bench.{DOMAIN}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
        for number in range(ROUNDS + 1):
            for name, process in subjects.items():
                took = microseconds(
                    process, lambda p=process: load(p.port, head, REQUESTS), REQUESTS
                )
                if number:  # the first round warms up
                    figures.setdefault(name, []).append(took)
            figures.setdefault("call", []).append(bare_call(machine, tenant, token))
        service = subjects["service"]

        def logins() -> None:
            for _ in range(LOGINS):
                assert log_in(service.port, "ada@bench").startswith(b"HTTP/1.1 200")

        figures["login"] = [microseconds(service, logins, LOGINS) for _ in range(3)]
        figures["verification"] = [verification() for _ in range(3)]
    medians = {name: statistics.median(found) for name, found in figures.items()}
    return {
        "cpu_us": {name: round(value, 1) for name, value in medians.items()},
        "spread_us": {name: [round(min(v), 1), round(max(v), 1)] for name, v in figures.items()},
        "asking_ratio": round(medians["asking"] / (medians["bare"] + medians["call"]), 3),
        "asking_bar": ASKING_BAR,
        "remembered_ratio": round(medians["service"] / medians["bare"], 3),
        "remembered_bar": REMEMBERED_BAR,
        "login_ratio": round(medians["login"] / medians["verification"], 3),
        "login_bar": LOGIN_BAR,
    }


def main() -> int:
    """Measure, write and print; return 1 where a bar is not held."""
    found = measure()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    held = all(found[f"{name}_ratio"] <= found[f"{name}_bar"] for name in _BARS)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
