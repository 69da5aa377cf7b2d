"""The session store: sessions, in a DynamoDB table of every Region.

    pk                                    sk                   attributes
    session#<tenant>#<hash of the token>  session              sv, account, login, epoch, ...
    session#<tenant>#<hash of the token>  ended                expires

A token is opaque and never kept: only its SHA-256 is, and it is 256 bits of chance. It is looked
for under its tenant, so at another tenant's host it is no token at all.

Of two Regions that write an item at once the last one wins, so a session that one ends and another
refreshes would live on. Its end is an item of its own, which no other write touches.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from service.aws import Aws
from service.stores.entity import Tenant

# What a session lasts without a refresh, and at most, in seconds.
IDLE_SECONDS = 2 * 3_600
LONGEST_SECONDS = 12 * 3_600
# How much longer the end of a session is kept: more than clocks of two Regions ever differ.
_SKEW_SECONDS = 3_600

Item = dict[str, dict[str, Any]]


def _to_2(item: Item) -> Item:
    """Version 2 says how one logged in; before it there was no other way than by password."""
    return item | {"methods": {"SS": ["pwd"]}, "sv": {"N": "2"}}


# An item is upgraded when it is read, and kept so when it is next written: nothing stops for it.
_UPGRADES: dict[int, Callable[[Item], Item]] = {1: _to_2}
VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Session:
    """A login that is valid until `expires`, in seconds since 1970."""

    token_hash: str
    account: UUID
    login: str
    epoch: int
    created: int
    expires: int
    methods: tuple[str, ...]


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class SessionStore:
    """`now` is the clock that sessions end by: DynamoDB drops what expired hours late."""

    def __init__(self, aws: Aws, table: str, *, now: Callable[[], float]) -> None:
        self._aws = aws
        self._table = table
        self._now = now

    async def make(
        self, tenant: Tenant, token: str, *, account: UUID, login: str, epoch: int
    ) -> Session:
        now = int(self._now())
        session = Session(
            token_hash=hash_of(token),
            account=account,
            login=login,
            epoch=epoch,
            created=now,
            expires=now + IDLE_SECONDS,
            methods=("pwd",),
        )
        await self._aws.dynamodb(
            "PutItem",
            TableName=self._table,
            Item=_key(tenant, session.token_hash) | _item(session),
        )
        return session

    async def find(self, tenant: Tenant, token_hash: str) -> Session | None:
        """Return the session, or None where there is none, or none any more."""
        answer = await self._aws.dynamodb(
            "Query",
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(tenant, token_hash)["pk"]},
            ConsistentRead=True,  # the login that made it was answered a moment ago
        )
        items = {item["sk"]["S"]: item for item in answer["Items"]}
        if "session" not in items or "ended" in items:
            return None
        session = _session(token_hash, items["session"])
        return session if self._now() < session.expires else None

    async def refresh(self, tenant: Tenant, session: Session) -> Session | None:
        """Return the session with its idle time begun anew; None where it was ended meanwhile."""
        expires = min(int(self._now()) + IDLE_SECONDS, session.created + LONGEST_SECONDS)
        try:
            await self._aws.dynamodb(
                "UpdateItem",
                TableName=self._table,
                Key=_key(tenant, session.token_hash),
                UpdateExpression="SET expires = :expires, sv = :sv, methods = :methods",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={
                    ":expires": {"N": str(expires)},
                    ":sv": {"N": str(VERSION)},
                    ":methods": {"SS": list(session.methods)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return await self.find(tenant, session.token_hash)

    async def end(self, tenant: Tenant, session: Session) -> None:
        """End the session, in every Region and whatever another one does meanwhile."""
        until = session.created + LONGEST_SECONDS + _SKEW_SECONDS
        await self._aws.dynamodb(
            "PutItem",
            TableName=self._table,
            Item=_key(tenant, session.token_hash, "ended") | {"expires": {"N": str(until)}},
        )

    async def answers(self) -> None:
        """Ask for an item that is not there; raises what asking raises."""
        await self._aws.dynamodb(
            "GetItem",
            TableName=self._table,
            Key={"pk": {"S": "health"}, "sk": {"S": "health"}},
        )


def _key(tenant: Tenant, token_hash: str, sort: str = "session") -> Item:
    return {"pk": {"S": f"session#{tenant.id}#{token_hash}"}, "sk": {"S": sort}}


def _item(session: Session) -> Item:
    return {
        "sv": {"N": str(VERSION)},
        "account": {"S": str(session.account)},
        "login": {"S": session.login},
        "epoch": {"N": str(session.epoch)},
        "created": {"N": str(session.created)},
        "expires": {"N": str(session.expires)},
        "methods": {"SS": list(session.methods)},
    }


def _session(token_hash: str, item: Item) -> Session:
    """An item of this version or an older one; a newer one has what this one has, and more."""
    while upgrade := _UPGRADES.get(int(item["sv"]["N"])):
        item = upgrade(item)
    return Session(
        token_hash=token_hash,
        account=UUID(item["account"]["S"]),
        login=item["login"]["S"],
        epoch=int(item["epoch"]["N"]),
        created=int(item["created"]["N"]),
        expires=int(item["expires"]["N"]),
        methods=tuple(sorted(item["methods"]["SS"])),
    )
