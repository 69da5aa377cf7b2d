"""What goes wrong on purpose: which call, how often, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from doubles.ebs_direct.http import Response, ServiceError

Damage = Literal["flip", "short", "length"]


class ConnectionLost(Exception):  # noqa: N818 (an event, as the caller sees it)
    """The connection ends with `sent` bytes of the answer on the wire."""

    def __init__(self, answer: Response | None = None, sent: int = 0) -> None:
        super().__init__("connection lost")
        self.answer, self.sent = answer, sent


class Stalled(Exception):  # noqa: N818 (an event, as the caller sees it)
    """No answer comes; the caller's own time limit must end the wait."""


@dataclass(kw_only=True)
class Fault:
    """One fault on the calls that it matches; `times` of them, or all if None."""

    operation: str  # GetSnapshotBlock, PutObject ...
    target: str = ""  # a part of the path, such as "/blocks/7"; empty for every path
    times: int | None = 1
    error: ServiceError | None = None  # answered instead of the call
    damage: Damage | None = None  # the call's answer, changed
    reset: bool = False  # in the middle of the answer
    lose_answer: bool = False  # the call is done, the answer never arrives
    stall: bool = False  # no answer at all
    skip: int = 0  # matching calls that pass before the first fault
    before: Callable[[], None] | None = None  # something that happens just then

    def takes(self, operation: str, path: str) -> bool:
        """Return whether this call is one of them, and count it."""
        if operation != self.operation or not path.endswith(self.target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0

    def apply(self, perform: Callable[[], Response]) -> Response:
        """Return the answer to the call, with this fault in it."""
        if self.before is not None:
            self.before()
            if self.error is None and not self.stall and self.damage is None and not self.reset:
                return perform()
        if self.error is not None:
            raise self.error
        if self.stall:
            raise Stalled
        answer = perform()
        if self.lose_answer:
            raise ConnectionLost
        if self.reset:
            raise ConnectionLost(answer, len(answer.body) // 2)
        return _damaged(answer, self.damage)


def _damaged(answer: Response, damage: Damage | None) -> Response:
    body, headers = answer.body, answer.headers
    if damage == "flip":
        middle = len(body) // 2
        body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
    elif damage == "short":  # a consistent answer of fewer bytes
        body = body[: len(body) // 2]
    elif damage == "length":
        headers = {**headers, "x-amz-data-length": "4096"}
    return Response(status=answer.status, headers=headers, body=body)


class Quota:
    """A token bucket: calls above it are throttled, as EBS does per snapshot."""

    def __init__(self, per_second: float, clock: Callable[[], float], burst: float = 10) -> None:
        self.per_second, self._clock, self._burst = per_second, clock, burst
        self._tokens, self._at = burst, clock()
        self.taken = self.throttled = 0
        self.first = self.last = 0.0  # when calls were let pass

    def take(self) -> None:
        """One call. Raises ServiceError when the bucket is empty."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
        if self._tokens < 1:
            self.throttled += 1
            raise ServiceError(400, "RequestThrottledException", "rate", "RESOURCE_LEVEL_THROTTLE")
        self._tokens -= 1
        self.first = now if not self.taken else self.first
        self.last = now
        self.taken += 1
