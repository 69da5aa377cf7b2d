"""One client's connection to a listener: each request meets a rule and is answered."""

from __future__ import annotations

import asyncio
from typing import Any

from local.emulator.extension.load_balancer import answers, forwarding, rules, state
from local.emulator.extension.load_balancer.exchange import Peer, UnansweredError, Way, exchange
from local.emulator.extension.load_balancer.health import Checks
from local.emulator.extension.load_balancer.message import (
    Body,
    Head,
    MessageError,
    read_head,
    request_body,
)
from local.emulator.extension.load_balancer.metrics import Count
from local.emulator.extension.load_balancer.targets import (
    TargetConnections,
    choose_group,
    choose_target,
)

_CLIENT_IDLE_SECONDS = 60


class Client:
    """A connection that a client opened to the listener `arn`."""

    def __init__(
        self, arn: str, peer: Peer, checks: Checks, connections: TargetConnections
    ) -> None:
        self._arn = arn
        self._peer = peer
        self._checks, self._connections = checks, connections
        self._address = peer.writer.get_extra_info("peername")[0]

    async def serve(self) -> None:
        """Answer request after request until one side has enough."""
        try:
            while await self._next():
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away, or was silent for too long
        finally:
            self._peer.writer.close()

    async def _next(self) -> bool:
        try:
            async with asyncio.timeout(_CLIENT_IDLE_SECONDS):
                request = await read_head(self._peer.reader)
            if request is None:
                return False
            body = request_body(request)
            if request.get(b"host") is None and request.first[2] == b"HTTP/1.1":
                raise MessageError("a request should name its host")
        except MessageError:
            await self._send(answers.failure(400))
            return False
        found = state.listeners().get(self._arn)
        if found is None:
            return False
        if (request.get(b"expect") or b"").lower() == b"100-continue":
            await self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        closes = (request.get(b"connection") or b"").lower() == b"close"
        last = closes or request.first[2] != b"HTTP/1.1"
        return await self._answer(request, body, *found, last=last) and not last

    async def _answer(
        self,
        request: Head,
        body: Body,
        place: state.AccountRegion,
        listener: dict[str, Any],
        *,
        last: bool,
    ) -> bool:
        """Return whether the connection may carry another request.

        `last` is whether the client wants none, which the answer has to say (RFC 9112, 9.6).
        """
        asked = state.rules(place, self._arn)
        rule = next((r for r in asked if rules.meets(r, request, self._address)), None)
        if rule is None:
            await self._send(answers.failure(503))
            return False
        action = max(rule["Actions"], key=lambda a: int(a.get("Order", 1)))
        if action["Type"] == "forward":
            return await self._forward(action, request, body, place, listener, last=last)
        if action["Type"] == "fixed-response":
            await self._send(answers.fixed(action, last=last or not body.empty))
        elif action["Type"] == "redirect":
            await self._send(
                answers.redirect(action, request, listener, last=last or not body.empty)
            )
        else:  # authentication: refused, never let through
            await self._send(answers.failure(501))
            return False
        return body.empty

    async def _forward(
        self,
        action: dict[str, Any],
        request: Head,
        body: Body,
        place: state.AccountRegion,
        listener: dict[str, Any],
        *,
        last: bool,
    ) -> bool:
        arn = choose_group(action)
        group = state.target_group(place, arn) if arn else None
        target = choose_target(place, group, self._checks) if group else None
        if group is None or target is None:
            await self._send(answers.failure(503))
            return False
        balancer = listener["LoadBalancerArn"]
        idle = state.balancer_attribute(place, balancer, "idle_timeout.timeout_seconds", "60")
        way = Way(target, secure=group["Protocol"] == "HTTPS", seconds=float(idle))
        head = forwarding.prepare(request, place, listener, self._address)
        count = Count(place, balancer, target.group)
        try:
            return await exchange(self._peer, way, head, body, self._connections, count, last=last)
        except UnansweredError as problem:
            count.failed(problem.status)
            await self._send(answers.failure(problem.status))
            return False

    async def _send(self, data: bytes) -> None:
        self._peer.writer.write(data)
        await self._peer.writer.drain()
