"""All rules over all stacks: the dangers to answer and the notes to read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from review.template_diff.changes import StackChange
from review.template_diff.findings import WHOLE_STACK, Danger, DangerKind, Note
from review.template_diff.iam import iam_dangers
from review.template_diff.operations import owned_by_operations
from review.template_diff.replacements import replacement_dangers
from review.template_diff.security_groups import security_group_dangers
from review.template_diff.stateful import stateful_dangers

# In a stack that is new as a whole these are read, and answered, as one.
_COLLAPSED = (DangerKind.IAM, DangerKind.SECURITY_GROUP)


@dataclass(frozen=True, kw_only=True)
class DiffFindings:
    """Everything the rules found, sorted by kind, stack and resource."""

    dangers: tuple[Danger, ...]
    owned: tuple[Note, ...]
    notes: tuple[Note, ...]


def find(stacks: Iterable[StackChange]) -> DiffFindings:
    """Judge every stack."""
    changed = [stack for stack in stacks if stack.differs]
    dangers: list[Danger] = []
    notes: list[Note] = []
    for stack in changed:
        for finding in _rules(stack):
            if isinstance(finding, Danger):
                dangers.append(finding)
            elif stack.before is not None:
                notes.append(finding)
    order = list(DangerKind)
    return DiffFindings(
        dangers=tuple(sorted(dangers, key=lambda d: (order.index(d.kind), d.stack, d.resource))),
        owned=tuple(note for stack in changed for note in owned_by_operations(stack)),
        notes=tuple(notes),
    )


def _rules(stack: StackChange) -> Iterator[Danger | Note]:
    yield from stateful_dangers(stack)
    yield from replacement_dangers(stack)
    opened = [*iam_dangers(stack), *security_group_dangers(stack)]
    if stack.before is not None:
        yield from opened
        return
    for kind in _COLLAPSED:
        found = [item for item in opened if isinstance(item, Danger) and item.kind is kind]
        if found:
            yield _collapsed(stack, kind, found)


def _collapsed(stack: StackChange, kind: DangerKind, found: list[Danger]) -> Danger:
    noun = "holders of permissions" if kind is DangerKind.IAM else "opened security groups"
    return Danger(
        kind=kind,
        stack=stack.name,
        resource=WHOLE_STACK,
        path=stack.name,
        what=f"new stack, {noun}: {len(found)}",
        items=tuple(
            f"`{danger.path}` {danger.what}" + "".join(f"; {item}" for item in danger.items)
            for danger in found
        ),
    )
