"""Permissions that a change widens: statements, attachments, trust and guards taken away.

The CDK's differ counts every statement that is new in its text as broadened, narrowed ones too,
and a new `Allow` with `NotAction` as narrowed. So the grants are compared here instead.
"""

from collections import defaultdict
from collections.abc import Iterator

from assembly.intrinsics import referenced
from review.template_diff.changes import StackChange
from review.template_diff.escaping import code
from review.template_diff.findings import Danger, DangerKind
from review.template_diff.grants import Holding, holdings
from review.template_diff.statements import Grant, condition_text


def iam_dangers(stack: StackChange) -> Iterator[Danger]:
    """Yield a danger per holder: the role, user or resource whose permissions grow."""
    before, after = holdings(stack.old), holdings(stack.new)
    for holder in sorted(before.keys() | after.keys()):
        old, new = before.get(holder, Holding()), after.get(holder, Holding())
        resource = referenced(holder)
        if resource is not None and _is_exempt(stack, resource):
            continue
        items = (*_gained(old, new), *_undenied(old, new), *_unguarded(old, new))
        if items:
            yield _danger(stack, resource, new.sources or old.sources, items)


def _is_exempt(stack: StackChange, resource: str) -> bool:
    """A holder that goes takes its denials along; a new endpoint's policy grants nothing."""
    if resource not in stack.new:
        return resource in stack.old
    is_endpoint = stack.new[resource].get("Type") == "AWS::EC2::VPCEndpoint"
    return is_endpoint and resource not in stack.old


def _danger(
    stack: StackChange, holder: str | None, sources: set[str], items: tuple[str, ...]
) -> Danger:
    """Return the danger of a holder, or of the policy where its holder is in another stack."""
    resource = holder if holder is not None and holder in stack.new else min(sources)
    others = sorted(sources - {resource})
    through = f", through `{'`, `'.join(others)}`" if others else ""
    type_ = (stack.new.get(resource) or stack.old[resource]).get("Type")
    return Danger(
        kind=DangerKind.IAM,
        stack=stack.name,
        resource=resource,
        path=stack.path(resource),
        what=f"`{type_}` {'is widened' if resource in stack.old else 'is new'}{through}",
        items=items,
    )


def _gained(old: Holding, new: Holding) -> Iterator[str]:
    allowed = [grant for grant in old.grants if grant.effect != "Deny"]
    fresh = [
        grant
        for grant in new.grants - old.grants
        if grant.effect != "Deny" and not any(had.covers(grant) for had in allowed)
    ]
    yield from (f"allows {line}" for line in _lines(fresh))
    yield from sorted(new.attachments - old.attachments)


def _undenied(old: Holding, new: Holding) -> Iterator[str]:
    denied = [grant for grant in new.grants if grant.effect == "Deny"]
    gone = [
        grant
        for grant in old.grants - new.grants
        if grant.effect == "Deny" and not any(still.covers(grant) for still in denied)
    ]
    yield from (f"no longer denies {line}" for line in _lines(gone))


def _unguarded(old: Holding, new: Holding) -> Iterator[str]:
    yield from (f"loses its {guard}" for guard in sorted(old.guards - new.guards))


def _lines(grants: list[Grant]) -> list[str]:
    """Yield a line for all actions that share resources, principal and condition."""
    actions: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for grant in grants:
        place = (str(grant.resource), str(grant.principal), condition_text(grant.condition))
        actions[place].add(str(grant.action))
    resources: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for (resource, principal, condition), found in actions.items():
        resources[", ".join(sorted(found)), principal, condition].add(resource)
    return [
        f"{action}{_phrase(' on ', ', '.join(sorted(found)))}{_phrase(' to ', principal)}"
        f"{f' if {code(condition)}' if condition else ''}"
        for (action, principal, condition), found in sorted(resources.items())
    ]


def _phrase(word: str, shown: str) -> str:
    return f"{word}{shown}" if shown not in ("", "``") else ""
