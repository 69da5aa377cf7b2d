"""Failed logins, counted in the session table of each Region.

    pk                                  sk          attributes
    limit#<tenant>#device#<hash>        <Region>    f<window>, row, expires
    limit#<tenant>#client#<hash>        <Region>    f<window>, row, expires
    limit#<tenant>#login#<hash>         <Region>    f<window>, row, expires
    limit#<tenant>#tenant#<hash>        <Region>    f<window>, row, expires

`f<window>` counts the failures of a window of time, `row` those in a row, which a login that
succeeds ends. A device is a known one, or a network, and is counted at each login by itself. A
login is counted with its password's hash, so that a new password begins anew. A Region counts by
itself: of a count that two write at once one would be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from service.aws import Aws
from service.databases import UnavailableError
from service.stores.entity import Tenant
from service.stores.session import hash_of

WINDOW_SECONDS, _DAY_SECONDS = 300, 86_400
# How long a row of failures is remembered after the last one.
_KEPT_SECONDS = 30 * _DAY_SECONDS
# NIST SP 800-63B allows 100 consecutive failures, and there are two Regions. They are counted by
# device: were they counted by account, anybody could lock its owner out.
ROW_MAX = 50
# What the first failures too many cost, in bits of a stamp; a bit more for each doubling of them.
_BITS, _BITS_MAX = 18, 26


@dataclass(frozen=True)
class FailureCounter:
    """One thing that failures are counted by: `most` in `seconds` cost nothing."""

    kind: str
    value: str
    most: int
    seconds: int = WINDOW_SECONDS


def counters(
    login: str, stored: str | None, client: str, device: str | None
) -> list[FailureCounter]:
    """Return what an attempt counts by: its device first, then its network, login and tenant."""
    network = network_of(client)
    return [
        FailureCounter("device", f"{login}\0{stored}\0{device or network}", 10),
        FailureCounter("client", network, 100),
        FailureCounter("login", f"{login}\0{stored}", 10, _DAY_SECONDS),
        FailureCounter("tenant", "", 1_000),
    ]


def network_of(client: str) -> str:
    """Return what one client may have all addresses of: 64 bits of IPv6, else the address."""
    try:
        address = IPv6Address(client)
    except ValueError:
        return client
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))


@dataclass(frozen=True)
class LoginAttempts:
    """Failures are counted so far in each counter's window and in a row, in the counters' order."""

    counters: Sequence[FailureCounter]
    found: Sequence[tuple[int, int]]

    @property
    def device_row(self) -> int:
        """Return how often the device failed at the login since it last succeeded there."""
        return self.found[0][1]

    def bits(self, *, is_known: bool) -> int:
        """Return the work that another attempt costs, 0 for none.

        What others fail at costs a known device nothing.
        """
        pairs = list(zip(self.counters, self.found, strict=True))[: 1 if is_known else None]
        strain = max(window // counter.most for counter, (window, _) in pairs)
        return strain and min(_BITS - 1 + strain.bit_length(), _BITS_MAX)


class AttemptStore:
    """`now` is the clock of windows, in seconds since 1970."""

    def __init__(self, aws: Aws, table: str, *, region: str, now: Callable[[], float]) -> None:
        self._aws = aws
        self._table = table
        self._region = region
        self.now = now

    async def find(self, tenant: Tenant, by: Sequence[FailureCounter]) -> LoginAttempts:
        """Return what has failed by these; UnavailableError where the store does not say all."""
        keys = [self._key(tenant, each) for each in by]
        answer = await self._aws.dynamodb(
            "BatchGetItem",
            RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}},
        )
        if answer.get("UnprocessedKeys"):
            raise UnavailableError("the session store is too busy")
        items = {item["pk"]["S"]: item for item in answer["Responses"][self._table]}
        found = [
            (_number(item, self._window(each)), _number(item, "row"))
            for each, key in zip(by, keys, strict=True)
            for item in [items.get(key["pk"]["S"], {})]
        ]
        return LoginAttempts(by, found)

    async def count_failure(self, tenant: Tenant, by: Sequence[FailureCounter]) -> None:
        """Count one failed attempt by each of these."""
        expires = str(int(self.now()) + _KEPT_SECONDS)
        await asyncio.gather(
            *(
                self._update(
                    tenant,
                    each,
                    "ADD #window :one, #row :one SET expires = :expires REMOVE #last",
                    {"#window": self._window(each), "#last": self._window(each, -1)},
                    {":one": {"N": "1"}, ":expires": {"N": expires}},
                )
                for each in by
            )
        )

    async def end_row(self, tenant: Tenant, by: Sequence[FailureCounter]) -> None:
        """Record that the device succeeded."""
        await self._update(tenant, by[0], "REMOVE #row", {}, {})

    async def _update(
        self,
        tenant: Tenant,
        counter: FailureCounter,
        expression: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> None:
        given: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        await self._aws.dynamodb(
            "UpdateItem",
            TableName=self._table,
            Key=self._key(tenant, counter),
            UpdateExpression=expression,
            ExpressionAttributeNames={"#row": "row", **names},
            **given,
        )

    def _key(self, tenant: Tenant, counter: FailureCounter) -> dict[str, Any]:
        name = f"limit#{tenant.id}#{counter.kind}#{hash_of(counter.value)}"
        return {"pk": {"S": name}, "sk": {"S": self._region}}

    def _window(self, counter: FailureCounter, by: int = 0) -> str:
        return f"f{int(self.now()) // counter.seconds + by}"


def _number(item: dict[str, Any], name: str) -> int:
    return int(item.get(name, {"N": "0"})["N"])
