"""Physical names of an environment that more than one tier must know."""

from __future__ import annotations

from config.databases import ReportingCluster
from config.model import Environment, Region

# The clusters by their parts, which are the ids of their stacks and of their log groups.
_CLUSTERS = {
    "EntityA": "entity-a",
    "EntityB": "entity-b",
    "EntityCopy": "entity-copy",
    "Transaction": "transaction-a",
    "TransactionCopy": "transaction-copy",
    "Reporting": "reporting",
}


def named(environment: Environment, what: str) -> str:
    """Return the physical name of one of the environment's own things."""
    return f"mainstay-{environment.name}-{what}"


def cluster_name(environment: Environment, part: str) -> str:
    """Return a cluster's identifier, unique in all Regions as a global database wants it."""
    return named(environment, _CLUSTERS[part])


def session_table_name(environment: Environment) -> str:
    """Return the session table's name, which every Region's replica has."""
    return named(environment, "sessions")


def cluster_parts(environment: Environment, region: Region) -> list[str]:
    """Return the parts of the clusters that stand in a Region."""
    if region is not environment.primary:
        return ["EntityCopy", "TransactionCopy"]
    databases = environment.databases
    parts = ["EntityA", "Transaction"]
    if databases.entity.master_b is not None:
        parts.append("EntityB")
    if isinstance(databases.reporting, ReportingCluster):
        parts.append("Reporting")
    return parts
