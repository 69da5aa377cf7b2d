"""Block tokens live seven days and name one block; page tokens live an hour, for one listing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from doubles.ebs_direct.http import ServiceError

BLOCK_TOKEN_LIFE = timedelta(days=7)
PAGE_TOKEN_LIFE = timedelta(minutes=60)


class Tokens:
    """Made and checked by one clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def block(self, snapshot_id: str, index: int) -> str:
        return _sealed([snapshot_id, index, (self._clock() + BLOCK_TOKEN_LIFE).timestamp()])

    def check_block(self, token: str, snapshot_id: str, index: int) -> None:
        """Raise ServiceError unless the token is of this block and still alive."""
        found = _opened(token)
        if found is None or found[:2] != [snapshot_id, index]:
            raise ServiceError(400, "ValidationException", "block token", "INVALID_BLOCK_TOKEN")
        if found[2] < self._clock().timestamp():
            raise ServiceError(400, "ValidationException", "block token", "INVALID_BLOCK_TOKEN")

    def page(self, subject: str, start: int, *, answered_empty: bool) -> str:
        expiry = (self._clock() + PAGE_TOKEN_LIFE).timestamp()
        return _sealed([subject, start, answered_empty, expiry])

    def read_page(self, token: str, subject: str) -> tuple[int, bool]:
        """Return where the page begins, and whether the one before was answered empty."""
        found = _opened(token)
        if found is None or found[0] != subject or found[3] < self._clock().timestamp():
            raise ServiceError(400, "ValidationException", "page token", "INVALID_PAGE_TOKEN")
        return int(found[1]), bool(found[2])


def _sealed(content: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _opened(token: str) -> list[Any] | None:
    try:
        return json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        return None
