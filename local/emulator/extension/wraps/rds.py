"""Clusters and instances of Aurora: their answers show membership, parameters and encryption."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from local.emulator.extension import inside
from local.emulator.extension.kinds.rds import tag
from local.emulator.extension.models import service
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.shapes import fit
from local.emulator.extension.wraps.around import after

# Property -> member of the cluster's record; the API's model has its type.
_CLUSTER = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "AvailabilityZones": "AvailabilityZones",
    "BacktrackWindow": "BacktrackWindow",
    "DBClusterParameterGroupName": "DBClusterParameterGroup",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "KmsKeyId": "KmsKeyId",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "NetworkType": "NetworkType",
    "PerformanceInsightsEnabled": "PerformanceInsightsEnabled",
    "PerformanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "StorageType": "StorageType",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
}
_SHOWN = (
    "AutoMinorVersionUpgrade", "BacktrackWindow", "EnabledCloudwatchLogsExports",
    "MonitoringInterval", "MonitoringRoleArn", "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod", "StorageType",
    "DatabaseInsightsMode",
)  # fmt: skip
_INSTANCE_SHOWN = ("PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod")


def install() -> None:
    rds = inside.service("rds")
    rds._cluster_xml = _showing(rds._cluster_xml, _SHOWN)
    rds._instance_xml = _showing(rds._instance_xml, _INSTANCE_SHOWN)
    after("AWS::RDS::DBCluster", _complete_cluster)
    after("AWS::RDS::DBInstance", _complete_instance)
    _leave_before_delete(rds)


def _showing(xml: Any, members: tuple[str, ...]) -> Any:
    """Return `xml` with the members of a record that it leaves out."""

    def shown(record: dict[str, Any]) -> str:
        text = xml(record)
        for member in members:
            value = record.get(member)
            if value is None or f"<{member}>" in text:
                continue
            if isinstance(value, list):
                inner = "".join(f"<member>{escape(str(item))}</member>" for item in value)
            else:
                inner = escape(str(value).lower() if isinstance(value, bool) else str(value))
            text += f"<{member}>{inner}</{member}>"
        return text

    return shown


def _typed(shape: str, properties: Properties, names: dict[str, str]) -> dict[str, Any]:
    members = service("rds").shape_for(shape).members
    return {
        member: fit(members[member], properties[name], name)
        for name, member in names.items()
        if name in properties
    }


def _complete_cluster(made: Made, old: Properties, new: Properties) -> None:
    rds = inside.service("rds")
    record = rds._clusters[made.physical_id]
    record |= _typed("DBCluster", new, _CLUSTER)
    tag(record["DBClusterArn"], old, new)
    _join(rds, record, new)


def _join(rds: Any, cluster: dict[str, Any], properties: Properties) -> None:
    """A cluster that names a global one is a member of it, after its first the reading one."""
    name = properties.get("GlobalClusterIdentifier")
    if not name or cluster.get("GlobalClusterIdentifier") == name:
        return
    group = rds._resolve_global_cluster(name)
    if group is None:
        raise ValueError(f"Global cluster {name} not found.")
    writer = next((m for m in group["GlobalClusterMembers"] if m["IsWriter"]), None)
    rds._attach_cluster_to_global(group, cluster, is_writer=writer is None)
    if writer is not None and (primary := rds._resolve_cluster(writer["DBClusterArn"])):
        # Its data are the primary's: so are its user and its database.
        for member in ("MasterUsername", "DatabaseName", "_MasterUserPassword"):
            cluster[member] = primary.get(member)


def _leave_before_delete(rds: Any) -> None:
    """A cluster that is deleted leaves its global cluster; one that is protected stays."""
    handler = inside.handlers()["AWS::RDS::DBCluster"]
    delete = handler["delete"]

    def deleted(physical_id: str, properties: Properties) -> None:
        record = rds._clusters.get(physical_id) or {}
        if record.get("DeletionProtection"):
            raise ValueError("Cannot delete protected Cluster, please disable deletion protection")
        group = rds._resolve_global_cluster(record.get("GlobalClusterIdentifier") or "")
        if group is not None:
            members = group["GlobalClusterMembers"]
            group["GlobalClusterMembers"] = [
                m for m in members if m["DBClusterArn"] != record["DBClusterArn"]
            ]
        delete(physical_id, properties)

    handler["delete"] = deleted


def _complete_instance(made: Made, old: Properties, new: Properties) -> None:
    rds = inside.service("rds")
    record = rds._instances[made.physical_id]
    names = {
        "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    }
    record |= _typed("DBInstance", new, names)
    tag(record["DBInstanceArn"], old, new)
    cluster = rds._clusters.get(new.get("DBClusterIdentifier", ""))
    if cluster is None:
        return
    secondary = any(
        member["DBClusterArn"] == cluster["DBClusterArn"] and not member["IsWriter"]
        for group in [rds._resolve_global_cluster(cluster.get("GlobalClusterIdentifier") or "")]
        if group is not None
        for member in group["GlobalClusterMembers"]
    )
    members = cluster["DBClusterMembers"]
    if not old:
        # Aurora's first instance writes; those that follow, and all of a secondary, read.
        members[-1]["IsClusterWriter"] = len(members) == 1 and not secondary
    for member in members:
        if member["DBInstanceIdentifier"] == made.physical_id:
            member["PromotionTier"] = int(new.get("PromotionTier", 1))
    for name in ("StorageEncrypted", "KmsKeyId", "MasterUsername"):
        record[name] = cluster.get(name, record.get(name))
