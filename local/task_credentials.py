"""The credentials of tasks, at an address that only their containers know, as an ECS agent has it.

ECS Developer Guide, "Task IAM role": a container's SDK asks AWS_CONTAINER_CREDENTIALS_FULL_URI,
with its own token, again and again as the keys expire.
"""

from __future__ import annotations

import json
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.target import LocalTarget


class NoCredentialsError(RuntimeError):
    """The task has no credentials, and does not start: IAM refuses, in AWS's words, or is away."""


class TaskCredentials:
    """Answers on a port of its own, on a thread of its own, as long as the process lives."""

    def __init__(self, target: LocalTarget) -> None:
        self._target = target
        self._tasks: dict[str, str] = {}  # token -> the task's ARN
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = keeper._answer(self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Every container asks again and again; its own log says what went wrong."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def variables(self, task: str) -> dict[str, str]:
        """Return what makes a process act by the role of the task with this ARN.

        The account's own keys where another endpoint than ours keeps no sessions; no keys for a
        task without a role. Raises NoCredentialsError where the task may not start.
        """
        account = self._target.variables(task.split(":")[3])
        given = self._ask(task)
        if given is None:
            return account
        own = {name: value for name, value in account.items() if name not in _KEYS}
        if not given:
            return own
        token = next((t for t, arn in self._tasks.items() if arn == task), secrets.token_hex(16))
        self._tasks = {**self._tasks, token: task}
        host, port = self._server.server_address[:2]
        return {
            **own,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host!s}:{port}/",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    def forget(self, task: str) -> None:
        """Answer no container of the task any more."""
        self._tasks = {token: arn for token, arn in self._tasks.items() if arn != task}

    def _answer(self, token: str) -> tuple[int, bytes]:
        if token not in self._tasks:
            return 403, b'{"message": "the token is of no task"}'
        try:
            return 200, json.dumps(self._ask(self._tasks[token])).encode()
        except NoCredentialsError as error:
            return 500, json.dumps({"message": str(error)}).encode()

    def _ask(self, task: str) -> dict[str, Any] | None:
        """Return the session; empty without a role, None where the endpoint knows no such path."""
        url = f"{self._target.endpoint}/_local/task?{urllib.parse.urlencode({'arn': task})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise NoCredentialsError(error.read().decode(errors="replace")) from None
        except OSError as error:
            raise NoCredentialsError(f"{url}: {error}") from None


_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
