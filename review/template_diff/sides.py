"""The two sides of a diff: two given assemblies, or a git ref and the working tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assembly.reader import read_stacks, with_nested
from assembly.stack import Stack
from review import two_sides
from review.template_diff import acknowledgements
from review.template_diff.acknowledgements import DangerAcknowledgement
from review.worktree import commits_missing, resolve, worktree


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The two sides of a comparison: their stacks, acknowledgements and remarks."""

    before: tuple[Stack, ...]
    after: tuple[Stack, ...]
    entries: tuple[DangerAcknowledgement, ...] = ()
    entries_before: tuple[DangerAcknowledgement, ...] = ()
    remarks: tuple[str, ...] = ()


def from_assemblies(
    before: Path, after: Path, acknowledged: Path | None, acknowledged_before: Path | None
) -> Sides:
    return Sides(
        before=_stacks(before),
        after=_stacks(after),
        entries=acknowledgements.read(acknowledged),
        entries_before=acknowledgements.read_before(acknowledged_before),
    )


def from_ref(root: Path, ref: str, environment: str, scratch: Path) -> Sides:
    """Synthesize the ref's own code and the working tree, side by side.

    `scratch` keeps the assemblies: the differ reads their files after this returns.
    """
    commit = resolve(root, ref)
    entries = acknowledgements.read(root / acknowledgements.FILE)
    with worktree(root, commit) as base:
        entries_before = acknowledgements.read_before(base / acknowledgements.FILE)
        made = two_sides.synthesize(root, base, environment, scratch)
    return Sides(
        before=_stacks(made.before),
        after=_stacks(made.after),
        entries=entries,
        entries_before=entries_before,
        remarks=tuple(_remarks(ref, commits_missing(root, commit), made)),
    )


def _stacks(directory: Path | None) -> tuple[Stack, ...]:
    return tuple(with_nested(read_stacks(directory))) if directory else ()


def _remarks(ref: str, missing: int, made: two_sides.TwoSides) -> Iterable[str]:
    if missing:
        yield (
            f"This checkout lacks {missing} of the commits of `{ref}`: what they add shows here as "
            f"removed. Rebase, or compare with `git merge-base {ref} HEAD`."
        )
    if made.before is None:
        yield f"`{ref}` has no app.py: every stack counts as added."
    if made.remark:
        yield made.remark
