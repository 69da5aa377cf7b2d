"""Web ACLs: a change of their tags."""

from __future__ import annotations

from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.tags import change
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::WAFv2::WebACL", _tag)


def _tag(made: Made, old: Properties, new: Properties) -> None:
    changed = change(old, new)
    arn = made.attributes["Arn"]
    if changed.gone:
        client("wafv2").untag_resource(ResourceARN=arn, TagKeys=changed.gone)
    if changed.put:
        client("wafv2").tag_resource(ResourceARN=arn, Tags=changed.pairs)
