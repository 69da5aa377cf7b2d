"""AWS::SSM::Document."""

from __future__ import annotations

import json
from typing import Any

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Naming, Properties, ResourceKind, kind
from local.emulator.extension.shapes import request


@kind("AWS::SSM::Document")
class Document(ResourceKind):
    """With UpdateMethod NewVersion a change makes a version, else (as AWS does) a new document."""

    replaced_by = ("DocumentFormat", "DocumentType", "Name", "Requires", "TargetType")

    def create(self, properties: Properties, naming: Naming) -> Made:
        ssm = client("ssm")
        name = properties.get("Name") or naming.name(longest=128)
        arguments = request(
            ssm, "create_document", {**properties, "Name": name, "Content": _text(properties)},
            without=("UpdateMethod",),
        )  # fmt: skip
        ssm.create_document(**arguments)
        return Made(name, {})

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        ssm = client("ssm")
        if _text(old) != _text(new):
            made = ssm.update_document(
                Name=physical_id,
                Content=_text(new),
                DocumentVersion="$LATEST",
                DocumentFormat=new.get("DocumentFormat", "JSON"),
            )["DocumentDescription"]
            ssm.update_document_default_version(
                Name=physical_id, DocumentVersion=made["DocumentVersion"]
            )
        return Made(physical_id, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        client("ssm").delete_document(Name=physical_id)


def _text(properties: Properties) -> str:
    content: Any = properties["Content"]
    return content if isinstance(content, str) else json.dumps(content)
