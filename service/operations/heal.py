"""After a failover: every slot and subscription is checked, and a link that is broken is restored.

Whether a logical slot outlives the failover of an Aurora writer, AWS's own sources do not agree on.
So both are taken for possible. A slot that was kept goes on from where its subscriber is. One that
is gone leaves a gap that nobody can read any more: the subscriber is made what the writer is, by
the difference, and subscribes anew.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from service.operations import replication, rights, schema, slots
from service.operations.alone import alone
from service.operations.difference import subscribe_by_difference
from service.operations.fence import MASTERS
from service.operations.node import DeclinedError, Link
from service.operations.operator import Operator, print_event
from service.operations.promotion import open_promotion
from service.operations.repoint import FOLLOWER, repoint

_NODES = (*MASTERS, FOLLOWER)
# Between two attempts of one that nobody watches: the new writer may not be found yet.
_AGAIN_SECONDS = 5.0


def heal(operator: Operator, *, unattended: bool = False) -> dict[str, dict[str, Any]]:
    """Restore each direction between the nodes that does not replicate.

    Returns for each what was found of its `slot` (kept, gone, or lost: its log went) and its
    `subscription` (on, off, gone), and what was `done`: nothing, resumed, made anew, with the rows
    that differed, or left paused, where somebody had paused it (`unattended`: also where its slot
    is gone); `error` where a node of it does not answer, which holds up no other. Run again it
    changes nothing. DeclinedError while a master that was lost is not rebuilt, where both take
    writes or none does, and where versions differ.
    """
    writer = _writer(operator, _silent(operator))
    # Neither in the middle of a command of an upgrade nor twice at once.
    with alone(operator, writer):
        silent = _silent(operator)
        if _writer(operator, silent) != writer:
            raise DeclinedError(f"{writer} has stopped taking writes meanwhile: heal again")
        found: dict[str, dict[str, Any]] = {}
        # Out of the writer first: what is repaired on the other is no news to the writer.
        for link in sorted(operator.links_of(), key=lambda link: link.publisher.name != writer):
            ends = (link.publisher.name, link.subscriber.name)
            errors = [silent[name] for name in ends if name in silent]
            found[link.name] = (
                {"error": errors[0]}
                if errors
                else _heal(operator, link, writer, leave_paused=unattended)
            )
        return found


def heal_unattended(operator: Operator) -> dict[str, dict[str, Any]]:
    """Heal, again until nothing is left to do or the timeout is over; returns the last answer.

    Right after a failover nodes do not answer yet, and none may take writes. Raises what the last
    attempt raised.
    """
    deadline = time.monotonic() + operator.timeout
    while True:
        found, error = None, None
        try:
            found = heal(operator, unattended=True)
        except (DeclinedError, psycopg.OperationalError, TimeoutError) as raised:
            error = raised
        if found is not None and not any("error" in link for link in found.values()):
            return found
        if time.monotonic() > deadline:
            if error is not None:
                raise error
            return found or {}
        print_event({"again": str(error) if error else found})
        time.sleep(_AGAIN_SECONDS)


def _silent(operator: Operator) -> dict[str, str]:
    """Return the nodes that do not answer, with what came instead."""
    silent = {}
    for name in _NODES:
        if name in operator.nodes:
            try:
                operator.on(name).value("SELECT 1")
            except psycopg.OperationalError as error:
                silent[name] = str(error).splitlines()[0]
    return silent


def _writer(operator: Operator, silent: dict[str, str]) -> str:
    """Return the master that takes writes, after a look at what must not be healed over."""
    there = [name for name in _NODES if name in operator.nodes and name not in silent]
    versions = {name: schema.version(operator.on(name)) for name in there}
    if len(set(versions.values())) > 1:
        raise DeclinedError(f"the versions differ, end or undo the upgrade first: {versions}")
    masters = [name for name in there if name in MASTERS]
    for name in masters:
        for lost in MASTERS:
            if open_promotion(operator.on(name), lost) is not None:
                raise DeclinedError(
                    f"{name} took the place of {lost}: reconcile {lost}, then rebuild it"
                )
    writers = [name for name in masters if not rights.is_fenced(operator.on(name))]
    if len(writers) != 1:
        raise DeclinedError(
            f"one master should take writes, got {writers or 'none'}: fence or unfence first"
        )
    return writers[0]


def _heal(operator: Operator, link: Link, writer: str, *, leave_paused: bool) -> dict[str, Any]:
    publisher, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    slot = replication.slot_state(publisher, link.name)
    subscription = replication.subscription_state(subscriber, link.name)
    found: dict[str, Any] = {"slot": slot, "subscription": subscription, "done": "nothing"}
    if replication.is_paused(subscriber, link.name) and (slot == "kept" or leave_paused):
        return found | {"done": "left paused"}
    if link.name in schema.owed_advances(publisher):  # killed between a repair and what follows it
        slots.advance(operator, link.publisher.name)
    if slot == "kept" and subscription == "on":
        replication.wait_established(operator, link)
        return found
    if slot == "kept" and subscription == "off":
        found["done"] = "resumed"
        replication.resume(operator, link)
    elif link.subscriber.name == FOLLOWER:
        found["done"] = "made anew"
        found["rows"] = repoint(operator, link.publisher.name)["tables"]
    elif link.publisher.name == writer:
        found["done"] = "made anew"
        found["rows"] = _repair(operator, link)
    else:
        found["done"] = "made anew"
        _make_anew(operator, link)
    if not operator.dry_run:
        replication.wait_established(operator, link)
    return found


def _repair(operator: Operator, link: Link) -> dict[str, dict[str, int]]:
    """Make the fenced master what the writer is; what that writes there is not sent back."""
    fenced = link.subscriber.name
    back = operator.link(fenced, link.publisher.name)
    replication.switch_off(operator.on(link.publisher.name), back)
    if back.name in slots.of(operator, fenced):
        operator.wait(
            lambda: not slots.is_active(operator.on(fenced), back.name),
            f"nobody reads the slot '{back.name}'",
        )
        if not operator.dry_run:
            slots.require_empty(operator, fenced)

    def owe() -> None:
        for slot in {back.name} & set(slots.of(operator, fenced)):
            slots.owe_advance(operator.on(fenced), slot, schema.version(operator.on(fenced)))

    repaired = subscribe_by_difference(operator, link, also=owe)
    slots.advance(operator, fenced)
    if back.name in slots.of(operator, fenced):
        replication.resume(operator, back)
    return repaired


def _make_anew(operator: Operator, link: Link) -> None:
    """Link the fenced master to the writer: nobody has written there since it had sent all."""
    subscriber = operator.on(link.subscriber.name)
    if replication.exists(subscriber, link.name):
        replication.drop_subscription(subscriber, link.name)
    slots.drop(operator, link.publisher.name, link.name)
    replication.establish(operator, link)
