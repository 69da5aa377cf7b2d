"""Brings one Aurora cluster's readers to the number of another's, by its autoscaling's minimum.

In READ_ONLY the readers of the master that is not written take all reads (docs/service-modes.md),
and the other one's may have scaled out.
"""

from __future__ import annotations

from typing import Any

_NAMESPACE, _DIMENSION = "rds", "rds:cluster:ReadReplicaCount"


def available(rds: Any, cluster: str) -> int:
    """Return how many readers of a cluster are available."""
    [found] = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    readers = {
        each["DBInstanceIdentifier"]
        for each in found["DBClusterMembers"]
        if not each["IsClusterWriter"]
    }
    pages = rds.get_paginator("describe_db_instances").paginate(
        Filters=[{"Name": "db-cluster-id", "Values": [cluster]}]
    )
    return sum(
        each["DBInstanceIdentifier"] in readers and each["DBInstanceStatus"] == "available"
        for page in pages
        for each in page["DBInstances"]
    )


def limits(scaling: Any, cluster: str) -> tuple[int, int] | None:
    """Return the least and the most readers of a cluster; None where nothing scales them."""
    found = scaling.describe_scalable_targets(
        ServiceNamespace=_NAMESPACE,
        ResourceIds=[f"cluster:{cluster}"],
        ScalableDimension=_DIMENSION,
    )["ScalableTargets"]
    return (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else None


def set_least(scaling: Any, cluster: str, least: int) -> None:
    """Set the least readers of a cluster, never above its most; nothing is sent where it is so."""
    found = limits(scaling, cluster)
    if found is None or found[0] == min(least, found[1]):
        return
    scaling.register_scalable_target(
        ServiceNamespace=_NAMESPACE,
        ResourceId=f"cluster:{cluster}",
        ScalableDimension=_DIMENSION,
        MinCapacity=min(least, found[1]),
    )


def raise_least(rds: Any, scaling: Any, *, source: str, target: str) -> tuple[int, int] | None:
    """Let a target have as many readers as the source has now; never fewer than it has to.

    Returns how many it has to have, and how many are available; None where nothing scales it.
    """
    found = limits(scaling, target)
    if found is None:
        return None
    least, most = found
    wanted = min(max(least, available(rds, source)), most)
    set_least(scaling, target, wanted)
    return wanted, available(rds, target)
