"""The end of a session is final, in each Region and whatever arrives there first."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from local.one_machine import OneMachine, Process
from local.waiting import wait_until
from service.aws import Aws
from service.stores.entity import Tenant as TenantOfStore
from service.stores.entity import new_id
from service.stores.session import LONGEST_SECONDS, Session, SessionStore, hash_of, new_token
from tests.service.conftest import Tenant, aws_of

Row = dict[str, Any]
Run = Callable[[Coroutine[Any, Any, Any]], Any]
Write = tuple[int, tuple[str, str], Row | None]  # when, which item, and what it became
MakeReplica = Callable[[Callable[[], float]], "_Replica"]


class _Replica:
    """A table of one Region, with the time of each item's last write as a global table keeps it."""

    def __init__(
        self, client: Any, aws: Aws, run: Run, name: str, now: Callable[[], float]
    ) -> None:
        self.run = run
        client.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.store = SessionStore(aws, name, now=now)
        self._client = client
        self._name = name
        self._written: dict[tuple[str, str], int] = {}

    def rows(self) -> dict[tuple[str, str], Row]:
        items = self._client.scan(TableName=self._name)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}

    def write(
        self, at: int, work: Callable[[SessionStore], Coroutine[Any, Any, Any]]
    ) -> list[Write]:
        """Do what a request does; return what DynamoDB sends to the other Region."""
        before = self.rows()
        self.run(work(self.store))
        after = self.rows()
        changed = [key for key in before | after if before.get(key) != after.get(key)]
        self._written |= dict.fromkeys(changed, at)
        return [(at, key, after.get(key)) for key in changed]

    def receive(self, write: Write) -> None:
        """Take a write of the other Region, unless a later one is here: the last writer wins."""
        at, key, row = write
        if at < self._written.get(key, 0):
            return
        self._written[key] = at
        if row is not None:
            self._client.put_item(TableName=self._name, Item=row)
        else:
            names = zip(("pk", "sk"), key, strict=True)
            key_of = {name: {"S": value} for name, value in names}
            self._client.delete_item(TableName=self._name, Key=key_of)


@pytest.fixture
def replica(machine: OneMachine) -> Iterator[MakeReplica]:
    """Return what makes a Region's table, by the clock that it is given."""
    with aws_of(machine) as (aws, run):
        yield lambda now: _Replica(machine.client("dynamodb"), aws, run, uuid.uuid4().hex, now)


# Which of three steps comes when: the other Region refreshes, and each write arrives somewhere.
_STEPS = ("refresh", "arrives there", "arrives here")


@pytest.mark.parametrize("order", [*itertools.permutations(_STEPS)], ids=", ".join)
def test_a_refresh_in_the_other_region_does_not_undo_a_logout(
    replica: MakeReplica, order: tuple[str, ...]
):
    clock = [1_000_000.0]
    tenant, token = TenantOfStore(new_id(), "t"), new_token()
    here, there = (replica(lambda: clock[0]) for _ in range(2))

    async def make(store: SessionStore) -> Session:
        return await store.make(tenant, token, account=new_id(), login="a", epoch=0)

    for write in here.write(1, make):
        there.receive(write)
    session = here.run(here.store.find(tenant, hash_of(token)))
    assert session is not None
    clock[0] += 60
    ended = here.write(2, lambda store: store.end(tenant, session))
    refreshed: list[Session | None] = []
    sent: list[Write] = []

    async def refresh(store: SessionStore) -> None:
        refreshed.append(await store.refresh(tenant, session))

    for step in (*order, "arrives here"):
        if step == "refresh":
            sent = there.write(3, refresh)
        for write in ended if step == "arrives there" else ():
            there.receive(write)
        for write in sent if step == "arrives here" else ():
            here.receive(write)
    if order.index("arrives there") < order.index("refresh"):
        assert refreshed == [None], "what was ended is not refreshed"
    for each in (here, there):
        assert each.run(each.store.find(tenant, session.token_hash)) is None


def test_the_end_of_a_session_is_kept_for_longer_than_any_refresh(replica: MakeReplica):
    clock = [1_000_000.0]
    table = replica(lambda: clock[0])
    tenant, token = TenantOfStore(new_id(), "t"), new_token()

    async def refreshed_and_ended(store: SessionStore) -> None:
        session = await store.make(tenant, token, account=new_id(), login="a", epoch=0)
        for _ in range(20):  # an hour each: more than the longest session
            clock[0] += 3_600
            session = await store.refresh(tenant, session) or session
        await store.end(tenant, session)

    table.write(1, refreshed_and_ended)
    expires = {sort: int(row["expires"]["N"]) for (_, sort), row in table.rows().items()}
    assert expires["session"] == 1_000_000 + LONGEST_SECONDS
    assert expires["ended"] > expires["session"] + 600


def test_a_session_that_ended_elsewhere_writes_nothing(machine: OneMachine, api: Process):
    """At once, though its process remembers it for reads."""
    tenant = Tenant(machine, api, f"s{uuid.uuid4().hex[:12]}")
    token = tenant.log_in(tenant.admin)
    elsewhere = machine.api()
    given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X"}
    try:
        wait_until(
            lambda: tenant.ask("GET", "/api/v1/users", token=token, api=elsewhere).ok, "a session"
        )
        assert tenant.ask("DELETE", "/api/v1/sessions/me", token=token).status_code == 204
        refused = tenant.ask("POST", "/api/v1/users", given, token=token, api=elsewhere)
        assert refused.status_code == 401, refused.text
        assert tenant.ask("GET", "/api/v1/users", token=token, api=elsewhere).status_code == 401
    finally:
        elsewhere.kill()
