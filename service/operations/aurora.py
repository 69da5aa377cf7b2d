"""A reader of an Aurora cluster takes over by the RDS API: asked for once, whoever runs it again.

Who writes is asked of the API, and whether that instance is lost of the instance itself, by its own
name: the cluster's name may for seconds still lead to the one that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from botocore.exceptions import ClientError
from psycopg.conninfo import make_conninfo

from service.operations.detection import answers_at, is_lost_at
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator, print_event, print_statement

POLL_SECONDS = 2.0  # between two questions to the API, which limits how many it answers
# Of a cluster that changes its writer already, or of a target that has become the writer.
_UNDER_WAY = ("InvalidDBClusterStateFault", "InvalidDBInstanceState")


@dataclass(frozen=True, kw_only=True)
class AuroraCluster:
    """A cluster as the API describes it: status, writer, and readers by order of promotion."""

    status: str
    writer: str | None
    readers: tuple[str, ...]


def fail_over(operator: Operator, rds: Any, master: str) -> str:
    """Let a reader of a lost master's cluster take over, and wait until the cluster's name writes.

    `rds` is a boto3 client. Returns the instance that writes. DeclinedError if no reader answers.
    A failover that is under way, Aurora's own or an earlier call's, is waited for.
    """
    node = operator.node(master)
    found = describe(rds, node)
    # While the writer changes, the API may name the old one or the new one: that is waited for.
    lost = None if found.status == "failing-over" else found.writer
    if lost and is_lost_at(instance_dsn(node, lost)):
        _ask_for(operator, rds, node, found)
    else:
        lost = None  # a writer is there, or coming: only the name has to follow
    latest = found

    def done() -> bool:
        nonlocal latest
        latest = describe(rds, node)
        return latest.status == "available" and latest.writer != lost and writes(operator, master)

    operator.wait(done, f"the endpoint of {master} has a writer", every=POLL_SECONDS)
    print_event({"lost": master, "promoted": latest.writer, "next": ["heal"]})
    return latest.writer or ""


def nothing_to_do(rds: Any, node: DatabaseNode) -> str:
    """The instance that writes, of a cluster that has changed its writer already, or needs not."""
    writer = describe(rds, node).writer or ""
    print_event({"writes": writer, "done": f"{node.name} takes writes: nothing was to be done"})
    return writer


def describe(rds: Any, node: DatabaseNode) -> AuroraCluster:
    """The cluster of a node."""
    [found] = rds.describe_db_clusters(DBClusterIdentifier=node.cluster)["DBClusters"]
    members = sorted(found["DBClusterMembers"], key=lambda member: member["PromotionTier"])
    names = {True: [], False: []}
    for member in members:
        names[member["IsClusterWriter"]].append(member["DBInstanceIdentifier"])
    return AuroraCluster(
        status=found["Status"],
        writer=next(iter(names[True]), None),
        readers=tuple(names[False]),
    )


def instance_dsn(node: DatabaseNode, instance: str) -> str:
    """Return the connection string of one instance: its name stands in place of the cluster's.

    Amazon Aurora User Guide, "Amazon Aurora endpoint connections": the cluster's endpoint begins
    with <cluster>.cluster-, an instance's with <instance>.
    """
    begin = f"{node.cluster}.cluster-"
    if not node.host.startswith(begin):
        raise DeclinedError(
            f"the host of {node.name} should be the endpoint of cluster '{node.cluster}', got "
            f"'{node.host}'"
        )
    return make_conninfo(node.dsn, host=f"{instance}.{node.host.removeprefix(begin)}")


def _ask_for(operator: Operator, rds: Any, node: DatabaseNode, found: AuroraCluster) -> None:
    """Ask for the first reader that answers, by name: asked twice, it is still the same one."""
    target = next((one for one in found.readers if answers_at(instance_dsn(node, one))), None)
    if target is None:
        raise DeclinedError(f"no reader of {node.name} answers: promote the other master")
    print_statement(f"/* RDS */ FailoverDBCluster {node.cluster} to {target};")
    if operator.dry_run:
        return
    try:
        rds.failover_db_cluster(DBClusterIdentifier=node.cluster, TargetDBInstanceIdentifier=target)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _UNDER_WAY:
            raise
        print_statement(f"-- {node.cluster} changes its writer already: {error}")


def writes(operator: Operator, master: str) -> bool:
    try:
        return not operator.on(master).value("SELECT pg_is_in_recovery()")
    except psycopg.OperationalError:
        return False
