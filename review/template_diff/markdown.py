"""The report: a reviewer's summary in Markdown, short enough to post as a comment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from review.template_diff.acknowledgements import FILE, Answers, DangerAnswer
from review.template_diff.changes import REMOVED, StackChange
from review.template_diff.dangers import DiffFindings
from review.template_diff.details import details
from review.template_diff.escaping import cell, line
from review.template_diff.findings import Danger, DangerKind, Note

# Characters in the body of a comment on a pull request.
LIMIT = 65_536

# What the closing sentences about things left out may take of it.
_RESERVE = 512

_HEADINGS = {
    DangerKind.REPLACEMENT: "Replacement of a resource",
    DangerKind.STATEFUL: "Stateful resources removed, replaced or less protected",
    DangerKind.IAM: "IAM widened",
    DangerKind.SECURITY_GROUP: "Security groups opened",
}

# Items of one danger shown in the open; more are folded.
_OPEN_ITEMS = 6


@dataclass(frozen=True, kw_only=True)
class Report:
    """The content of the summary."""

    stacks: tuple[StackChange, ...]
    findings: DiffFindings
    answers: Answers
    remarks: tuple[str, ...] = ()


def render(report: Report, limit: int = LIMIT) -> str:
    """Return the summary; beyond the limit, details go first, then the tail of the dangers."""
    head = "\n".join([_verdict(report), "", *_table(report.stacks), ""])
    after = "\n".join([*_remarks(report), ""])
    room = limit - len(head) - _RESERVE
    dangers, left_out = _fitting(_danger_blocks(report.answers.answers), room)
    if left_out:
        dangers.append(f"\n{left_out} more dangers do not fit here: run the diff locally.\n")
    room -= sum(map(len, dangers)) + len(after)
    if room < 0:
        after, room = "", room + len(after)
    sample = _entries_to_fill(report.answers.unanswered)
    if len(sample) < room:
        after, room = sample + after, room - len(sample)
    shown, left_out = _fitting([details(it) for it in report.stacks if it.differs], room)
    if left_out:
        stacks = _count(left_out, "stack")
        shown.append(f"\nThe details of {stacks} do not fit here: run the diff locally.\n")
    return "".join([head, *dangers, after, *shown]).rstrip() + "\n"


def _verdict(report: Report) -> str:
    total, open_ = len(report.answers.answers), len(report.answers.unanswered)
    differing = sum(stack.differs for stack in report.stacks)
    if not total and not differing:
        return "**No difference between the templates.**"
    scope = f"{_count(differing, 'stack')} {'differs' if differing == 1 else 'differ'}"
    if not total:
        return f"**No dangerous change; {scope}.**"
    if not open_:
        return f"**{_count(total, 'dangerous change')}, all acknowledged; {scope}.**"
    return f"**{open_} of {_count(total, 'dangerous change')} not acknowledged; {scope}.**"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(stacks: Sequence[StackChange]) -> list[str]:
    rows = []
    for stack in stacks:
        if not stack.differs:
            continue
        impacts = [change.impact for change in stack.resources]
        added = impacts.count("WILL_CREATE")
        removed = sum(impact in REMOVED for impact in impacts)
        state = "new" if stack.before is None else "removed" if stack.after is None else ""
        changed = len(impacts) - added - removed
        rows.append(f"| {cell(stack.name)} | {state} | {added} | {changed} | {removed} |")
    if not rows:
        return []
    return ["| Stack | | Added | Changed | Removed |", "|---|---|--:|--:|--:|", *rows]


def _danger_blocks(answers: Iterable[DangerAnswer]) -> list[str]:
    blocks = []
    previous: DangerKind | None = None
    for answer in answers:
        heading = f"\n### {_HEADINGS[answer.danger.kind]}\n\n"
        blocks.append(("" if answer.danger.kind is previous else heading) + _danger(answer))
        previous = answer.danger.kind
    return blocks


def _danger(answer: DangerAnswer) -> str:
    danger = answer.danger
    state = f"Acknowledged: {line(answer.reason or '')}"
    if answer.reason is None:
        state = "**Not acknowledged.**"
        if answer.spent:
            state += f" The entry in `{FILE}` answered an earlier change: give a new reason."
    items = [f"  - {line(item)}" for item in danger.items]
    if len(items) > _OPEN_ITEMS:
        items = ["", f"  <details><summary>{len(items)} entries</summary>", "", *items]
        items += ["", "  </details>", ""]
    return "\n".join([f"- {_place(danger)}: {line(danger.what)}. {state}", *items]) + "\n"


def _entries_to_fill(dangers: Sequence[Danger]) -> str:
    """Return entries for the author to copy; the reasons are theirs to write."""
    if not dangers:
        return ""
    entries = "\n".join(
        f'[[change]]\nstack = "{danger.stack}"\nresource = "{danger.resource}"\n'
        f'danger = "{danger.kind}"\nreason = ""\n'
        for danger in dangers
    )
    summary = f"<details><summary>Entries for <code>{FILE}</code>, reasons to be written</summary>"
    return f"\n{summary}\n\n```toml\n{entries}```\n\n</details>\n"


def _place(found: Danger | Note) -> str:
    logical_id = "" if found.path == found.resource else f" (`{found.resource}`)"
    stack = "" if found.path.startswith(f"{found.stack}/") else f"{found.stack}: "
    return f"{stack}`{found.path}`{logical_id}"


def _remarks(report: Report) -> list[str]:
    lines = []
    if report.findings.owned:
        lines += ["", "### Owned by operations", ""]
        lines += [f"- {_place(note)}: {line(note.what)}" for note in report.findings.owned]
    stale = [
        f"`{FILE}`: the entry for {entry.stack}, `{entry.resource}` ({entry.danger}) answers no "
        "danger of this change: remove it"
        for entry in report.answers.stale
    ]
    notes = [f"{_place(note)}: {line(note.what)}" for note in report.findings.notes]
    if report.remarks or stale or notes:
        lines += ["", "### Notes", ""]
        lines += [f"- {note}" for note in (*map(line, report.remarks), *stale, *notes)]
    return lines


def _fitting(blocks: list[str], room: int) -> tuple[list[str], int]:
    """Return the blocks from the first on that fit, and how many do not."""
    shown: list[str] = []
    for block in blocks:
        room -= len(block)
        if room < 0:
            break
        shown.append(block)
    return shown, len(blocks) - len(shown)
