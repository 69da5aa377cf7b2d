"""One client of the load, in a process of its own: `python -m gameday.upgrade.client <plan file>`.

It logs in, asks after sessions, writes as an administrator and reads the audit log, each at its own
random moments, until SIGTERM. Nothing is tried twice, and nothing waits for another's answer. Each
attempt is a line of its file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gameday.upgrade import target as targets
from gameday.upgrade.arrivals import arrivals
from gameday.upgrade.attempts import FAILED, OK, REFUSED, Attempt
from gameday.upgrade.target import ADMINISTRATOR, PASSWORD, LoadedTenant, UpgradeTarget, login
from gameday.upgrade.tenants import account_id
from gameday.upgrade.wire import NoReplyError, Reply, Wire

_SESSIONS_KEPT = 2_000
_LOGGED_OUT = 0.25  # of the sessions, so that ends of sessions are among the events
_FLUSH_SECONDS = 0.5
READ_ONLY = "E0000010"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Arrivals a second of one client."""

    login: float
    check: float
    write: float
    audit: float


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """`number` of `clients`: no two of them write the same account."""

    number: int
    clients: int
    rates: Rates
    seed: str
    timeout_seconds: float
    file: str

    def to_json(self, target: UpgradeTarget) -> str:
        return json.dumps({"plan": asdict(self), "target": target.to_json()})


@dataclass(frozen=True)
class LoadSession:
    tenant: LoadedTenant
    token: str
    login: str


class LoadClient:
    def __init__(
        self, plan: LoadPlan, target: UpgradeTarget, wire: Wire, record: Callable[[Attempt], None]
    ) -> None:
        self._plan, self._target, self._wire, self._record = plan, target, wire, record
        self._chance = random.Random(f"{plan.seed} {plan.number}")
        self._sessions: deque[LoadSession] = deque(maxlen=_SESSIONS_KEPT)
        self._administrators: list[LoadSession] = []
        self._writes = 0

    async def begin(self) -> None:
        """Log in as each tenant's administrator. RuntimeError where that fails."""
        for tenant in self._target.tenants:
            session = await self._login(time.time(), tenant, ADMINISTRATOR)
            if session is None:
                raise RuntimeError(f"the administrator of {tenant.label} cannot log in")
            self._administrators.append(session)
            self._sessions.append(session)

    async def run(self, until: asyncio.Event) -> None:
        """Make attempts until the event; returns when the last one was answered."""
        began = time.time()
        requests: dict[str, Callable[[float], Awaitable[Any]]] = {
            "login": self._log_in,
            "check": self._check,
            "write": self._write,
            "audit": self._read_audit,
        }
        await asyncio.gather(
            *(self._arrive(kind, request, began, until) for kind, request in requests.items())
        )

    async def _arrive(
        self,
        kind: str,
        request: Callable[[float], Awaitable[Any]],
        began: float,
        until: asyncio.Event,
    ) -> None:
        under_way: set[asyncio.Task[Any]] = set()
        rate = getattr(self._plan.rates, kind)
        for at in arrivals(rate, seed=f"{self._plan.seed} {self._plan.number} {kind}"):
            due = began + at
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), max(0.0, due - time.time()))
            if until.is_set():
                break
            task = asyncio.ensure_future(request(due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    # --------------------------------------------------------------------------------- requests

    async def _log_in(self, due: float) -> None:
        tenant = self._chance.choice(self._target.tenants)
        number = self._chance.randrange(self._target.users)
        ends = self._chance.random() < _LOGGED_OUT
        session = await self._login(due, tenant, login(number))
        if session is None:
            return
        if ends:
            await self._try("logout", time.time(), session, "DELETE", "/api/v1/sessions/me", 204)
        else:
            self._sessions.append(session)

    async def _login(self, due: float, tenant: LoadedTenant, name: str) -> LoadSession | None:
        """Return the session, once it was shown and found valid."""
        nobody = LoadSession(tenant, "", name)
        body = {"username": name, "password": PASSWORD}
        reply = await self._try("login", due, nobody, "POST", "/api/v1/authn", 200, body)
        if reply is None:
            return None
        session = LoadSession(tenant, json.loads(reply.body)["sessionToken"], name)
        return session if await self._shown("verify", time.time(), session) else None

    async def _check(self, due: float) -> None:
        await self._shown("check", due, self._chance.choice(self._sessions))

    async def _shown(self, kind: str, due: float, session: LoadSession) -> bool:
        def is_its(reply: Reply) -> bool:
            return json.loads(reply.body)["login"] == session.login

        return bool(
            await self._try(kind, due, session, "GET", "/api/v1/sessions/me", 200, right=is_its)
        )

    async def _write(self, due: float) -> None:
        """A new account, and a new name for an account of before, by turns: each once."""
        admin = self._chance.choice(self._administrators)
        value = f"Name {uuid.uuid4()}"
        turn, self._writes = self._writes, self._writes + 1
        if turn % 2:
            body = {"login": f"new-{uuid.uuid4().hex}", "fullName": value}
            await self._try("write", due, admin, "POST", "/api/v1/users", 201, body, value=value)
            return
        number = self._target.users - 1 - (turn // 2 * self._plan.clients + self._plan.number)
        name = login(number % self._target.users)
        account = account_id(admin.tenant, name)
        await self._try(
            "write", due, admin, "PATCH", f"/api/v1/users/{account}", 200,
            {"fullName": value}, value=value,
        )  # fmt: skip

    async def _read_audit(self, due: float) -> None:
        admin = self._chance.choice(self._administrators)
        path = self._chance.choice(
            ("/api/v1/logs?event=login&limit=20", "/api/v1/reports/logins?by=outcome")
        )
        await self._try("audit", due, admin, "GET", path, 200)

    # ------------------------------------------------------------------------------------------

    async def _try(
        self,
        kind: str,
        due: float,
        session: LoadSession,
        method: str,
        path: str,
        wanted: int,
        body: dict[str, Any] | None = None,
        *,
        right: Callable[[Reply], bool] = lambda _: True,
        value: str = "",
    ) -> Reply | None:
        """One attempt and its line; the answer where it is the one that was asked for."""
        request_id = f"load-{uuid.uuid4().hex}"
        headers = {"X-Request-Id": request_id, "User-Agent": "gameday/1"}
        if session.token:
            headers["Authorization"] = f"Bearer {session.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        sent, reply, why = time.time(), None, ""
        try:
            reply = await self._wire.ask(
                session.tenant.label, method, path, headers=headers,
                body=b"" if body is None else json.dumps(body).encode(),
            )  # fmt: skip
            outcome, why = _judged(reply, wanted, right)
        except NoReplyError as error:
            outcome, why = FAILED, str(error)
        account = ""
        if value and reply is not None and outcome == OK:
            account = json.loads(reply.body)["id"]
        self._record(
            Attempt(
                kind=kind,
                id=request_id,
                tenant=session.tenant.label,
                due=due,
                late=round(sent - due, 4),
                took=round(time.time() - due, 4),
                outcome=outcome,
                status=reply.status if reply else 0,
                why=why,
                account=account,
                value=value,
            )
        )
        return reply if outcome == OK else None


def _judged(reply: Reply, wanted: int, right: Callable[[Reply], bool]) -> tuple[str, str]:
    """Outcome, and why where it is not the one that was asked for."""
    if reply.status == wanted:
        try:
            if right(reply):
                return OK, ""
        except (ValueError, KeyError, TypeError):
            pass
        return FAILED, f"another answer than asked for: {reply.body[:200]!r}"
    text = reply.body.decode(errors="replace")[:300]
    if reply.status == 503 and READ_ONLY in text:
        return REFUSED, text
    return FAILED, text


async def _serve(plan: LoadPlan, target: UpgradeTarget) -> None:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
    wire = Wire(target.entrance, seconds=plan.timeout_seconds)
    with Path(plan.file).open("a") as file:
        client = LoadClient(plan, target, wire, lambda attempt: print(attempt.to_json(), file=file))

        async def flush() -> None:
            while True:
                await asyncio.sleep(_FLUSH_SECONDS)
                file.flush()

        flushing = asyncio.ensure_future(flush())
        await client.begin()
        await client.run(until)
        flushing.cancel()
    wire.close()


def main() -> int:
    settings = json.loads(Path(sys.argv[1]).read_text())
    plan = LoadPlan(**{**settings["plan"], "rates": Rates(**settings["plan"]["rates"])})
    asyncio.run(_serve(plan, targets.from_json(settings["target"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
