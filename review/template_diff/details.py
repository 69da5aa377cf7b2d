"""The folded part of the report: every difference of one stack, line by line."""

from review.template_diff.changes import REMOVED, REPLACED, ResourceChange, StackChange
from review.template_diff.escaping import line

_SIGNS = {"WILL_CREATE": "+", "WILL_DESTROY": "-", "WILL_ORPHAN": "-"}

_WORDS = {
    "WILL_REPLACE": "replaced",
    "MAY_REPLACE": "may be replaced",
    "WILL_ORPHAN": "left in the account",
    # The differ's word for a property that the resource specification does not know.
    "NO_CHANGE": "effect unknown to the resource specification",
}


def details(stack: StackChange) -> str:
    """A <details> block for one stack."""
    lines = [_line(change) for change in sorted(stack.resources, key=_order)]
    lines += [f"  {section}: {line(name)}" for section, name in stack.sections]
    note = ""
    if stack.broadened and stack.before is not None:
        note = (
            "\nThe CDK's differ counts permissions of this stack as broadened. It compares "
            "statements and rules by their text; what is really wider is listed above.\n"
        )
    body = "\n".join(lines) or "  no resource"
    summary = f"<details><summary>{stack.name}</summary>"
    return f"\n{summary}\n\n```diff\n{body}\n```\n{note}\n</details>\n"


def _order(change: ResourceChange) -> tuple[int, str]:
    group = 0 if change.impact in REMOVED else 1 if change.impact in REPLACED else 2
    return (3 if change.impact == "WILL_CREATE" else group, change.path)


def _line(change: ResourceChange) -> str:
    words = [word for word in (_WORDS.get(change.impact),) if word]
    words += [*change.properties, *(f"({name})" for name in change.attributes)]
    listed = f": {', '.join(words)}" if words else ""
    sign = _SIGNS.get(change.impact, "!" if change.impact in REPLACED else "~")
    return line(f"{sign} {change.type} {change.path} [{change.logical_id}]{listed}").replace(
        "`", "'"
    )
