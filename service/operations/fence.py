"""The database's side of read-only mode: write rights taken from the application and given back.

A read-only parameter would not do: a client sets it back, and a session of a pool that is already
open ignores what is set on its role. A revoked right is refused at the next statement of every
session, whatever the client sets.
"""

from __future__ import annotations

import psycopg

from service.operations import rights, schema
from service.operations.node import DeclinedError
from service.operations.operator import Operator

_ATTEMPTS = 5
MASTERS = ("entity-a", "entity-b")


def fence(operator: Operator, node: str) -> None:
    """Refuse the application's writes from their next statement on; reads go on.

    Waits for nobody: a transaction that wrote before may still commit, see `slots.drain`. Raises
    DeclinedError, with the fence in place, where another role than the application's can write.
    """
    session = operator.on(node)
    for attempt in range(_ATTEMPTS):
        try:
            if not rights.is_fenced(session):
                rights.revoke_writes(session)
            break
        except psycopg.errors.InternalError_:  # "tuple concurrently updated", by an ANALYZE
            if attempt == _ATTEMPTS - 1:
                raise
    if operator.dry_run:
        return
    left = rights.writers(session)
    if left:
        raise DeclinedError(f"others can still write {node}, revoke their rights: {left}")
    if owners := rights.owners(session):
        raise DeclinedError(
            f"{', '.join(owners)} can become the owner of tables of {node}, revoke that membership"
        )
    if borrowed := rights.borrowed(session):
        raise DeclinedError(
            f"functions on {node} write with their owner's rights, make them SECURITY INVOKER: "
            f"{', '.join(borrowed)}"
        )


def unfence(operator: Operator, node: str, *, peer_is_lost: bool = False) -> None:
    """Let the application write here, and nowhere else, with the rights that `fence` took.

    DeclinedError where that could lose what is written: a migration whose slots are not led past
    it, the other master taking writes, or not answering without `peer_is_lost`; on a standby.
    """
    session = operator.on(node)
    if session.value("SELECT pg_is_in_recovery()"):
        raise DeclinedError(f"{node} is a standby: promote it first")
    if owed := schema.owed_advances(session):
        raise DeclinedError(f"{node} was migrated, and {', '.join(owed)} not led past it: advance")
    if node in MASTERS:
        for peer in MASTERS:
            if peer != node and peer in operator.nodes:
                _require_fenced(operator, peer, peer_is_lost)
    if rights.is_fenced(session):
        rights.restore_writes(session)


def state(operator: Operator, node: str) -> str:
    """Return what the application finds on a node: that it takes writes, or why it does not."""
    try:
        session = operator.on(node)
        if session.value("SELECT pg_is_in_recovery()"):
            return "is a standby"
        return "is fenced" if rights.is_fenced(session) else "takes writes"
    except psycopg.OperationalError as error:
        return f"does not answer: {str(error).splitlines()[0]}"


def _require_fenced(operator: Operator, peer: str, peer_is_lost: bool) -> None:
    """Two masters that take writes exchange each other's updates, without an error."""
    try:
        fenced = rights.is_fenced(operator.on(peer))
    except psycopg.OperationalError as error:
        if peer_is_lost:
            return
        raise DeclinedError(f"{peer} does not answer, so it may take writes: {error}") from error
    if not fenced:
        raise DeclinedError(f"{peer} takes writes: fence it first, there is one writer at a time")
