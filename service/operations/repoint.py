"""The follower takes another master: what differs is repaired, and it goes on from there."""

from __future__ import annotations

from typing import Any

from service.operations import replication, schema, slots, table_repair
from service.operations.detection import answers
from service.operations.difference import subscribe_by_difference
from service.operations.fence import MASTERS
from service.operations.node import DeclinedError, Link, following
from service.operations.operator import NodeSession, Operator

FOLLOWER = "follower"


def repoint(operator: Operator, to: str) -> dict[str, Any]:
    """Let the follower subscribe to master `to` from now on.

    Rows that the follower has otherwise than `to`, or that `to` never had, are kept in
    `operations.set_aside` there before they change: of a lost master they may be the last copy.
    Returns how many rows of each table were added, changed and removed by this run, and how many
    are set aside. Run again it changes nothing. DeclinedError where `to` is a standby, or has
    another version than the follower.
    """
    if to not in MASTERS:
        raise DeclinedError(f"'to' should be one of {', '.join(MASTERS)}, got '{to}'")
    link = following(operator.node(to), operator.node(FOLLOWER))
    source, follower = operator.on(to), operator.on(FOLLOWER)
    if source.value("SELECT pg_is_in_recovery()"):
        raise DeclinedError(f"{to} is a standby: promote it first")
    versions = schema.version(source), schema.version(follower)
    if versions[0] != versions[1]:
        raise DeclinedError(
            f"{to} has version {versions[0]} and {FOLLOWER} {versions[1]}: migrate both first"
        )
    others = [following(operator.node(name), link.subscriber) for name in MASTERS if name != to]
    for other in others:
        _stand_still(operator, follower, other)
    repaired: dict[str, Any] = {}
    if not _subscribed(source, follower, link):
        repaired = subscribe_by_difference(operator, link)
    for other in others:
        _leave(operator, follower, other)
    operator.forget_whom_it_follows()
    if not operator.dry_run:  # nothing is there to go on
        replication.resume(operator, link)
        replication.wait_established(operator, link)
    return {"tables": repaired, "set_aside": table_repair.set_aside(follower)}


def _subscribed(source: NodeSession, follower: NodeSession, link: Link) -> bool:
    """Return whether an earlier run's transaction was committed and its slot is still there."""
    return replication.exists(follower, link.name) and replication.has_slot(source, link.name)


def _stand_still(operator: Operator, follower: NodeSession, other: Link) -> None:
    """Apply nothing more of the old master; what has arrived is applied first."""
    replication.switch_off(follower, other)
    operator.wait(
        lambda: (
            not follower.value(
                "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL",
                other.name,
            )
        ),
        f"'{other.name}' applies nothing any more",
    )


def _leave(operator: Operator, follower: NodeSession, other: Link) -> None:
    """Forget the old master; where it answers, it must not keep its log for nobody."""
    if replication.exists(follower, other.name):
        replication.drop_subscription(follower, other.name)
    if answers(operator, other.publisher.name):
        slots.drop(operator, other.publisher.name, other.name)
