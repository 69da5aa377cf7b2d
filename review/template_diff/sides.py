"""The two sides of a diff: two given assemblies, or a git ref and the working tree."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from review.template_diff import acknowledgements, synthesis
from review.template_diff.acknowledgements import Acknowledgement
from review.template_diff.assemblies import Stack, TemplateDiffError, read_assembly
from review.template_diff.synthesis import tell
from review.template_diff.worktree import commits_missing, resolve, worktree

# Below the checkout, ignored by git: interpreters with the pins of earlier commits.
CACHE = Path(".cache") / "template-diff"


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What is compared: stacks and acknowledgements of both sides, and what to say about them."""

    before: tuple[Stack, ...]
    after: tuple[Stack, ...]
    entries: tuple[Acknowledgement, ...] = ()
    entries_before: tuple[Acknowledgement, ...] = ()
    remarks: tuple[str, ...] = ()


def from_assemblies(
    before: Path, after: Path, acknowledged: Path | None, acknowledged_before: Path | None
) -> Sides:
    return Sides(
        before=read_assembly(before),
        after=read_assembly(after),
        entries=acknowledgements.read(acknowledged),
        entries_before=acknowledgements.read_before(acknowledged_before),
    )


def from_ref(root: Path, ref: str, environment: str, scratch: Path) -> Sides:
    """Synthesize the ref's own code and the working tree, side by side.

    `scratch` keeps the assemblies: the differ reads their files after this returns.
    """
    if not (root / "app.py").is_file():
        raise TemplateDiffError(f"'{root}' has no app.py: run the diff at the top of the checkout")
    commit = resolve(root, ref)
    entries = acknowledgements.read(root / acknowledgements.FILE)
    remarks = _behind(ref, commits_missing(root, commit))
    with ExitStack() as cleanup:
        tell(f"synthesizing the working tree ({environment})")
        current = synthesis.start("current", root, environment, Path(sys.executable), scratch)
        cleanup.callback(current.stop)
        base = cleanup.enter_context(worktree(root, commit))
        entries_before = acknowledgements.read_before(base / acknowledgements.FILE)
        before: tuple[Stack, ...] = ()
        if (base / "app.py").is_file():
            python = synthesis.interpreter(root, base, root / CACHE)
            tell(f"synthesizing {ref} ({commit[:12]}) with its own code")
            old = synthesis.start("base", base, environment, python, scratch)
            cleanup.callback(old.stop)
            before, remark = old.finish(tolerate_findings=True)
            remarks += [remark] if remark else []
        else:
            remarks.append(f"`{ref}` has no app.py: every stack counts as added.")
        after, _ = current.finish(tolerate_findings=False)
    return Sides(
        before=before,
        after=after,
        entries=entries,
        entries_before=entries_before,
        remarks=tuple(remarks),
    )


def _behind(ref: str, missing: int) -> list[str]:
    if not missing:
        return []
    return [
        f"This checkout lacks {missing} of the commits of `{ref}`: what they add shows here as "
        f"removed. Rebase, or compare with `git merge-base {ref} HEAD`."
    ]
