"""The local target as the drill's target: its public load balancer, its tenants, its databases."""

from __future__ import annotations

from urllib.parse import urlsplit

from gameday.upgrade.target import Entrance, LoadedTenant, UpgradeTarget
from local import databases
from local.session import LocalSession


class MissingStackError(RuntimeError):
    """The local target does not have what the drill needs."""


def target_of(
    session: LocalSession, tenants: tuple[LoadedTenant, ...], *, users: int
) -> UpgradeTarget:
    """Return the primary Region's entrance and the masters' writers. Raises MissingStackError."""
    return UpgradeTarget(
        entrance=entrance_of(session),
        tenants=tenants,
        users=users,
        masters=(writer(session, "entity-a"), writer(session, "entity-b")),
        transaction=writer(session, "transaction-a"),
    )


def writer(session: LocalSession, cluster: str) -> str:
    """Return an operator's connection to a cluster's writer. Raises MissingStackError."""
    try:
        return databases.operator(session.folder, databases.writer_of(session.folder, cluster))
    except LookupError as error:
        raise MissingStackError(str(error)) from None


def readers(session: LocalSession) -> list[str]:
    """Return the connections to every server that answers reads of the entity store."""
    return [
        databases.operator(session.folder, name)
        for name in databases.read(session.folder)
        if "-entity-" in name and ".cluster-ro-" in name
    ]


def entrance_of(session: LocalSession) -> Entrance:
    """Return the public load balancer. Raises MissingStackError."""
    for one in session.status().get("listeners", ()):
        if one["public"] and one["address"] and (one["url"] or "").startswith("https://"):
            host, _, port = one["address"].rpartition(":")
            _, _, domain = (urlsplit(one["url"]).hostname or "").partition(".")
            return Entrance(
                host=host, port=int(port), domain=domain, authority=str(session.authority)
            )
    raise MissingStackError("no public load balancer listens: see `make local-status`")
