"""An environment's stacks as they stand, whatever is in the files by now."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from assembly.stack import Stack
from deploy.clients import AwsClients
from deploy.live import LiveResource, LiveStack, live_stacks, resources


@dataclass(frozen=True, kw_only=True)
class StandingStack:
    """A stack that stands: `stack` is the assembly's, with the template that was deployed."""

    stack: Stack
    live: LiveStack
    resources: tuple[LiveResource, ...]

    def physical_id(self, logical_id: str) -> str | None:
        """Return a resource's id; None for what is in the template and was never made."""
        found = {one.logical_id: one.physical_id for one in self.resources}
        return found.get(logical_id)


def standing(clients: AwsClients, stacks: Iterable[Stack]) -> tuple[StandingStack, ...]:
    """Return those of the assembly's stacks that stand, in its order."""
    read = {stack.path: stack for stack in stacks}
    return tuple(
        StandingStack(
            stack=replace(read[path], template=_live_template(clients, live)),
            live=live,
            resources=resources(clients, live),
        )
        for path, live in live_stacks(clients, read.values()).items()
    )


def _live_template(clients: AwsClients, live: LiveStack) -> dict:
    answer = clients("cloudformation", live.region).get_template(StackName=live.name)
    body = answer["TemplateBody"]
    return json.loads(body) if isinstance(body, str) else body  # an SDK reads JSON by itself
