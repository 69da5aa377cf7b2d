"""Servers of this machine as operations know them."""

from __future__ import annotations

from local.postgres import ADMINISTRATOR, PostgresServer
from service.operations.node import DatabaseNode

DATABASE = "mainstay"
PASSWORD = "a password of tests"
STORES = {
    "entity-a": "entity",
    "entity-b": "entity",
    "follower": "entity",
    "transaction": "transaction",
}


def node_on(name: str, server: PostgresServer) -> DatabaseNode:
    """Return the node of that name on a server, as its administrator; others hold no store."""
    return DatabaseNode(
        name=name,
        store=STORES.get(name, ""),
        dsn=server.dsn(DATABASE, ADMINISTRATOR),
        host="127.0.0.1",
        port=server.port,
        database=DATABASE,
        replication_password=PASSWORD,
        replication_sslmode="disable",
    )
