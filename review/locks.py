"""Lock files: what each environment is installed from, by hash, and whether it is up to date.

`NAME.txt` is written by people, `NAME.lock` by `make lock` from it. The head of a lock carries a
digest of what it was made from, so that a test finds a stale one without asking a registry.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements-uv.lock", "requirements-dev.lock", "local/requirements.lock")


def requirements(file: Path) -> list[str]:
    """Return the requirement lines of a file and of the files that it includes, sorted.

    Comments and blank lines are left out: they change no package.
    """
    found: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement.startswith("-r "):
            found += requirements(file.parent / requirement.removeprefix("-r ").strip())
        elif requirement:
            found.append(requirement)
    return sorted(found)


def heading(lock: Path) -> str:
    """Return the first words of the lock that its requirements would give now."""
    lines = "\n".join(requirements(lock.with_suffix(".txt")))
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    return (
        f"make lock  # of {lock.with_suffix('.txt').name}, whose requirements have digest {digest}"
    )


def stale(root: Path = ROOT) -> list[str]:
    """Return the locks that were not made from their requirements as they are now."""
    return [name for name in LOCKS if heading(root / name) not in _text(root / name)]


def _text(lock: Path) -> str:
    return lock.read_text(encoding="utf-8") if lock.exists() else ""


def write(lock: Path) -> None:
    """Write a lock for Python 3.11 and newer; versions that it holds already stay."""
    subprocess.run(
        [
            *(ROOT / ".venv" / "bin" / "uv", "pip", "compile", "--quiet"),
            *("--universal", "--python-version", "3.11", "--generate-hashes"),
            # The checkout itself is installed apart: an editable package has no hash.
            *("--no-emit-package", "mainstay", "--no-emit-index-url", "--no-emit-find-links"),
            *("--custom-compile-command", heading(lock)),
            *("--output-file", lock.relative_to(ROOT)),
            lock.with_suffix(".txt").relative_to(ROOT),
        ],
        cwd=ROOT,
        check=True,
    )


def main() -> None:
    for name in LOCKS:
        print(f"Locking {name} ...")
        write(ROOT / name)


if __name__ == "__main__":
    main()
