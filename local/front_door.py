"""The public load balancer of the primary Region, asked as a client of this machine asks it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from local import first_tenant
from local.session import LocalSession
from local.waiting import NotInTimeError, last_lines, wait_until

# From the end of the deploy to the first answer through everything.
SERVING_SECONDS = 90

CREDENTIALS = json.dumps({"username": first_tenant.LOGIN, "password": first_tenant.PASSWORD})


class NotServedError(RuntimeError):
    """Nothing answers as it should; the message holds where to look."""


def wait_until_it_serves(session: LocalSession) -> dict[str, Any]:
    """Wait until GET /health/login is answered with 200, as Route 53 asks it; return the listener.

    Raises NotServedError after SERVING_SECONDS, and at once where what runs the tasks has ended.
    """
    found: list[dict[str, Any]] = []

    def answers() -> bool:
        if session.ecs_agent_pid is None:
            log = session.folder / "ecs_agent.log"
            raise NotServedError(
                f"the ECS agent has ended, and no task runs: {log}\n{last_lines(log)}"
            )
        listeners = session.status().get("listeners", ())
        found[:] = [one for one in listeners if one["public"] and _is_https(one)][:1]
        return bool(found) and _ask(session, found[0], "GET", "/health/login")[0] == 200

    try:
        wait_until(answers, "an answer of the service", seconds=SERVING_SECONDS, pause=0.25)
    except NotInTimeError as error:
        problems = [t["problem"] for t in session.status().get("tasks", ()) if t["problem"]]
        raise NotServedError("\n".join([f"{error}: {_where(session)}", *problems])) from None
    return found[0]


def login(session: LocalSession, listener: dict[str, Any]) -> None:
    """Log in as the first tenant's user. Raises NotServedError unless that begins a session."""
    status, body = _ask(session, listener, "POST", "/api/v1/authn", CREDENTIALS)
    if status != 200 or "sessionToken" not in json.loads(body):
        raise NotServedError(
            f"the login of {first_tenant.LOGIN} was answered with {status}: {body.decode()}\n"
            f"{_where(session)}"
        )


def _where(session: LocalSession) -> str:
    return f"`make local-status` shows what runs, {session.folder / 'logs'} what it prints"


def _is_https(listener: dict[str, Any]) -> bool:
    return (listener["url"] or "").startswith("https://")


def _ask(
    session: LocalSession, listener: dict[str, Any], method: str, path: str, body: str | None = None
) -> tuple[int, bytes]:
    """Return status and body of an answer; status 0 where there is none."""
    host = urlsplit(listener["url"]).hostname or ""
    address, _, port = listener["address"].rpartition(":")
    headers = {"Host": host, "Content-Type": "application/json"}
    try:
        context = ssl.create_default_context(cafile=str(session.authority))
        connection = http.client.HTTPSConnection(address, int(port), timeout=10)
        plain = socket.create_connection((address, int(port)), timeout=10)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        connection.request(method, path, body=body, headers=headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
