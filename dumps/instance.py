"""One server behind an address that leads to several, such as a cluster's reader endpoint.

A snapshot that a transaction exports exists on its own server alone, and pg_dump connects again
and again. So the first connection says which server it has, and all others go straight there.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from dumps.errors import DumpError

# Two servers that are copies of each other have all but this in common.
_IDENTITY = "SELECT pg_postmaster_start_time(), inet_server_addr()::text, inet_server_port()"


def pinned(connection: psycopg.Connection[Any], dsn: str) -> str:
    """Return the connection string that leads to the server of an open connection, each time.

    The host stays what it was: it is what a certificate is verified against (verify-full), and
    Amazon RDS signs the cluster's names for each of its instances. DumpError where no address
    leads to that server alone.
    """
    here = _identity(connection)
    if here[1] is None:  # by a socket of this machine: there is one server behind it
        return dsn
    candidates = (
        # What the name resolved to, when this connection was made: enough where DNS deals it out.
        (connection.info.hostaddr, connection.info.port),
        # What the server itself listens on: past a balancer that deals out connections.
        (here[1].partition("/")[0], here[2]),
    )
    for address, port in dict.fromkeys(candidates):
        wanted = make_conninfo(dsn, hostaddr=address, port=port)
        if all(_leads_to(wanted, here) for _ in range(2)):  # twice: a balancer may deal it again
            return wanted
    raise DumpError(
        f"'{connection.info.host}' leads to several servers, and to none of them alone: name one "
        "instance in --database"
    )


def _leads_to(dsn: str, here: tuple[Any, ...]) -> bool:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            return _identity(connection) == here
    except psycopg.OperationalError:
        return False


def _identity(connection: psycopg.Connection[Any]) -> tuple[Any, ...]:
    row = connection.execute(_IDENTITY).fetchone()
    assert row is not None
    return row
