"""Bursts of anonymous logins, and clients that leave: `make burst-drill`, into out/bursts.json.

An environment is deployed as `make local` deploys it. Bursts of logins of one tenant come through
load balancer and edge, each from an address of its own, while another tenant's users log in the
same way. Then a soak of the API's processes, of which a third of the clients leave before they
have their answer: past the edge, whose limits would keep most of it from the pools.

Afterwards every process has to serve 20 logins in a row, and no pool may lack a connection: each
process counts for itself how many it has and how many of them nobody uses. That is asked of the
process, inside, and is no line of a log.

A legitimate client that is refused with Retry-After waits as long as it is told and asks again, as
RFC 9110 has it: a busy machine makes it slow. Its login has failed where it is answered otherwise,
not at all, or not well within two minutes; how many had to wait is reported beside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.upgrade import tenants
from gameday.upgrade.deployed import entrance_of, writer
from gameday.upgrade.target import ADMINISTRATOR, PASSWORD, Entrance
from gameday.upgrade.wire import NoReplyError, Reply, Wire
from local import commands
from local.session import LocalSession
from local.target import refuse_real_credentials
from local.waiting import free_port, wait_until

OUT, FOLDER = Path("out/bursts.json"), Path("out/bursts")
FLOODED, OTHER = tenants.named("flooded", "other")
FAILURES_MAX = 0.01  # of another tenant's logins, and of guesses that get no answer of the API
_PORT = 8080  # of an API's task
_REQUEST_SECONDS, _LOGIN_SECONDS, _RECOVERY_SECONDS, _AT_ONCE = 60, 120, 60, 100
_LOGINS_IN_A_ROW, _REST_SECONDS, _OPENING = 20, 15, 8
_LEFT, _LOST = "left", "no answer"
_JSON = {"Content-Type": "application/json", "Connection": "close"}


@dataclass(frozen=True)
class BurstTarget:
    """Where the bursts go, and the API's processes behind it."""

    entrance: Entrance
    processes: tuple[Entrance, ...]


@dataclass
class Legitimate:
    """Counts how the logins of the other tenant ended, and how many had to wait first."""

    ended: Counter[str] = field(default_factory=Counter)
    waited: int = 0

    @property
    def failed(self) -> float:
        return 1 - self.ended["200"] / max(self.ended.total(), 1)


class _Callers(Wire):
    """Connections that are opened a few at a time: a load balancer of this machine is one process,
    which shakes hands twice for each, and the edge waits for 2 s for the second."""

    def __init__(self, entrance: Entrance) -> None:
        super().__init__(entrance, seconds=_REQUEST_SECONDS)
        self._opening = asyncio.Semaphore(_OPENING)

    async def _connection(self, tenant: str) -> Any:
        async with self._opening:
            return await super()._connection(tenant)


class DrillClient:
    """Asks one entrance; every connection comes from an address of its own."""

    def __init__(self, entrance: Entrance) -> None:
        self._wire = _Callers(entrance)
        self.name = f"{entrance.host}:{entrance.port}"
        self.unanswered: Counter[str] = Counter()  # by why

    async def ask(
        self, tenant: str, method: str, path: str, *, token: str = "", body: Any = None
    ) -> Reply | None:
        """Return the answer, None where none comes."""
        headers = _JSON | ({"Authorization": f"Bearer {token}"} if token else {})
        content = json.dumps(body).encode() if body is not None else b""
        try:
            return await self._wire.ask(tenant, method, path, headers=headers, body=content)
        except NoReplyError as error:
            self.unanswered[str(error)] += 1
            return None

    async def try_login(self, tenant: str, name: str) -> Reply | None:
        body = {"username": name, "password": PASSWORD}
        return await self.ask(tenant, "POST", "/api/v1/authn", body=body)

    async def log_in(self, found: Legitimate) -> Reply | None:
        """Log the other tenant's administrator in, waiting as long as a refusal says."""
        until, waited = time.monotonic() + _LOGIN_SECONDS, False
        while True:
            reply = await self.try_login(OTHER.label, ADMINISTRATOR)
            seconds = _retry_after(reply)
            if seconds is None or time.monotonic() + seconds > until:
                break
            waited = True
            await asyncio.sleep(seconds)
        found.ended[_status(reply)] += 1
        found.waited += waited
        return reply

    async def pools(self) -> list[dict[str, Any]]:
        """Return the process's pools: how many connections each has, and how many are free."""
        reply = await self.ask(OTHER.label, "GET", "/health/ready")
        return json.loads(reply.body).get("connections", []) if reply else []

    def close(self) -> None:
        self._wire.close()


def _status(reply: Reply | None) -> str:
    return str(reply.status) if reply else _LOST


def _retry_after(reply: Reply | None) -> int | None:
    if reply is None or reply.status not in (429, 503):
        return None
    value = reply.headers.get("retry-after", "")
    return int(value) if value.isdecimal() else None


async def burst(
    guesser: DrillClient, other: DrillClient, logins: int, legitimate: Legitimate
) -> Counter[str]:
    """Return how the guesses of a burst ended; others log in meanwhile, once at least."""

    async def guess(number: int) -> str:
        return _status(await guesser.try_login(FLOODED.label, f"guess-{number}@x"))

    guesses = [asyncio.create_task(guess(number)) for number in range(logins)]
    while True:
        await other.log_in(legitimate)
        if all(each.done() for each in guesses):
            return Counter([each.result() for each in guesses])
        await asyncio.sleep(0.2)


async def soak(
    processes: list[DrillClient], token: str, requests: int, show: Callable[[int], None]
) -> Counter[str]:
    """Return how requests of all kinds ended, a third of whose clients leave early."""
    found: Counter[str] = Counter()
    left = iter(range(requests))
    paths = ("/health/login", "/api/v1/sessions/me", "/api/v1/users", "/api/v1/users", "/nowhere")

    async def ask(process: DrillClient, number: int) -> str:
        if number % 50 == 0:
            return _status(await process.try_login(OTHER.label, ADMINISTRATOR))
        tenant = random.choice((OTHER.label, OTHER.label, "nobody"))
        return _status(await process.ask(tenant, "GET", random.choice(paths), token=token))

    async def client() -> None:
        for number in left:
            asking = ask(processes[number % len(processes)], number)
            if number % 3 == 0:
                try:
                    found[await asyncio.wait_for(asking, random.uniform(0.001, 0.05))] += 1
                except TimeoutError:
                    found[_LEFT] += 1
            else:
                found[await asking] += 1
            if found.total() % 5_000 == 0:
                show(found.total())

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    return found


async def recovers(process: DrillClient) -> float | None:
    """Return after how many seconds 20 logins in a row succeed and it is ready, None for never."""

    async def serves() -> bool:
        for _ in range(_LOGINS_IN_A_ROW):
            if _status(await process.try_login(OTHER.label, ADMINISTRATOR)) != "200":
                return False
        health = [
            _status(await process.ask(OTHER.label, "GET", f"/health/{name}"))
            for name in ("ready", "login")
        ]
        return health == ["200", "200"]

    return await _soon(serves, _RECOVERY_SECONDS)


async def lacking(process: DrillClient) -> list[dict[str, Any]]:
    """Return the pools that lack a connection although nothing asks them; all where none answers.

    A background look uses one for a moment, so one moment without any in use is enough.
    """
    missing: dict[str, dict[str, Any]] = {}

    async def rests() -> bool:
        pools = await process.pools()
        for number, pool in enumerate(pools or [{"server": "unknown", "open": 1, "free": 0}]):
            name = f"{number} {pool['server']}"
            if pool["free"] == pool["open"]:
                missing[name] = {}
            elif missing.get(name) != {}:
                missing[name] = pool
        return bool(pools) and not any(missing.values())

    await _soon(rests, _REST_SECONDS)
    return [pool for pool in missing.values() if pool]


async def _soon(holds: Callable[[], Awaitable[bool]], seconds: float) -> float | None:
    """Return after how many seconds something holds, None where it does not in time."""
    began = time.monotonic()
    while not await holds():
        if time.monotonic() - began > seconds:
            return None
        await asyncio.sleep(0.1)
    return round(time.monotonic() - began, 1)


async def drill(target: BurstTarget, *, bursts: int, logins: int, requests: int) -> dict[str, Any]:
    """Return what was found; `holds` is whether every bar was held."""
    guesser, other = DrillClient(target.entrance), DrillClient(target.entrance)
    processes = [DrillClient(each) for each in target.processes]
    guesses: Counter[str] = Counter()
    legitimate, began = Legitimate(), time.monotonic()

    def show(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {what}", flush=True)

    try:
        for number in range(bursts):
            taken = await burst(guesser, other, logins, legitimate)
            guesses += taken
            show(f"burst {number + 1}: {dict(taken)}; the other tenant {dict(legitimate.ended)}")
        after_bursts = {each.name: await recovers(each) for each in processes}
        show(f"after the bursts each serves, in seconds: {after_bursts}")
        reply = await processes[0].log_in(Legitimate())
        token = json.loads(reply.body)["sessionToken"] if reply and reply.status == 200 else ""
        soaked = await soak(processes, token, requests, lambda n: show(f"soak: {n:,} requests"))
        after_soak = {each.name: await recovers(each) for each in processes}
        show(f"after the soak each serves, in seconds: {after_soak}")
        missing = {each.name: await lacking(each) for each in processes}
    finally:
        for client in (guesser, other, *processes):
            client.close()
    given_up = sum(guesses[status] for status in (_LOST, "502", "504")) / max(guesses.total(), 1)
    errors = {each for each in soaked if each.startswith("5")} - {"503"} | {"500"} & set(guesses)
    bars = {
        "the other tenant's logins": legitimate.failed < FAILURES_MAX,
        "every process serves after the bursts": None not in after_bursts.values(),
        "every process serves after the soak": None not in after_soak.values(),
        "no pool lacks a connection": not any(missing.values()),
        "no answer of the API is an error": not errors,
        "guesses that the balancers give up": given_up < FAILURES_MAX,
    }
    return {
        "guesses": guesses,
        "guesses_given_up": round(given_up, 4),
        "other_tenant": {
            "ended": legitimate.ended,
            "waited": legitimate.waited,
            "failed": round(legitimate.failed, 4),
        },
        "unanswered": {each.name: each.unanswered for each in (other, *processes)},
        "serves_after_bursts_in_seconds": after_bursts,
        "soak": soaked,
        "serves_after_soak_in_seconds": after_soak,
        "pools_that_lack_a_connection": missing,
        "bars": bars,
        "holds": all(bars.values()),
    }


def deploy(session: LocalSession, environment: str) -> BurstTarget:
    """Return the environment, deployed, with both tenants."""
    with (FOLDER / "deploy.log").open("w") as log, contextlib.redirect_stdout(log):
        commands.up(session, Namespace(environment=environment))
    tenants.load(writer(session, "entity-a"), (FLOODED, OTHER), users=0)
    entrance = entrance_of(session)
    region = session.state["regions"][0]
    found: list[Entrance] = []

    def served() -> bool:
        tasks = [each for each in session.status()["tasks"] if each["region"] == region]
        found[:] = [
            Entrance(host=each["address"], port=_PORT, domain=entrance.domain, authority=None)
            for each in tasks
            if each["state"] == "serving"
        ]
        found[:] = [each for each in found if asyncio.run(_knows_both(each))]
        return bool(found)

    wait_until(served, "both tenants at a process of the API", seconds=120, pause=1)
    return BurstTarget(entrance, tuple(found))


async def _knows_both(task: Entrance) -> bool:
    """Return whether it is a process of the API, which shows its pools, and knows the tenants."""
    client = DrillClient(task)
    try:
        if not await client.pools():
            return False
        replies = [await client.try_login(each.label, ADMINISTRATOR) for each in (FLOODED, OTHER)]
        return [_status(reply) for reply in replies] == ["200", "200"]
    finally:
        client.close()


def main() -> int:
    """Return 0 where every bar is held, 1 where one is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", default="dev")
    parser.add_argument("--bursts", type=int, default=20)
    parser.add_argument("--logins", type=int, default=500, help="of a burst")
    parser.add_argument("--requests", type=int, default=100_000, help="of the soak")
    given = parser.parse_args()
    refuse_real_credentials()
    session = LocalSession(folder=(FOLDER / "target").resolve(), port=free_port(), endpoint=None)
    session.end()  # what a drill before left
    shutil.rmtree(FOLDER, ignore_errors=True)
    session.folder.mkdir(parents=True)
    try:
        print(f"Deploying {given.environment}; {FOLDER / 'deploy.log'} has the steps ...")
        target = deploy(session, given.environment)
        found = asyncio.run(
            drill(target, bursts=given.bursts, logins=given.logins, requests=given.requests)
        )
    finally:
        session.end()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
