"""AWS::RDS types that the emulator's engine lacks: global clusters and zero-ETL integrations."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import change


def tag(arn: str, old: Properties, new: Properties) -> None:
    """Make the tags of an RDS resource those of the template."""
    changed = change(old, new)
    if changed.gone:
        client("rds").remove_tags_from_resource(ResourceName=arn, TagKeys=changed.gone)
    if changed.put:
        client("rds").add_tags_to_resource(ResourceName=arn, Tags=changed.pairs)


@kind("AWS::RDS::GlobalCluster")
class GlobalCluster(ResourceKind):
    replaced_by = ("GlobalClusterIdentifier", "SourceDBClusterIdentifier", "Engine",
                   "StorageEncrypted")  # fmt: skip

    def create(self, properties: Properties, naming: Naming) -> Made:
        rds = client("rds")
        named = {
            "GlobalClusterIdentifier": naming.name(longest=63, lowercase=True),
            **properties,
        }
        made = rds.create_global_cluster(**request(rds, "create_global_cluster", named))
        return self._made(made["GlobalCluster"])

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        rds = client("rds")
        arguments = request(
            rds, "modify_global_cluster", new, without=("SourceDBClusterIdentifier", "Tags",
            "Engine", "StorageEncrypted", "EngineLifecycleSupport", "GlobalClusterIdentifier"),
        )  # fmt: skip
        made = rds.modify_global_cluster(GlobalClusterIdentifier=physical_id, **arguments)
        tag(made["GlobalCluster"]["GlobalClusterArn"], old, new)
        return self._made(made["GlobalCluster"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        """A global cluster keeps its members; without any it may go."""
        rds = client("rds")
        found = rds.describe_global_clusters(GlobalClusterIdentifier=physical_id)
        members = found["GlobalClusters"][0]["GlobalClusterMembers"]
        for member in sorted(members, key=lambda m: m["IsWriter"]):
            rds.remove_from_global_cluster(
                GlobalClusterIdentifier=physical_id, DbClusterIdentifier=member["DBClusterArn"]
            )
        rds.delete_global_cluster(GlobalClusterIdentifier=physical_id)

    def _made(self, made: dict[str, str]) -> Made:
        attributes = {
            "GlobalClusterArn": made["GlobalClusterArn"],
            "GlobalEndpoint.Address": f"{made['GlobalClusterIdentifier']}.global.rds.amazonaws.com",
        }
        return Made(made["GlobalClusterIdentifier"], attributes)


@kind("AWS::RDS::Integration")
class Integration(ResourceKind):
    replaced_by = ("AdditionalEncryptionContext", "KMSKeyId", "SourceArn", "TargetArn")

    def create(self, properties: Properties, naming: Naming) -> Made:
        rds = client("rds")
        named = {"IntegrationName": naming.name(longest=63, lowercase=True), **properties}
        made = rds.create_integration(**request(rds, "create_integration", named))
        return self._made(made)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        rds = client("rds")
        arguments = request(rds, "modify_integration", new, without=(*self.replaced_by, "Tags"))
        return self._made(rds.modify_integration(IntegrationIdentifier=physical_id, **arguments))

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("rds").delete_integration(IntegrationIdentifier=physical_id)

    def _made(self, made: dict[str, str]) -> Made:
        arn = made["IntegrationArn"]
        return Made(arn, {"IntegrationArn": arn, "CreateTime": str(made["CreateTime"])})
