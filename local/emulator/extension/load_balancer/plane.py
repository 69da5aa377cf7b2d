"""The data plane: a thread with its own event loop, a socket per listener, checks of targets."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from local.emulator.extension.load_balancer import certificates, state
from local.emulator.extension.load_balancer.exchange import Peer
from local.emulator.extension.load_balancer.health import Checks
from local.emulator.extension.load_balancer.message import HEAD_LIMIT
from local.emulator.extension.load_balancer.proxy import Client
from local.emulator.extension.load_balancer.targets import TargetConnections

_FOLLOW_SECONDS = 0.1
_log = logging.getLogger("load balancers")

# What a socket depends on; a change of anything else holds for the next request by itself.
_Shape = tuple[str, tuple[str, ...]]


class Plane:
    """Keeps sockets equal to the emulator's listeners, level-triggered."""

    def __init__(self) -> None:
        self.checks = Checks()
        self._connections = TargetConnections()
        self._servers: dict[str, tuple[_Shape, asyncio.Server]] = {}
        self._ports: dict[str, int] = {}
        self._turn = threading.Condition()
        self._turns = 0

    def start(self) -> None:
        certificates.prepare()
        threading.Thread(target=self._run, name="load-balancers", daemon=True).start()

    def port(self, listener: str) -> int | None:
        """Return where a listener is reached on 127.0.0.1; waits for one that was just made."""
        with self._turn:
            if listener not in self._ports:
                seen = self._turns
                self._turn.wait_for(lambda: self._turns >= seen + 2, timeout=10)
            return self._ports.get(listener)

    def _run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        while True:
            try:
                await self._sockets()
                self.checks.follow()
            except Exception:
                _log.exception("the load balancers could not follow")  # the next turn tries again
            with self._turn:
                self._turns += 1
                self._turn.notify_all()
            await asyncio.sleep(_FOLLOW_SECONDS)

    async def _sockets(self) -> None:
        wanted = {arn: _shape(record) for arn, (_, record) in state.listeners().items()}
        for arn in self._servers.keys() - wanted.keys():
            self._servers.pop(arn)[1].close()
            self._ports.pop(arn)
        for arn, shape in wanted.items():
            known = self._servers.get(arn)
            if known is None or known[0] != shape:
                await self._open(arn, shape)

    async def _open(self, arn: str, shape: _Shape) -> None:
        known = self._servers.pop(arn, None)
        if known is not None:
            known[1].close()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await Client(arn, Peer(reader, writer), self.checks, self._connections).serve()

        protocol, arns = shape
        secure = certificates.context(list(arns)) if protocol == "HTTPS" else None
        server = await asyncio.start_server(
            serve,
            "127.0.0.1",
            self._ports.get(arn, 0),
            ssl=secure,
            limit=HEAD_LIMIT,
            # The standard library's 100 let connections of a burst wait until they timed out.
            backlog=4_096,
        )
        self._servers[arn] = (shape, server)
        self._ports[arn] = server.sockets[0].getsockname()[1]


def _shape(listener: dict[str, Any]) -> _Shape:
    return str(listener["Protocol"]), tuple(listener.get("Certificates") or ())
