"""Chooses the target of a request, and keeps connections to targets for the next one."""

from __future__ import annotations

import asyncio
import random
from typing import Any, NamedTuple

from local.emulator.extension.load_balancer import state
from local.emulator.extension.load_balancer.health import (
    Checks,
    RegisteredTarget,
    target_of,
    unchecked,
)
from local.emulator.extension.load_balancer.message import HEAD_LIMIT

CONNECT_SECONDS = 10  # an ALB's connection timeout to a target
_IDLE_PER_TARGET = 16


class TargetConnection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    fresh: bool


def choose_group(action: dict[str, Any]) -> str | None:
    """Return a forward's target group, by weight; None where no group has any."""
    groups = state.forwards(action)
    weights = [int(group.get("Weight", 1)) for group in groups]
    if not any(weights):
        return None
    return random.choices(groups, weights)[0]["TargetGroupArn"]


def choose_target(
    place: state.AccountRegion, group: dict[str, Any], checks: Checks
) -> RegisteredTarget | None:
    """One of the healthy targets; where none is, any of them, as an ALB fails open."""
    registered = [
        target_of(group, entry) for entry in state.targets(place, group["TargetGroupArn"])
    ]
    healthy = [target for target in registered if checks.of(target).healthy]
    return random.choice(healthy or registered) if registered else None


class TargetConnections:
    """Idle connections to targets. A target that closes one is noticed when it is taken."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int, bool], list[TargetConnection]] = {}

    async def take(
        self, target: RegisteredTarget, *, secure: bool, fresh: bool = False
    ) -> TargetConnection:
        """Raises OSError where the target does not take connections, TimeoutError where it is
        silent for CONNECT_SECONDS."""
        waiting = self._idle.get((target.address, target.port, secure), [])
        while waiting and not fresh:
            connection = waiting.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection._replace(fresh=False)
            connection.writer.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                target.address,
                target.port,
                ssl=unchecked if secure else None,
                limit=HEAD_LIMIT,
            )
        return TargetConnection(reader, writer, fresh=True)

    def give(self, target: RegisteredTarget, connection: TargetConnection, *, secure: bool) -> None:
        """Keep a connection whose last answer ended."""
        idle = self._idle.setdefault((target.address, target.port, secure), [])
        if len(idle) < _IDLE_PER_TARGET:
            idle.append(connection)
        else:
            connection.writer.close()
