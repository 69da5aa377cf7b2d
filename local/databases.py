"""The background process that has real PostgreSQL behind the clusters of RDS.

`python -m local.databases --endpoint URL --account DIGITS --folder PATH REGION...` runs until
SIGTERM. It looks once a second at the clusters of every Region, starts what is missing, and writes
databases.json: an endpoint's name -> the address at which logins to its server are judged, on the
same port, and its data folder, beside which the operator's socket is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import ssl
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local import replica_nodes
from local.login_keys import LoginKeys
from local.postgres import SUPERUSER, NotReadyError, PostgresServer, PostgresServers, renew
from local.postgres.administrator import administrator_statements, token_statements
from local.postgres.certificate import FILE as AUTHORITY
from local.postgres.certificate import Authority
from local.postgres.listener import DatabaseEntrance, DatabaseListener
from local.replica_nodes import ReplicaNode
from local.target import LocalTarget

FILE = "databases.json"
MASTER_USER = _DATABASE = "mainstay"
_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 15
_PORT = 5432


class LocalDatabases:
    """A server for a cluster's writer, and one, a streaming standby, for all of its readers.

    A copy in another Region is a standby of its global database's writer. The two nodes of the
    delayed replica are servers at their network interfaces' addresses; an operation that ends the
    delayed one finds it started again, as systemd does there.
    """

    def __init__(
        self,
        target: LocalTarget,
        regions: tuple[str, ...],
        servers: PostgresServers,
        listener: DatabaseListener,
    ) -> None:
        # A client takes longer to make than all its calls of a minute.
        self._client = cache(target.client)
        self._target, self._regions, self._servers = target, regions, servers
        self._listener = listener
        folder = target.folder / "databases"
        # Amazon RDS has an authority per Region, and one bundle of them all.
        self._authorities = {
            region: Authority(folder / region, servers.folder, name=f"Amazon RDS {region} Root CA")
            for region in regions
        }
        bundle = b"".join(authority.certificate for authority in self._authorities.values())
        (folder / AUTHORITY).write_bytes(bundle)
        # A node signs its own certificate, which nobody's bundle knows.
        self._unknown = Authority(folder / "nodes", servers.folder)
        self._all: dict[str, PostgresServer] = {}  # by address
        self._writers: dict[str, PostgresServer] = {}  # by the cluster's ARN
        self.addresses: dict[str, str] = {}  # by the endpoint's name
        self._alone: dict[str, str] = {}  # endpoints of readers where there is none
        self._nodes: dict[str, PostgresServer] = {}  # replica nodes, by address

    def step(self) -> None:
        """Start the servers that RDS lists and that do not run; forget what is gone."""
        there: set[str] = set()
        copies: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for region in self._regions:
            rds = self._client("rds", region)
            groups = rds.describe_global_clusters()["GlobalClusters"]
            for cluster in rds.describe_db_clusters()["DBClusters"]:
                there |= {cluster["Endpoint"], cluster["ReaderEndpoint"]}
                group = next((g for g in groups if _member(g, cluster, writer=False)), None)
                if group is not None:
                    copies.append((cluster, group))
                elif cluster["DBClusterMembers"]:
                    self._cluster(cluster)
            there |= self._replicas(region)
        for cluster, group in copies:
            self._copy(cluster, group)
        self._forget(there)
        self._write()

    def _cluster(self, cluster: dict[str, Any]) -> None:
        name, writer = cluster["DBClusterIdentifier"], cluster["Endpoint"]
        if writer not in self.addresses:
            server = self._servers.start(name)
            password = self._password(_region(cluster), f"{name}/master")
            self._administrate(server, password, cluster["DatabaseName"])
            for statement in token_statements(MASTER_USER):
                server.rows(statement)
            self._writers[cluster["DBClusterArn"]] = server
            self.addresses[writer] = self._open(server, cluster)
            self._write()
        reader = cluster["ReaderEndpoint"]
        if reader not in self.addresses and len(cluster["DBClusterMembers"]) > 1:
            server = self._servers.standby(
                f"{name}-reader", of=self._writers[cluster["DBClusterArn"]]
            )
            self.addresses[reader] = self._open(server, cluster)
            self._write()
        elif reader not in self.addresses:
            # As on AWS: without a reader its endpoint leads to the writer.
            self._alone[reader] = self.addresses[writer]

    def _copy(self, cluster: dict[str, Any], group: dict[str, Any]) -> None:
        first = next(m["DBClusterArn"] for m in group["GlobalClusterMembers"] if m["IsWriter"])
        if cluster["Endpoint"] in self.addresses or first not in self._writers:
            return
        server = self._servers.standby(cluster["DBClusterIdentifier"], of=self._writers[first])
        # Writer or reader of a copy: both read, until it is promoted.
        self.addresses[cluster["Endpoint"]] = self.addresses[cluster["ReaderEndpoint"]] = (
            self._open(server, cluster)
        )

    def _forget(self, there: set[str]) -> None:
        """End the servers that no endpoint leads to any more."""
        for known in (self.addresses, self._alone):
            for name in known.keys() - there:
                del known[name]
        for address in self._all.keys() - set(self.addresses.values()):
            self._listener.close(address)
            self._servers.remove(self._all.pop(address))
        running = self._all.values()
        self._nodes = {name: one for name, one in self._nodes.items() if one in running}

    def _replicas(self, region: str) -> set[str]:
        nodes = replica_nodes.read(self._client("ec2", region))
        for node in nodes:
            if node.address not in self._nodes:
                self._replica(node, region)
            elif node.follower is not None:
                self._renew(self._nodes[node.address], of=self._nodes[node.follower])
        return {node.address for node in nodes}

    def _renew(self, standby: PostgresServer, *, of: PostgresServer) -> None:
        """One that does not start, such as towards a point it cannot reach, holds up no other."""
        try:
            renew(self._servers, standby, of=of)
        except NotReadyError as error:
            print(error, flush=True)

    def _replica(self, node: ReplicaNode, region: str) -> None:
        if node.follower is None:
            server = self._servers.start("follower")
            self._administrate(server, self._password(region, node.secret), _DATABASE)
            # As its boot has it: a server of our own has an owner, where Amazon RDS lends none.
            server.rows(f"ALTER ROLE {MASTER_USER} SUPERUSER")
        elif node.follower in self._nodes:
            server = self._servers.standby(
                "delayed",
                of=self._nodes[node.follower],
                recovery_min_apply_delay=f"{node.delay_minutes}min",
            )
        else:
            return
        self._nodes[node.address] = server
        address = self._servers.free_host(_PORT)
        tls = self._unknown.context(address)
        self._listen(server, address, region, (node.address,), tls, users="")
        self.addresses[node.address] = address

    def _open(self, server: PostgresServer, cluster: dict[str, Any]) -> str:
        """Return the address at which logins to a cluster's server are judged from now on."""
        address, region = self._servers.free_host(_PORT), _region(cluster)
        hosts = (cluster["Endpoint"], cluster["ReaderEndpoint"])
        tls = self._authorities[region].context(address, *hosts)
        place = f"{region}:{self._target.account}"
        users = f"arn:aws:rds-db:{place}:dbuser:{cluster['DbClusterResourceId']}"
        self._listen(server, address, region, hosts, tls, users=users)
        return address

    def _listen(
        self,
        server: PostgresServer,
        address: str,
        region: str,
        hosts: tuple[str, ...],
        tls: ssl.SSLContext,
        *,
        users: str,
    ) -> None:
        assert server.socket is not None
        self._listener.listen(
            DatabaseEntrance(
                address=address,
                port=_PORT,
                socket=server.socket,
                tls=tls,
                region=region,
                hosts=hosts,
                users=users,
            )
        )
        self._all[address] = server

    def _password(self, region: str, secret: str | None) -> str | None:
        """Return the password in a secret, by its name; None where there is no such secret."""
        secrets = self._client("secretsmanager", region)
        try:
            found = secrets.get_secret_value(SecretId=secret)
        except secrets.exceptions.ResourceNotFoundException:
            return None
        return json.loads(found["SecretString"])["password"]

    def _administrate(self, server: PostgresServer, password: str | None, database: str) -> None:
        for statement in (
            *administrator_statements(MASTER_USER),
            sql.SQL("ALTER ROLE {} PASSWORD {}")
            .format(sql.Identifier(MASTER_USER), sql.Literal(password))
            .as_string(),
            f"CREATE DATABASE {database} OWNER {MASTER_USER}",
        ):
            # In the database whose rights every new one begins with.
            server.rows(statement, database="template1")

    def _write(self) -> None:
        fresh = self._target.folder / f"{FILE}.new"
        known = {**self._alone, **self.addresses}
        written = {
            "folder": str(self._servers.folder),
            "addresses": known,
            "servers": {name: str(self._all[address].folder) for name, address in known.items()},
        }
        fresh.write_text(json.dumps(written))
        fresh.rename(self._target.folder / FILE)


def _region(cluster: dict[str, Any]) -> str:
    return cluster["DBClusterArn"].split(":")[3]


def _member(group: dict[str, Any], cluster: dict[str, Any], *, writer: bool) -> bool:
    return any(
        member["DBClusterArn"] == cluster["DBClusterArn"] and member["IsWriter"] is writer
        for member in group["GlobalClusterMembers"]
    )


def read(folder: Path) -> dict[str, str]:
    """Return the name of each endpoint -> its address here; empty where no databases run."""
    try:
        return json.loads((folder / FILE).read_text())["addresses"]
    except (OSError, ValueError):
        return {}


def writer_of(folder: Path, cluster: str) -> str:
    """Return the name of the writer endpoint of the cluster whose identifier ends so.

    Raises LookupError where no server listens for it.
    """
    for name in read(folder):
        identifier, _, domain = name.partition(".")
        if identifier.endswith(f"-{cluster}") and not domain.startswith("cluster-ro-"):
            return name
    raise LookupError(f"no server listens for the writer of '{cluster}'")


def data_folder(folder: Path, name: str) -> Path:
    """Return the data folder of the server behind an endpoint's name, or a node's address.

    Raises KeyError where there is none.
    """
    return Path(json.loads((folder / FILE).read_text())["servers"][name])


def operator(folder: Path, name: str) -> str:
    """Return a superuser's connection to the server behind an endpoint's name.

    It comes by the server's socket, as an operator of AWS's own would: no login is judged.
    """
    data = data_folder(folder, name)
    return make_conninfo(
        "",
        host=f"{data}.socket",
        port=_PORT,
        dbname=_DATABASE,
        user=SUPERUSER,
        connect_timeout=5,
    )


def forget(folder: Path) -> None:
    """Remove the data of servers that were killed before they could."""
    try:
        data = Path(json.loads((folder / FILE).read_text())["folder"])
    except (OSError, ValueError):
        return
    shutil.rmtree(data, ignore_errors=True)
    (folder / FILE).unlink()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.databases", description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("regions", nargs="+")
    given = parser.parse_args(argv)
    target = LocalTarget(endpoint=given.endpoint, account=given.account, folder=given.folder)
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopping.append(number))
    with (
        PostgresServers(administrator=MASTER_USER) as servers,
        DatabaseListener(LoginKeys(target)) as listener,
    ):
        databases = LocalDatabases(target, tuple(given.regions), servers, listener)
        answered = time.monotonic()
        while not stopping and time.monotonic() - answered < _TIMEOUT_SECONDS:
            try:
                databases.step()
                answered = time.monotonic()
            except (BotoCoreError, ClientError) as error:
                print(f"{type(error).__name__}: {error}", flush=True)
            time.sleep(_PAUSE_SECONDS)
    (target.folder / FILE).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
