"""Synthesizes the working tree and a git ref, each with its own code, side by side."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from assembly import synthesis

# Below the checkout, ignored by git: interpreters with the pins of earlier commits.
CACHE = Path(".cache") / "template-diff"


@dataclass(frozen=True, kw_only=True)
class TwoSides:
    """The assemblies of one environment: `before` is None where the ref has no app."""

    before: Path | None
    after: Path
    remark: str | None = None  # where the ref's side failed its own checks


def synthesize(root: Path, base: Path, environment: str, scratch: Path) -> TwoSides:
    """Synthesize `base`, a checkout of the ref, and the working tree `root`, into `scratch`.

    Raises ValueError where a side has no templates, or the working tree fails its checks.
    """
    with ExitStack() as cleanup:
        report_progress(f"synthesizing the working tree and its base ({environment})")
        after = scratch / f"{environment}-current.out"
        current = synthesis.start("the current side", root, environment, after)
        cleanup.callback(current.stop)
        before, remark = None, None
        if (base / "app.py").is_file():
            before = scratch / f"{environment}-base.out"
            python = synthesis.interpreter(root, base, root / CACHE)
            old = synthesis.start("the base side", base, environment, before, python=python)
            cleanup.callback(old.stop)
            remark = old.finish(tolerate_findings=True)
        current.finish()
    return TwoSides(before=before, after=after, remark=remark)


def report_progress(message: str) -> None:
    """Print to stderr, apart from the report."""
    print(message, file=sys.stderr, flush=True)
