"""The base side's files: a git worktree that is gone afterwards, whatever happens in between."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def resolve(root: Path, ref: str) -> str:
    """Return the commit that a ref names. Raises ValueError where it names none."""
    if not (root / "app.py").is_file():
        raise ValueError(f"'{root}' has no app.py: run this at the top of the checkout")
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode:
        raise ValueError(
            f"'{ref}' should name a commit of this repository, and does not; a clone made by CI "
            "often lacks the base branch: fetch it first (git fetch origin main)"
        )
    return done.stdout.strip()


def commits_missing(root: Path, commit: str) -> int:
    """Return how many commits of the base this checkout lacks: their changes show reversed."""
    done = _git(root, "rev-list", "--count", f"HEAD..{commit}")
    return int(done.stdout) if done.returncode == 0 else 0


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """Check the commit out, detached, into a temporary directory, and yield that."""
    with tempfile.TemporaryDirectory(prefix="template-diff-") as parent:
        path = Path(parent) / "base"
        try:
            # Hooks are for the author's own checkouts; the base is only read.
            done = _git(
                root, "-c", "core.hooksPath=/dev/null",
                "worktree", "add", "--quiet", "--detach", str(path), commit,
            )  # fmt: skip
            if done.returncode:
                raise ValueError(f"git worktree add failed: {done.stderr.strip()}")
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
