"""Logins of servers to a relational store: by a token of their role, and by no password."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from mainstay.acknowledge import acknowledge_inline_policy
from mainstay.database.relational_store import RelationalStore
from mainstay.database.store_kind import DATABASE
from mainstay.network.tier_security_groups import DATABASE_PORT
from mainstay.references import cross_region

# The bootstrap's roles: one may write where the other reads (service/operations/node.py).
_READER, _WRITER = "app_reader", "app_writer"

# Amazon RDS signs its servers' certificates itself; the image carries its authorities here.
CERTIFICATES = "/etc/ssl/rds.pem"


@dataclass(frozen=True, kw_only=True)
class StoreCluster:
    """A cluster as servers of some Region reach it: their own, or another's over the peering."""

    writer: str
    reader: str
    users: str  # ARN of whoever logs in there, without the name

    @classmethod
    def of(cls, store: RelationalStore, *, same_region: bool) -> StoreCluster:
        """Return the store's cluster for servers of its own Region, or of another one.

        Servers of another Region read its addresses when they are deployed.
        """
        cluster, stack = store.cluster, cdk.Stack.of(store)

        def known(value: str) -> str:
            return value if same_region else cross_region(value)

        return cls(
            writer=known(cluster.cluster_endpoint.hostname),
            reader=known(cluster.cluster_read_endpoint.hostname),
            users=f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser:"
            f"{known(cluster.cluster_resource_identifier)}",
        )


@dataclass(frozen=True, kw_only=True)
class StoreAccess:
    """A store's servers in order of preference; a grant is a permission and what it is good for.

    `name` begins the names of the variables: ENTITY or TRANSACTION.
    """

    name: str
    writers: tuple[StoreCluster, ...]
    readers: tuple[StoreCluster, ...]

    def grant_read(self, grantee: iam.IRole) -> dict[str, str]:
        """Log in to the readers as the role that reads. Returns the grantee's variables."""
        self._grant(grantee, self.readers, _READER)
        hosts = (cluster.reader for cluster in self.readers)
        return {**_LOGIN, f"{self.name}_READERS": _listed(hosts)}

    def grant_write(self, grantee: iam.IRole) -> dict[str, str]:
        """Log in to the writers as the role that writes. Returns the grantee's variables."""
        self._grant(grantee, self.writers, _WRITER)
        hosts = (cluster.writer for cluster in self.writers)
        return {**_LOGIN, f"{self.name}_WRITER": _listed(hosts)}

    def _grant(self, grantee: iam.IRole, clusters: tuple[StoreCluster, ...], user: str) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["rds-db:connect"],
            resource_arns=[f"{cluster.users}/{user}" for cluster in clusters],
        )
        acknowledge_inline_policy(grantee)


_LOGIN = {
    "DATABASE_NAME": DATABASE,
    "DATABASE_AUTH": "iam",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": CERTIFICATES,
}


def _listed(hosts: Iterable[str]) -> str:
    return ",".join(f"{host}:{DATABASE_PORT}" for host in hosts)
