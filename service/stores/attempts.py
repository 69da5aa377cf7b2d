"""Failed logins, counted in the session table of each Region, and where a login succeeded before.

    pk                                        sk                   attributes
    limit#<tenant>#pair#<hash>                <Region>             f<window>, known, expires
    limit#<tenant>#client#<hash>              <Region>#<window>    count, expires
    limit#<tenant>#login#<hash>               <Region>#<day>       count, expires

A pair is a login and an address. What others guess at a login never refuses an address from which
its owner has logged in; a Region counts by itself: of a count that two write at once one is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.aws import Aws
from service.stores.entity import Tenant
from service.stores.session import hash_of

# Failures of one pair and of one address in a window, and of one login in a day. NIST SP 800-63B
# allows 100 in a row at one account.
WINDOW_SECONDS, DAY_SECONDS = 300, 86_400
PER_PAIR, PER_CLIENT, PER_LOGIN = 10, 100, 100
# How long an address is known, and how long before its end it is made known anew.
_KNOWN_SECONDS, _RENEWED_SECONDS = 30 * DAY_SECONDS, 29 * DAY_SECONDS


@dataclass(frozen=True)
class LoginAttempts:
    """What has been tried so far; `known_until` is in seconds since 1970, 0 for never."""

    pair: int
    client: int
    login: int
    known_until: int
    now: int

    @property
    def is_limited(self) -> bool:
        """Return whether another attempt is refused."""
        if self.pair >= PER_PAIR:
            return True
        is_known = self.now < self.known_until
        return not is_known and (self.client >= PER_CLIENT or self.login >= PER_LOGIN)

    @property
    def should_be_known(self) -> bool:
        """Return whether a login that succeeds should make its address known for longer."""
        return self.known_until - self.now < _RENEWED_SECONDS


class AttemptStore:
    """`now` is the clock of windows, in seconds since 1970."""

    def __init__(self, aws: Aws, table: str, *, region: str, now: Callable[[], float]) -> None:
        self._aws = aws
        self._table = table
        self._region = region
        self._now = now

    async def find(self, tenant: Tenant, login: str, client: str) -> LoginAttempts:
        """Return what has been tried at this login and from this address."""
        keys = self._keys(tenant, login, client)
        pair, by_client, by_login = await asyncio.gather(
            *(
                self._aws.call(
                    self._aws.dynamodb.get_item,
                    TableName=self._table,
                    Key=key,
                    ConsistentRead=True,
                )
                for key in keys
            )
        )
        return LoginAttempts(
            pair=_number(pair, self._window_name()),
            client=_number(by_client, "count"),
            login=_number(by_login, "count"),
            known_until=_number(pair, "known"),
            now=int(self._now()),
        )

    async def count_failure(self, tenant: Tenant, login: str, client: str) -> None:
        """Count one failed attempt."""
        pair, by_client, by_login = self._keys(tenant, login, client)
        now = int(self._now())
        last = self._window_name(-1)
        await asyncio.gather(
            self._add(pair, self._window_name(), now + _KNOWN_SECONDS, remove=last),
            self._add(by_client, "count", now + 2 * WINDOW_SECONDS),
            self._add(by_login, "count", now + 2 * DAY_SECONDS),
        )

    async def make_known(self, tenant: Tenant, login: str, client: str) -> None:
        """Record that the login's owner uses this address."""
        until = {"N": str(int(self._now()) + _KNOWN_SECONDS)}
        await self._aws.call(
            self._aws.dynamodb.update_item,
            TableName=self._table,
            Key=self._keys(tenant, login, client)[0],
            UpdateExpression="SET known = :until, expires = :until",
            ExpressionAttributeValues={":until": until},
        )

    async def _add(
        self, key: dict[str, Any], name: str, expires: int, *, remove: str | None = None
    ) -> None:
        names = {"#count": name} | ({"#last": remove} if remove else {})
        await self._aws.call(
            self._aws.dynamodb.update_item,
            TableName=self._table,
            Key=key,
            UpdateExpression="ADD #count :one SET expires = :expires"
            + (" REMOVE #last" if remove else ""),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires": {"N": str(expires)}},
        )

    def _keys(self, tenant: Tenant, login: str, client: str) -> list[dict[str, Any]]:
        now = int(self._now())
        found = (
            ("pair", f"{login}\0{client}", self._region),
            ("client", client, f"{self._region}#{now // WINDOW_SECONDS}"),
            ("login", login, f"{self._region}#{now // DAY_SECONDS}"),
        )
        return [
            {"pk": {"S": f"limit#{tenant.id}#{kind}#{hash_of(value)}"}, "sk": {"S": sort}}
            for kind, value, sort in found
        ]

    def _window_name(self, by: int = 0) -> str:
        return f"f{int(self._now()) // WINDOW_SECONDS + by}"


def _number(answer: dict[str, Any], name: str) -> int:
    return int(answer.get("Item", {}).get(name, {"N": "0"})["N"])
