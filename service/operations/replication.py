"""Logical replication between masters, and to the follower: made, checked, paused, resumed."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from service.operations import catalog, schema, slots
from service.operations.node import PUBLICATION, DeclinedError, Link
from service.operations.operator import NodeSession, Operator


def establish(operator: Operator, link: Link) -> None:
    """Make the slot and the subscription of one direction where they are missing.

    The slot is made first: what is written from then on waits for the subscriber. DeclinedError
    where the subscription is there and its slot is not: what it missed is gone, rebuild.
    """
    publisher, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    slot, subscription = _slot(publisher, link.name), _subscription(subscriber, link.name)
    if subscription and not slot and not operator.dry_run:
        raise DeclinedError(
            f"the slot '{link.name}' of {link.publisher.name} is gone, and with it what "
            f"{link.subscriber.name} had not received: rebuild {link.subscriber.name}"
        )
    if not slot:
        make_slot(publisher, link.name)
    if not subscription:
        make_subscription(operator, link, copy=link.copy)


def make_slot(publisher: NodeSession, name: str) -> None:
    publisher.change(
        "SELECT pg_create_logical_replication_slot({}, 'pgoutput', false, false, {})",
        name,
        keeps_slots(publisher),
    )


def make_subscription(
    operator: Operator, link: Link, *, copy: bool = False, enabled: bool = True
) -> None:
    """Subscribe through the slot that is there."""
    failover = keeps_slots(operator.on(link.publisher.name))
    operator.on(link.subscriber.name).change(
        "CREATE SUBSCRIPTION {name} CONNECTION {dsn} PUBLICATION {publication} WITH ("
        "create_slot = false, slot_name = {name}, origin = {origin}, copy_data = {copy}, "
        "enabled = {enabled}, disable_on_error = true, streaming = parallel, "
        "failover = {failover})",
        name=sql.Identifier(link.name),
        dsn=link.publisher.publisher_dsn,
        publication=sql.Identifier(PUBLICATION),
        origin=link.origin,
        copy=copy,
        enabled=enabled,
        failover=failover,
        hide=link.publisher.replication_password or None,
    )


def verify(operator: Operator, link: Link) -> list[str]:
    """Return what is wrong with a direction; [] when it replicates everything."""
    publisher, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    slot, subscription = _slot(publisher, link.name), _subscription(subscriber, link.name)
    found = []
    if slot is None:
        found.append(f"{link.publisher.name} has no slot '{link.name}'")
    elif slot["wal_status"] in ("unreserved", "lost"):
        found.append(f"the slot '{link.name}' is {slot['wal_status']}: rebuild")
    if subscription is None:
        return [*found, f"{link.subscriber.name} has no subscription '{link.name}'"]
    if not subscription["enabled"]:
        found.append(f"the subscription '{link.name}' is off")
    elif subscription["slot"] != link.name or (slot is not None and not slot["active"]):
        found.append(f"nobody reads the slot '{link.name}'")
    if subscription["origin"] != link.origin:
        found.append(
            f"'{link.name}' should have origin {link.origin}, has {subscription['origin']}"
        )
    if link.origin == "none" and not slots.tells_arrival(subscriber, link.name):
        found.append(
            f"the administrator of {link.subscriber.name} may not execute "
            "pg_replication_origin_progress, and track_commit_timestamp is off: after a loss, "
            "nothing could be carried over"
        )
    return [*found, *_table_problems(publisher, subscriber, subscription)]


def _table_problems(
    publisher: NodeSession, subscriber: NodeSession, subscription: Any
) -> list[str]:
    published = catalog.published(publisher) or []
    found = [
        f"{publisher.node.name} does not publish {table}"
        for table in sorted(set(catalog.tables(publisher)) - set(published))
    ]
    states = subscription["tables"]
    for table in published:
        if table not in states:
            found.append(f"{subscriber.node.name} does not subscribe to {table}")
        elif states[table] != "r":
            found.append(f"the first copy of {table} is not over on {subscriber.node.name}")
        missing = set(catalog.columns(publisher, table)) - set(catalog.columns(subscriber, table))
        if missing:
            found.append(f"{table} on {subscriber.node.name} lacks {', '.join(sorted(missing))}")
        if not catalog.key(publisher, table):
            found.append(f"{table} has no primary key: its updates are refused while published")
    return found


def wait_established(operator: Operator, link: Link) -> None:
    """Wait until `verify` finds nothing; TimeoutError with what it finds after the timeout."""
    problems: list[str] = []

    def holds() -> bool:
        problems[:] = verify(operator, link)
        return not problems

    try:
        operator.wait(holds, f"'{link.name}' replicates everything")
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {'; '.join(problems)}") from None


def pause(operator: Operator, link: Link) -> None:
    """Stop applying on the subscriber; the publisher keeps what it will need.

    Returns when nobody reads the slot any more.
    """
    subscriber = operator.on(link.subscriber.name)
    subscription = _subscription(subscriber, link.name)
    if subscription and subscription["enabled"]:
        with subscriber.transaction():
            subscriber.change(
                "INSERT INTO operations.paused (subscription) VALUES ({}) ON CONFLICT DO NOTHING",
                link.name,
            )
            _set(subscriber, link, enabled=False)
    publisher = operator.on(link.publisher.name)
    operator.wait(
        lambda: not slots.is_active(publisher, link.name), f"nobody reads the slot '{link.name}'"
    )


def switch_off(subscriber: NodeSession, link: Link) -> None:
    """Stop applying, without a look at the publisher, which may be gone."""
    subscription = _subscription(subscriber, link.name)
    if subscription and subscription["enabled"]:
        _set(subscriber, link, enabled=False)


def resume(operator: Operator, link: Link) -> None:
    """Go on from where the subscriber stopped, with the tables that are published now.

    DeclinedError where that would destroy data: either side was migrated and the other not (a
    backfill would arrive as ordinary updates, over what users wrote since), or the publisher's
    slot was not led past its migration.
    """
    publisher, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    versions = schema.version(publisher), schema.version(subscriber)
    if versions[0] != versions[1]:
        raise DeclinedError(
            f"{link.publisher.name} has version {versions[0]} and {link.subscriber.name} "
            f"{versions[1]}: migrate both, then resume"
        )
    if link.name in schema.owed_advances(publisher):
        raise DeclinedError(f"'{link.name}' was not led past the migration: advance first")
    subscription = _subscription(subscriber, link.name)
    if subscription is None:
        raise DeclinedError(f"{link.subscriber.name} has no subscription '{link.name}': establish")
    _forget_pause(subscriber, link.name)
    if subscription["slot"] != link.name and subscription["enabled"]:  # killed inside _take_tables
        _set(subscriber, link, enabled=False)
    elif subscription["enabled"]:
        return
    if set(catalog.published(publisher) or []) != set(subscription["tables"]):
        _take_tables(subscriber, link)
    redirect(operator, link)
    _read_from(subscriber, link, link.name, disable_on_error=True)
    _set(subscriber, link, enabled=True)


def is_paused(subscriber: NodeSession, name: str) -> bool:
    """Return whether a subscription is off because somebody paused it."""
    return subscription_state(subscriber, name) == "off" and bool(
        subscriber.value("SELECT 1 FROM operations.paused WHERE subscription = %s", name)
    )


def _forget_pause(subscriber: NodeSession, name: str) -> None:
    if subscriber.value("SELECT 1 FROM operations.paused WHERE subscription = %s", name):
        subscriber.change("DELETE FROM operations.paused WHERE subscription = {}", name)


def take_tables(operator: Operator, link: Link) -> None:
    """Take new tables into a subscription that is on: from now on their rows are applied."""
    subscriber = operator.on(link.subscriber.name)
    subscription = _subscription(subscriber, link.name)
    if subscription is None or not subscription["enabled"]:
        return
    published = catalog.published(operator.on(link.publisher.name)) or []
    if set(published) != set(subscription["tables"]):
        _refresh(subscriber, link)


def _take_tables(subscriber: NodeSession, link: Link) -> None:
    """Take new tables into a subscription that is off, before it applies anything.

    REFRESH PUBLICATION needs one that is on; and one that is on drops the rows of tables that it
    does not know yet. So it is on for a moment with a slot that is not there.
    """
    _read_from(subscriber, link, f"{link.name}_is_not_there", disable_on_error=False)
    _set(subscriber, link, enabled=True)
    _refresh(subscriber, link)
    _set(subscriber, link, enabled=False)


def _refresh(subscriber: NodeSession, link: Link) -> None:
    subscriber.change(
        "ALTER SUBSCRIPTION {} REFRESH PUBLICATION WITH (copy_data = false)",
        sql.Identifier(link.name),
    )


def _set(subscriber: NodeSession, link: Link, *, enabled: bool) -> None:
    subscriber.change(
        "ALTER SUBSCRIPTION {} {}",
        sql.Identifier(link.name),
        sql.SQL("ENABLE" if enabled else "DISABLE"),
    )


def _read_from(subscriber: NodeSession, link: Link, slot: str, *, disable_on_error: bool) -> None:
    subscriber.change(
        "ALTER SUBSCRIPTION {} SET (slot_name = {}, disable_on_error = {})",
        sql.Identifier(link.name),
        slot,
        disable_on_error,
    )


def redirect(operator: Operator, link: Link) -> None:
    """Point a subscription at where its publisher is now, with the password of now.

    Who may see the old address is a superuser, which nobody is: so it is written, not compared.
    """
    operator.on(link.subscriber.name).change(
        "ALTER SUBSCRIPTION {} CONNECTION {}",
        sql.Identifier(link.name),
        link.publisher.publisher_dsn,
        hide=link.publisher.replication_password or None,
    )


def drop_subscription(subscriber: NodeSession, name: str) -> None:
    """Remove a subscription and leave its slot alone, wherever that is."""
    _forget_pause(subscriber, name)
    identifier = sql.Identifier(name)
    subscriber.change("ALTER SUBSCRIPTION {} DISABLE", identifier)
    subscriber.change("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", identifier)
    subscriber.change("DROP SUBSCRIPTION {}", identifier)


def slot_state(publisher: NodeSession, name: str) -> str:
    """Return what became of a slot: kept, gone, or lost, where its log was removed."""
    slot = _slot(publisher, name)
    if slot is None:
        return "gone"
    return "lost" if slot["wal_status"] == "lost" else "kept"


def subscription_state(subscriber: NodeSession, name: str) -> str:
    """Return on, off or gone; one that reads another slot than its own is off."""
    subscription = _subscription(subscriber, name)
    if subscription is None:
        return "gone"
    return "on" if subscription["enabled"] and subscription["slot"] == name else "off"


def exists(subscriber: NodeSession, name: str) -> bool:
    return _subscription(subscriber, name) is not None


def has_slot(publisher: NodeSession, name: str) -> bool:
    return _slot(publisher, name) is not None


def _slot(publisher: NodeSession, name: str) -> dict[str, Any] | None:
    rows = publisher.rows(
        "SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = %s", name
    )
    return {"active": rows[0][0], "wal_status": rows[0][1]} if rows else None


_SUBSCRIPTION = """
SELECT subenabled, suborigin,
       (SELECT json_object_agg(c.relname, r.srsubstate) FROM pg_subscription_rel r
        JOIN pg_class c ON c.oid = r.srrelid WHERE r.srsubid = s.oid),
       subslotname
FROM pg_subscription s
WHERE subname = %s AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _subscription(subscriber: NodeSession, name: str) -> dict[str, Any] | None:
    rows = subscriber.rows(_SUBSCRIPTION, name)
    if not rows:
        return None
    enabled, origin, states, slot = rows[0]
    return {
        "enabled": enabled,
        "origin": origin,
        "tables": states or {},
        "slot": slot,
    }


def keeps_slots(publisher: NodeSession) -> bool:
    """Return whether a standby of the publisher is sent its slots.

    Aurora's instances share the volume that slots are in; elsewhere PostgreSQL 17 copies those
    that ask for it, to a standby that is set up for it.
    """
    return bool(publisher.value("SELECT current_setting('synchronized_standby_slots', true) <> ''"))
