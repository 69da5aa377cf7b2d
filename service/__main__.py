"""`python -m service`: the API on PORT, until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from service.api.application import application
from service.log import log
from service.runtime import WRONG, Runtime
from service.sessions import REMEMBERED_SECONDS
from service.settings import ApiSettings, SettingsError, api_settings

_BACKLOG = 1_024
# What a stop does after the last request: send audit events, close connections.
_AFTER_SECONDS = 10


class ApiServer(uvicorn.Server):
    """Ends with 0 at a signal, where uvicorn would raise the signal anew."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.leave)
        yield

    def leave(self) -> None:
        log("stopping")
        self.should_exit = True


def configuration(app: ASGIApp, *, longest_seconds: int) -> uvicorn.Config:
    """How an application is served: parser and loop in C, no log of its own."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # The load balancer must never find a connection closed under it: it keeps it this long.
        timeout_keep_alive=longest_seconds + 5,
        timeout_graceful_shutdown=longest_seconds,
    )


def main() -> int:
    """Serve; the exit code is docs/service-contract.md's."""
    try:
        settings = api_settings(os.environ)
    except SettingsError as error:
        log("not started", reason=str(error))
        return WRONG
    return serve(settings)


def serve(settings: ApiSettings, *, remembered_seconds: float = REMEMBERED_SECONDS) -> int:
    """Serve these settings until a signal; the exit code is docs/service-contract.md's.

    A session that was found valid is remembered for `remembered_seconds`, 0 for never.
    """

    def give_up(reason: str) -> None:
        log("not serving", reason=reason)
        server.should_exit = True

    runtime = Runtime(settings, give_up=give_up, remembered_seconds=remembered_seconds)
    longest = settings.longest_request_seconds
    server = ApiServer(configuration(application(runtime), longest_seconds=longest))
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    log("listening", port=listener.getsockname()[1], build=settings.build)
    server.run(sockets=[listener])
    return runtime.exit_code


if __name__ == "__main__":
    sys.exit(main())
