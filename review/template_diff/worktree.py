"""The base side's files: a git worktree that is gone afterwards, whatever happens in between."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from review.template_diff.assemblies import TemplateDiffError


def resolve(root: Path, ref: str) -> str:
    """The commit that a ref names."""
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode:
        raise TemplateDiffError(
            f"'{ref}' should name a commit of this repository, and does not; a clone made by CI "
            "often lacks the base branch: fetch it first (git fetch origin main)"
        )
    return done.stdout.strip()


def commits_missing(root: Path, commit: str) -> int:
    """How many commits of the base the current checkout lacks: their changes show reversed."""
    done = _git(root, "rev-list", "--count", f"HEAD..{commit}")
    return int(done.stdout) if done.returncode == 0 else 0


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """A detached checkout of the commit in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="template-diff-") as parent:
        path = Path(parent) / "base"
        try:
            # Hooks are for the author's own checkouts; the base is only read.
            done = _git(
                root, "-c", "core.hooksPath=/dev/null",
                "worktree", "add", "--quiet", "--detach", str(path), commit,
            )  # fmt: skip
            if done.returncode:
                raise TemplateDiffError(f"git worktree add failed: {done.stderr.strip()}")
            yield path
        finally:
            _git(root, "worktree", "remove", "--force", str(path))
            _git(root, "worktree", "prune")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git to its end, an interruption included: its children would go on writing without it."""
    command = ["git", "-C", str(root), *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is ours alone
    )
    try:
        out, error = process.communicate()
    except KeyboardInterrupt:
        process.communicate()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, error)
