"""Logs in as the canary, on the old half and on the new in turn, and compares how they end.

A login is whole when its session holds: it is begun, shown and ended. The halves are compared by
the same test as users' answers (functions.sequential_test), which needs no users.

Variables: those of service.operations.half_client, and

TEST_HALF      the half with the new code; OLD_HALF the other one
LOGINS_UNTIL   when the bake is over, as ISO 8601
"""

from __future__ import annotations

import http.client
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

from functions.sequential_test import limit, strength
from service.devices import cookie_name, is_stamped
from service.operations.canary import LABEL, LOGIN
from service.operations.half_client import HalfAnswer, HalfClient
from service.operations.node import DeclinedError

# Of each half, at least. 12 failures of the new half alone are too many: 40 logins show a release
# of whose logins half fail in 996 of 1,000 times, and the 240 of a bake of four minutes one of
# which a tenth fail. Of 15, for which writers wait, all have to fail.
LEAST_AT_A_TENTH, LEAST_AT_ALL = 40, 15
_PAUSE_SECONDS = 1.0  # at most, from one pair to the next
_SLOWER, _SLOW_SECONDS = 3.0, 0.5
_STAMP_BITS_MAX = 26
_ME = "/api/v1/sessions/me"
_FAILED = (OSError, http.client.HTTPException)


@dataclass(frozen=True, kw_only=True)
class CanaryLogin:
    """One login: `wrong` is empty where it succeeded, or what was answered."""

    wrong: str
    seconds: float


class CanaryClient:
    """The canary as a user's client: it keeps its device's cookie, and works for a stamp."""

    def __init__(
        self,
        variables: Mapping[str, str],
        password: str,
        *,
        half: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = HalfClient(variables, half=half, label=LABEL)
        self._password, self._clock, self._device = password, clock, ""

    def log_in(self) -> CanaryLogin:
        """Log in, show the session, and end it."""
        started = self._clock()
        try:
            answer = self._begin({})
            if bits := _wanted_bits(answer):
                answer = self._begin({"stamp": stamp_of((LABEL, LOGIN, self._password), bits)})
            seconds = self._clock() - started
            return CanaryLogin(wrong=self._end(answer), seconds=seconds)
        except _FAILED as error:
            return CanaryLogin(wrong=f"no answer, {error!r}", seconds=self._clock() - started)

    def _begin(self, more: Mapping[str, str]) -> HalfAnswer:
        answer = self._client.ask(
            "POST",
            "/api/v1/authn",
            {"username": LOGIN, "password": self._password, **more},
            {"Cookie": self._device} if self._device else {},
        )
        name = cookie_name(LOGIN)
        for cookie in answer.cookies:
            if cookie.startswith(f"{name}="):
                self._device = cookie.partition(";")[0]
        return answer

    def _end(self, answer: HalfAnswer) -> str:
        """Return what is wrong with a login's answer or with its session, which is ended."""
        token = answer.body.get("sessionToken")
        if answer.status != 200 or not isinstance(token, str):
            return f"login {answer.status} {answer.body.get('errorCode', '')}".strip()
        bearer = {"Authorization": f"Bearer {token}"}
        shown = self._client.ask("GET", _ME, headers=bearer)
        if shown.status != 200 or shown.body.get("login") != LOGIN:
            return f"session {shown.status}"
        ended = self._client.ask("DELETE", _ME, headers=bearer)
        return "" if ended.status == 204 else f"logout {ended.status}"


@dataclass(kw_only=True)
class _Half:
    """Counts what a half has answered so far."""

    client: CanaryClient
    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return len(self.seconds)

    def try_one(self) -> None:
        login = self.client.log_in()
        self.seconds.append(login.seconds)
        if login.wrong:
            self.failed.append(login.wrong)

    def shown(self) -> str:
        last = f", the last {self.failed[-1]}" if self.failed else ""
        return f"{len(self.failed)} of {self.tried}{last}"


def at_a_tenth(variables: Mapping[str, str], password: str) -> dict[str, Any]:
    """Compare the halves, each by its own test rule, until the bake is over."""
    until = datetime.fromisoformat(variables["LOGINS_UNTIL"])
    old, new = (
        CanaryClient(variables, password, half=variables[name])
        for name in ("OLD_HALF", "TEST_HALF")
    )
    return compare(old, new, least=LEAST_AT_A_TENTH, until=until)


def at_all(variables: Mapping[str, str], password: str) -> dict[str, Any]:
    """Compare the old half with what users get, whose weights give all to the new."""
    old = CanaryClient(variables, password, half=variables["OLD_HALF"])
    new = CanaryClient(variables, password, half=None)
    return compare(old, new, least=LEAST_AT_ALL, until=datetime.now(UTC))


def compare(
    old: CanaryClient,
    new: CanaryClient,
    *,
    least: int,
    until: datetime,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Log in on both until then, and `least` times at least; return what was counted.

    Raises DeclinedError where the new half fails more often than the old, or is slow; and where
    the old one fails as well, for then this shows nothing.
    """
    halves = of_old, of_new = _Half(client=old), _Half(client=new)
    for done in itertools.count(1):
        for half in halves:
            half.try_one()
        failures = len(of_old.failed) + len(of_new.failed)
        if strength(failures=failures, of_new=len(of_new.failed), share=0.5) >= limit():
            raise DeclinedError(
                f"logins fail on the new code: {of_new.shown()}; on the old {of_old.shown()}"
            )
        left = (until - now()).total_seconds()
        if done >= least and left <= 0:
            break
        if left > 0:
            pause(min(_PAUSE_SECONDS, left / max(1, least - done)))
    if len(of_old.failed) > of_old.tried / 2:
        raise DeclinedError(
            f"the canary cannot log in on the old code either, {of_old.shown()}: "
            "`mainstay database canary` sets its password"
        )
    slow, fast = median(of_new.seconds), median(of_old.seconds)
    if slow > _SLOW_SECONDS and slow > _SLOWER * fast:
        raise DeclinedError(
            f"logins are slow on the new code: {slow:.3f} s, and {fast:.3f} s on the old (medians)"
        )
    return {
        "tried": of_new.tried,
        "failed": {"old": len(of_old.failed), "new": len(of_new.failed)},
        "median_seconds": {"old": round(fast, 3), "new": round(slow, 3)},
    }


def stamp_of(texts: tuple[str, ...], bits: int) -> str:
    """Return a stamp that was worked for, for these texts (service.devices.is_stamped)."""
    since = int(time.time())
    return next(
        stamp
        for number in itertools.count()
        for stamp in (f"{since}:{number}",)
        if is_stamped(stamp, texts, bits=bits, now=since)
    )


def _wanted_bits(answer: HalfAnswer) -> int:
    """Return the bits of a stamp that is asked for; 0 where none is, or more than is sensible."""
    if answer.status != 429:
        return 0
    words = str(answer.body.get("errorCauses", "")).partition("should have ")[2].split()
    bits = int(words[0]) if words and words[0].isdecimal() else 0
    return bits if bits <= _STAMP_BITS_MAX else 0
