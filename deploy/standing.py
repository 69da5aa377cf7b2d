"""An environment's stacks as they stand: what a destroy meets, whatever the files say by now."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from deploy.clients import Clients
from deploy.live import LiveResource, LiveStack, live_stacks, resources
from review.assembly import Stack
from review.retained import StackTemplate


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A stack that stands: `stack` is the assembly's, with the template that was deployed."""

    stack: Stack
    live: LiveStack
    resources: tuple[LiveResource, ...]

    @property
    def template(self) -> StackTemplate:
        return StackTemplate(
            name=self.stack.name,
            region=self.stack.region,
            protected=self.live.protected,
            resources=self.stack.resources,
        )

    def physical_id(self, logical_id: str) -> str | None:
        """None for what is in the template and was never made."""
        found = {one.logical_id: one.physical_id for one in self.resources}
        return found.get(logical_id)


def standing(clients: Clients, stacks: Iterable[Stack]) -> tuple[Standing, ...]:
    """Those of the assembly's stacks that stand, in its order."""
    read = {stack.path: stack for stack in stacks}
    return tuple(
        Standing(
            stack=_as_deployed(clients, read[path]),
            live=live,
            resources=resources(clients, live),
        )
        for path, live in live_stacks(clients, read.values()).items()
    )


def _as_deployed(clients: Clients, stack: Stack) -> Stack:
    """With the resources and outputs of its live template."""
    body = clients("cloudformation", stack.region).get_template(StackName=stack.name)[
        "TemplateBody"
    ]
    template = json.loads(body) if isinstance(body, str) else body  # an SDK reads JSON by itself
    return replace(
        stack, resources=template.get("Resources", {}), outputs=template.get("Outputs", {})
    )
