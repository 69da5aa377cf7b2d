"""Resources that CloudFormation replaces: the old one goes once the new one stands."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from review.template_diff.changes import REPLACED, ResourceChange, StackChange
from review.template_diff.findings import Danger, DangerKind, Note
from review.template_diff.stateful import STATEFUL_TYPES

# Type -> why its replacement is how it changes at all, and harms nothing by itself.
HARMLESS_REPLACEMENTS = {
    "AWS::ECS::TaskDefinition": "a revision is immutable; the service moves to the new one",
    "AWS::Lambda::Version": "a version is immutable; the alias moves to the new one",
    "AWS::Lambda::LayerVersion": "a version is immutable; functions move to the new one",
    "AWS::ApiGateway::Deployment": "a deployment is immutable; the stage moves to the new one",
    "AWS::ApiGatewayV2::Deployment": "a deployment is immutable; the stage moves to the new one",
    "AWS::AppConfig::HostedConfigurationVersion": "a version is immutable",
    "AWS::StepFunctions::StateMachineVersion": "a version is immutable; the alias moves to it",
    "AWS::AutoScaling::LaunchConfiguration": "immutable; the group moves to the new one",
    "AWS::EC2::SecurityGroupIngress": "what the rule opens is judged under security groups",
    "AWS::EC2::SecurityGroupEgress": "what the rule opens is judged under security groups",
    "AWS::Lambda::Permission": "what it grants is judged under IAM",
}


def replacement_dangers(stack: StackChange) -> Iterator[Danger | Note]:
    """Yield a danger per cause, with what is replaced only because it refers to it.

    A replaced stateful resource is a danger of that kind instead, and is not reported twice.
    """
    dangers: dict[str, Note] = {}
    for change in stack.resources:
        if change.impact not in REPLACED or change.before_type in STATEFUL_TYPES:
            continue
        what = f"`{change.before_type}` {_how(change)}"
        found = Note(stack=stack.name, resource=change.logical_id, path=change.path, what=what)
        harmless = HARMLESS_REPLACEMENTS.get(change.type)
        if harmless and change.before_type == change.after_type:
            yield replace(found, what=f"{what}: {harmless}")
        else:
            dangers[change.logical_id] = found
    following: dict[str, list[str]] = defaultdict(list)
    for logical_id, found in dangers.items():
        cause = _cause(stack, logical_id, set(dangers))
        if cause == logical_id:
            following.setdefault(cause, [])
        else:
            following[cause].append(f"with it `{found.path}`: {found.what}")
    for logical_id, lines in following.items():
        yield Danger(kind=DangerKind.REPLACEMENT, **vars(dangers[logical_id]), items=tuple(lines))


def _how(change: ResourceChange) -> str:
    verb = "is replaced" if change.is_certain else "may be replaced"
    if change.before_type != change.after_type:
        return f"{verb} by `{change.after_type}`, which CloudFormation refuses under one logical id"
    return f"{verb} by `{'`, `'.join(change.replacing)}`" if change.replacing else verb


def _cause(stack: StackChange, logical_id: str, replaced: set[str]) -> str:
    """Return the resource whose replacement leads, by references, to this one."""
    changes = {change.logical_id: change for change in stack.resources}
    seen = {logical_id}
    while True:
        replacing = changes[logical_id].replacing
        old, new = (
            [side[logical_id].get("Properties", {}).get(name) for name in replacing]
            for side in (stack.old, stack.new)
        )
        # With the same text on both sides, only what the text refers to can have changed.
        referred = re.findall(r'"(\w+)"', json.dumps(new)) if replacing and old == new else []
        causes = [name for name in referred if name in replaced - seen]
        if not causes:
            return logical_id
        logical_id = causes[0]
        seen.add(logical_id)
