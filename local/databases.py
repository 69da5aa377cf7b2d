"""The background process that has real PostgreSQL behind the clusters of RDS.

`python -m local.databases --endpoint URL --account DIGITS --folder PATH REGION...` runs until
SIGTERM. It looks twice a second at the clusters of every Region, starts what is missing, and writes
databases.json: an endpoint's name -> the address at which its server listens, on the same port.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import replica_nodes
from local.postgres import NotReadyError, PostgresServer, PostgresServers, renew
from local.postgres.administrator import administrator_statements
from local.postgres.certificate import Authority
from local.replica_nodes import ReplicaNode
from local.target import LocalTarget

FILE = "databases.json"
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
        self, target: LocalTarget, regions: tuple[str, ...], servers: PostgresServers
    ) -> None:
        # A client takes longer to make than all its calls of a minute.
        self._client = cache(target.client)
        self._target, self._regions, self._servers = target, regions, servers
        self._authority = Authority(target.folder / "databases", servers.folder)
        self._all: list[PostgresServer] = []
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
            server = self._served(name)
            self._administrate(server, cluster["MasterUsername"], cluster["DatabaseName"])
            self._writers[cluster["DBClusterArn"]] = server
            self.addresses[writer] = server.host
            self._write()
        reader = cluster["ReaderEndpoint"]
        if reader not in self.addresses and len(cluster["DBClusterMembers"]) > 1:
            server = self._standby(f"{name}-reader", self._writers[cluster["DBClusterArn"]])
            self.addresses[reader] = server.host
            self._write()
        elif reader not in self.addresses:
            # As on AWS: without a reader its endpoint leads to the writer.
            self._alone[reader] = self.addresses[writer]

    def _copy(self, cluster: dict[str, Any], group: dict[str, Any]) -> None:
        first = next(m["DBClusterArn"] for m in group["GlobalClusterMembers"] if m["IsWriter"])
        if cluster["Endpoint"] in self.addresses or first not in self._writers:
            return
        server = self._standby(cluster["DBClusterIdentifier"], self._writers[first])
        # Writer or reader of a copy: both read, until it is promoted.
        self.addresses[cluster["Endpoint"]] = self.addresses[cluster["ReaderEndpoint"]] = (
            server.host
        )

    def _forget(self, there: set[str]) -> None:
        """End the servers that no endpoint leads to any more."""
        for known in (self.addresses, self._alone):
            for name in known.keys() - there:
                del known[name]
        used = set(self.addresses.values())
        for server in [one for one in self._all if one.host not in used]:
            self._all.remove(server)
            self._servers.remove(server)
        self._nodes = {name: one for name, one in self._nodes.items() if one in self._all}

    def _replicas(self, region: str) -> set[str]:
        nodes = replica_nodes.read(self._client("ec2", region))
        for node in nodes:
            if node.address not in self._nodes:
                self._replica(node)
            elif node.follower is not None:
                self._renew(self._nodes[node.address], of=self._nodes[node.follower])
        return {node.address for node in nodes}

    def _renew(self, standby: PostgresServer, *, of: PostgresServer) -> None:
        """One that does not start, such as towards a point it cannot reach, holds up no other."""
        try:
            renew(self._servers, standby, of=of)
        except NotReadyError as error:
            print(error, flush=True)

    def _replica(self, node: ReplicaNode) -> None:
        if node.follower is None:
            server = self._served("follower")
            self._administrate(server, "mainstay", "mainstay")
        elif node.follower in self._nodes:
            server = self._standby(
                "delayed",
                self._nodes[node.follower],
                recovery_min_apply_delay=f"{node.delay_minutes}min",
            )
        else:
            return
        self._nodes[node.address] = server
        self.addresses[node.address] = server.host

    def _served(self, name: str) -> PostgresServer:
        host = self._servers.free_host(_PORT)
        made = self._servers.start(name, (host, _PORT), **self._authority.settings(host))
        self._all.append(made)
        return made

    def _standby(self, name: str, of: PostgresServer, **more: Any) -> PostgresServer:
        host = self._servers.free_host(_PORT)
        settings = self._authority.settings(host) | more
        made = self._servers.standby(name, (host, _PORT), of=of, **settings)
        self._all.append(made)
        return made

    def _administrate(self, server: PostgresServer, user: str, database: str) -> None:
        made = f"CREATE DATABASE {database} OWNER {user}"
        for statement in (*administrator_statements(user), made):
            # In the database whose rights every new one begins with.
            server.rows(statement, database="template1")

    def _write(self) -> None:
        fresh = self._target.folder / f"{FILE}.new"
        known = {**self._alone, **self.addresses}
        fresh.write_text(json.dumps({"folder": str(self._servers.folder), "addresses": known}))
        fresh.rename(self._target.folder / FILE)


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
    with PostgresServers() as servers:
        databases = LocalDatabases(target, tuple(given.regions), servers)
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
