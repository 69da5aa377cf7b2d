"""AWS::KMS::ReplicaKey."""

from __future__ import annotations

import json

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.tags import as_map, change


@kind("AWS::KMS::ReplicaKey")
class ReplicaKey(ResourceKind):
    """A key's replica in another Region: what one encrypts, the other decrypts."""

    replaced_by = ("PrimaryKeyArn",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        primary = properties["PrimaryKeyArn"]
        region = client("kms").meta.region_name
        tags = [{"TagKey": key, "TagValue": value} for key, value in as_map(properties).items()]
        made = client("kms", primary.split(":")[3]).replicate_key(
            KeyId=primary,
            ReplicaRegion=region,
            Policy=json.dumps(properties["KeyPolicy"]),
            Description=properties.get("Description", ""),
            Tags=tags,
        )["ReplicaKeyMetadata"]
        self._enable(made["KeyId"], properties)
        return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        kms = client("kms")
        kms.update_key_description(KeyId=physical_id, Description=new.get("Description", ""))
        kms.put_key_policy(
            KeyId=physical_id, PolicyName="default", Policy=json.dumps(new["KeyPolicy"])
        )
        self._enable(physical_id, new)
        changed = change(old, new)
        if changed.gone:
            kms.untag_resource(KeyId=physical_id, TagKeys=changed.gone)
        if changed.put:
            tags = [{"TagKey": key, "TagValue": value} for key, value in changed.put.items()]
            kms.tag_resource(KeyId=physical_id, Tags=tags)
        arn = kms.describe_key(KeyId=physical_id)["KeyMetadata"]["Arn"]
        return Made(physical_id, {"Arn": arn, "KeyId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        days = int(properties.get("PendingWindowInDays", 30))
        client("kms").schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=days)

    def _enable(self, key: str, properties: Properties) -> None:
        enabled = str(properties.get("Enabled", True)).lower() == "true"
        switch = client("kms").enable_key if enabled else client("kms").disable_key
        switch(KeyId=key)
