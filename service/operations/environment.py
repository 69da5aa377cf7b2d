"""The nodes of this task, from the variables that its task definition sets.

    DATABASE_NAME             the database on every node (default mainstay)
    <NODE>_HOST               where a node is: ENTITY_A, ENTITY_B, TRANSACTION, FOLLOWER, DELAYED
    <NODE>_PORT               default 5432
    <NODE>_SECRET         its administrator: a secret with username and password, as RDS
                              manages one
    <NODE>_READERS            host:port of its own readers, by comma, where the cluster is not
                              Aurora's: what is promoted first
    <NODE>_CLUSTER            the Aurora cluster's identifier, for the RDS API
    REPLICATION_SECRET    a secret with the password of the role `replicator`
    CONTROL_TABLE             the Region's control table
    PGSSLMODE, PGSSLROOTCERT  how the administrator connects, read by libpq itself
    <NODE>_SSLMODE            for a node that signs its own certificate, such as require: libpq is
                              then told of no authority, or it would ask for one of those

A node without <NODE>_HOST is not there. On one machine <NODE>_USER and REPLICATION_PASSWORD stand
in for the secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

from service.operations.node import DatabaseNode, DeclinedError

# The nodes there can be, and the store whose schema they hold; a physical standby is given none.
STORES = {
    "entity-a": "entity",
    "entity-b": "entity",
    "follower": "entity",
    "transaction": "transaction",
    "delayed": "",
}
_DEFAULT_DATABASE = "mainstay"
_UNVERIFIED = ("disable", "prefer", "require")
_DEFAULT_PORT = "5432"


def nodes_of(variables: Mapping[str, str], secrets: Any) -> dict[str, DatabaseNode]:
    """Return the nodes that the variables name, and their readers as <node>-reader-<number>.

    `secrets` is a boto3 client of Secrets Manager. Raises DeclinedError naming a variable that is
    missing or no number.
    """
    password = _replication_password(variables, secrets)
    nodes: dict[str, DatabaseNode] = {}
    for name in STORES:
        prefix = name.upper().replace("-", "_")
        host = variables.get(f"{prefix}_HOST")
        if not host:
            continue
        login = _login(variables, secrets, prefix) | _encryption(variables, prefix)
        port = _port(f"{prefix}_PORT", variables.get(f"{prefix}_PORT", _DEFAULT_PORT))
        readers = [each for each in variables.get(f"{prefix}_READERS", "").split(",") if each]
        names = tuple(f"{name}-reader-{number}" for number in range(1, len(readers) + 1))
        nodes[name] = _node(
            variables, name, STORES[name], host, port, login, password, readers=names
        )
        for reader, address in zip(names, readers, strict=True):
            reader_host, _, reader_port = address.partition(":")
            nodes[reader] = _node(
                variables,
                reader,
                "",
                reader_host,
                _port(f"{prefix}_READERS", reader_port or _DEFAULT_PORT),
                login,
                password,
            )
    if not nodes:
        raise DeclinedError("no node: 'ENTITY_A_HOST' or another <NODE>_HOST should be set")
    return nodes


def _node(
    variables: Mapping[str, str],
    name: str,
    store: str,
    host: str,
    port: int,
    login: dict[str, str],
    password: str,
    *,
    readers: tuple[str, ...] = (),
) -> DatabaseNode:
    database = variables.get("DATABASE_NAME", _DEFAULT_DATABASE)
    prefix = name.upper().replace("-", "_")
    return DatabaseNode(
        name=name,
        store=store,
        dsn=make_conninfo("", host=host, port=port, dbname=database, **login),
        host=host,
        port=port,
        database=database,
        replication_password=password,
        # A subscriber has no bundle of certificates of ours, so it encrypts and cannot verify.
        replication_sslmode=variables.get("REPLICATION_SSLMODE", "require"),
        readers=readers,
        cluster=variables.get(f"{prefix}_CLUSTER"),
    )


def _login(variables: Mapping[str, str], secrets: Any, prefix: str) -> dict[str, str]:
    if user := variables.get(f"{prefix}_USER"):
        return {"user": user}
    secret = _secret(variables, secrets, f"{prefix}_SECRET")
    return {"user": secret["username"], "password": secret["password"]}


def _encryption(variables: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the TLS of a node whose certificate no authority of PGSSLROOTCERT has signed."""
    mode = variables.get(f"{prefix}_SSLMODE")
    if mode is None:
        return {}
    if mode not in _UNVERIFIED:
        raise DeclinedError(
            f"'{prefix}_SSLMODE' should be one of {', '.join(_UNVERIFIED)}, got '{mode}': to "
            "verify, leave it out and set PGSSLMODE"
        )
    return {"sslmode": mode, "sslrootcert": ""}


def _replication_password(variables: Mapping[str, str], secrets: Any) -> str:
    if "REPLICATION_PASSWORD" in variables:
        return variables["REPLICATION_PASSWORD"]
    if "REPLICATION_SECRET" not in variables:
        return ""  # no store here is replicated
    return _secret(variables, secrets, "REPLICATION_SECRET")["password"]


def _secret(variables: Mapping[str, str], secrets: Any, variable: str) -> dict[str, str]:
    if variable not in variables:
        raise DeclinedError(f"'{variable}' should be set: its host is")
    found = secrets.get_secret_value(SecretId=variables[variable])
    return json.loads(found["SecretString"])


def _port(variable: str, text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise DeclinedError(f"'{variable}' should be a port of 1 to 65535, got '{text}'")
    return int(text)
