"""How a CloudFormation type becomes calls of an API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath

from tests.moto_templates.api_shapes import Properties, as_input, tags_as_input
from tests.moto_templates.deployment import Created, Site

Attributes = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One row of the table.

    `ref` and `attributes` are JMESPath expressions over the call's answer, or over what was sent
    when they begin with `sent.`. `apart` are the properties that the creating call does not take;
    `then` hands them to the calls that do, and may return further attributes, or another `Ref`.
    """

    service: str
    call: str
    ref: str = "''"
    attributes: Mapping[str, str] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    tagged_as: str | None = None  # the ResourceType of Amazon EC2's TagSpecifications
    adapt: Callable[[Site, Properties], Properties] = lambda _site, properties: properties
    then: Callable[[Site, Properties, Attributes], Attributes | None] = lambda *_: None

    def __call__(self, site: Site, properties: Properties) -> Created:
        client = site.client(self.service)
        model = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[self.call]
        ).input_shape
        wanted = self.adapt(site, dict(properties))
        tags = wanted.pop("Tags", None)
        wanted = {
            self.renames.get(key, key): value
            for key, value in wanted.items()
            if key not in self.apart
        }
        sent = as_input(wanted, model)
        if tags:
            sent |= self._tags(tags, model)
        answer = getattr(client, self.call)(**sent)
        everything = {**answer, "sent": sent}
        attributes = {
            name: jmespath.search(path, everything) for name, path in self.attributes.items()
        }
        ref = jmespath.search(self.ref, everything)
        made = attributes | {"Ref": ref}
        made |= self.then(site, properties, made) or {}
        return made.pop("Ref"), made, sent

    def _tags(self, tags: Any, model: Any) -> Properties:
        if self.tagged_as:
            return {"TagSpecifications": [{"ResourceType": self.tagged_as, "Tags": tags}]}
        member = next(name for name in model.members if name.lower() == "tags")
        return {member: tags_as_input(tags, model.members[member])}
