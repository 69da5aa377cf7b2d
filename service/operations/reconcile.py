"""A lost master is back: what it had acknowledged and not sent is carried over, or reported.

What had arrived is a prefix of its transactions, and the promotion recorded where that ends. Each
later one is applied on the new master, in the order of its commits, where nobody has touched its
rows since; one that meets newer writes, or builds on one that does, is set aside for a person.
The returned master is then rebuilt from the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from service.operations import replication, schema, slots
from service.operations.carry_over import CarryOver
from service.operations.changes import Transaction, peek
from service.operations.fence import MASTERS, fence
from service.operations.node import DeclinedError
from service.operations.operator import NodeSession, Operator
from service.operations.promotion import Promotion, open_promotion

# Users' writes on the new master wait while one batch is applied.
_BATCH = 500


def reconcile(operator: Operator, returned: str) -> dict[str, Any]:
    """Fence the returned master first, then carry over what is missing on the other one.

    Returns the report: how many transactions and rows were missing, how many transactions were
    carried over, and each that was set aside with its rows on both sides, which is kept in
    `operations.reconciled` too. Run again, it carries over nothing twice and reports the same.
    DeclinedError where the other was not promoted, or has another version.
    """
    [current] = [name for name in MASTERS if name != returned]
    fence(operator, returned)
    slots.wait_until_written(operator, returned)
    old, new = operator.on(returned), operator.on(current)
    promotion = open_promotion(new, returned)
    if promotion is None:
        raise DeclinedError(f"{current} was not promoted in place of {returned}: nothing to do")
    _require_same_version(old, new)
    slot = operator.link(returned, current).name
    if not replication.has_slot(old, slot):
        raise DeclinedError(
            f"the slot '{slot}' of {returned} is gone, and with it which of its transactions are "
            f"missing: compare {returned} {current}, and enter by hand what matters"
        )
    floor = _number(slots.floor(old, slot))
    held = [found for found in peek(old, slot) if _number(found.commit_lsn) >= floor]
    behind, doubtful = missing_of(held, promotion)
    missing = _losses(behind)
    carrying = CarryOver(new, promotion, doubtful=doubtful)
    for start in range(0, len(missing), _BATCH):
        carrying.apply(missing[start : start + _BATCH])
    outcomes = [carrying.outcomes.get(one.commit_lsn) for one in missing]
    set_aside = [outcome for outcome in outcomes if outcome is not None]
    return {
        "returned": returned,
        "arrived": promotion.arrived,
        "arrived_by": promotion.known_by,
        "missing_transactions": len(missing),
        "missing_rows": sum(len(transaction.changes) for transaction in missing),
        "carried_over": len(missing) - len(set_aside),
        "set_aside": set_aside,
    }


def missing_of(
    held: Sequence[Transaction], promotion: Promotion
) -> tuple[list[Transaction], set[str]]:
    """Return what committed where the new master had not been, oldest first; and what is doubtful.

    `held` are the transactions that the lost one's slot still has, in the order of their commits.
    After a crash it begins earlier than what was received. By the origin, PostgreSQL itself decides
    where to go on sending, and by the same comparison. By commit times, everything up to the last
    that arrived has; two that were committed in the same microsecond cannot be told apart: those
    behind it are doubtful, named by where they committed.
    """
    if promotion.known_by is None:
        return list(held), set()
    if promotion.arrived is not None:
        end = _number(promotion.arrived)
        return [one for one in held if _number(one.commit_lsn) >= end], set()
    times = Counter(one.committed_at for one in held)
    arrived = [
        place
        for place, one in enumerate(held)
        if one.committed_at in promotion.commits and times[one.committed_at] == 1
    ]
    behind = list(held[arrived[-1] + 1 if arrived else 0 :])
    return behind, {one.commit_lsn for one in behind if one.committed_at in promotion.commits}


def _losses(missing: Sequence[Transaction]) -> list[Transaction]:
    """Return the transactions without what is no loss: that an event left the outbox.

    It is in the queue, and one that the new master sends again is one.
    """
    for one in missing:
        one.changes = [
            each for each in one.changes if (each.table, each.action) != ("outbox", "delete")
        ]
    return [one for one in missing if one.changes]


def _require_same_version(old: NodeSession, new: NodeSession) -> None:
    versions = schema.version(old), schema.version(new)
    if versions[0] != versions[1]:
        raise DeclinedError(
            f"{old.node.name} has version {versions[0]} and {new.node.name} {versions[1]}: migrate "
            f"{new.node.name} first, or what was written in the other version is set aside"
        )


def _number(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)
