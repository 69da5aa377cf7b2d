"""A database server as operations see it: where it is, who they are there, how others reach it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

# Roles of every store. The application's two are fenced and granted as one; the replicator is
# who subscribers connect as.
WRITER, READER, REPLICATOR = "app_writer", "app_reader", "replicator"
APPLICATION_ROLES = (WRITER, READER)


class DeclinedError(Exception):
    """A command that the state of the databases does not allow; says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class DatabaseNode:
    """An endpoint. `name` is entity-a, entity-b, transaction, follower, delayed, ...

    `dsn` is the administrator's connection string, `replication_password` the replicator's.
    `cluster` is the Aurora cluster's identifier, where there is one.
    """

    name: str
    store: str
    dsn: str
    host: str
    port: int
    database: str
    replication_password: str = ""
    replication_sslmode: str = "require"
    readers: tuple[str, ...] = ()
    cluster: str | None = None

    @property
    def identifier(self) -> str:
        """The name as PostgreSQL's slots and subscriptions may have it."""
        return self.name.replace("-", "_")

    @property
    def publisher_dsn(self) -> str:
        """Return how another server subscribes to this one."""
        return make_conninfo(
            "",
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=REPLICATOR,
            password=self.replication_password,
            sslmode=self.replication_sslmode,
            connect_timeout=10,
        )


@dataclass(frozen=True, kw_only=True)
class Link:
    """A direction of logical replication.

    Between masters `origin` is `none`: what came from the other is not sent back. The follower
    takes `any`: rows that were written on B reach it through A.
    """

    publisher: DatabaseNode
    subscriber: DatabaseNode
    origin: str
    copy: bool

    @property
    def name(self) -> str:
        """Return the name of the subscription, and of its slot on the publisher."""
        return f"{self.subscriber.identifier}_from_{self.publisher.identifier}"


PUBLICATION = "mainstay"


def following(publisher: DatabaseNode, follower: DatabaseNode) -> Link:
    """Return how the follower subscribes to a master."""
    return Link(publisher=publisher, subscriber=follower, origin="any", copy=True)


def links(nodes: dict[str, DatabaseNode], *, followed: str = "entity-a") -> list[Link]:
    """Return the directions between the nodes; the follower subscribes to `followed`."""
    a, b, follower = (nodes.get(name) for name in ("entity-a", "entity-b", "follower"))
    found = []
    if a and b:
        found.append(Link(publisher=a, subscriber=b, origin="none", copy=False))
        found.append(Link(publisher=b, subscriber=a, origin="none", copy=False))
    if follower and followed in nodes:
        found.append(following(nodes[followed], follower))
    return found
