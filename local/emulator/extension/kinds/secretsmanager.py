"""AWS::SecretsManager::ResourcePolicy."""

from __future__ import annotations

import json

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind


@kind("AWS::SecretsManager::ResourcePolicy")
class ResourcePolicy(ResourceKind):
    replaced_by = ("SecretId",)

    def create(self, properties: Properties, naming: Naming) -> Made:
        self._put(properties)
        return Made(properties["SecretId"], {"Id": properties["SecretId"]})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        self._put(new)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("secretsmanager").delete_resource_policy(SecretId=physical_id)

    def _put(self, properties: Properties) -> None:
        client("secretsmanager").put_resource_policy(
            SecretId=properties["SecretId"],
            ResourcePolicy=json.dumps(properties["ResourcePolicy"]),
        )
