"""Counts the code of two commits side by side: `python -m review.lines --base <commit>`.

A line counts when a token of code stands on it: no blank line, no comment, and no string that is a
statement by itself, which is what a docstring is. Each Python file counts but those that pytest
collects, tests/**/test_*.py and tests/**/conftest.py. What else stands in tests/, test doubles
among it, counts there, so that moving a double out of tests/ or into it changes no sum.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tarfile
import tokenize
from collections import Counter
from pathlib import Path, PurePosixPath

_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


class CommitError(ValueError):
    """A commit that git does not know; the message is git's own."""


def lines_of_code(source: str) -> int:
    """Return the number of lines of `source` that hold code. Raises SyntaxError."""
    held = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    alone = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return len(held - alone)


def room_of(path: str) -> str | None:
    """Return the room that a file counts in, its top-level folder, or None for a test."""
    parts = PurePosixPath(path).parts
    if parts[0] == "tests" and (parts[-1].startswith("test_") or parts[-1] == "conftest.py"):
        return None
    return parts[0] if len(parts) > 1 else "."


def lines_by_room(repository: Path, commit: str) -> Counter[str]:
    """Return the lines of code of each room at a commit. Raises CommitError."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, "--", ":(glob)**/*.py"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    if packed.returncode:
        raise CommitError(f"'{commit}' should be a commit: {packed.stderr.decode().strip()}")
    counted: Counter[str] = Counter()
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and (room := room_of(member.name)):
                counted[room] += lines_of_code(content.read().decode())
    return counted


def table(base: Counter[str], head: Counter[str]) -> str:
    """Return the two counts and their difference as text, a room a line and the sum at the end."""
    rows = [("room", "base", "head", "difference")]
    for room in sorted({*base, *head}):
        rows.append((room, *_columns(base[room], head[room])))
    rows.append(("all", *_columns(base.total(), head.total())))
    return "\n".join(
        f"{room:14}{before:>8}{after:>8}{change:>12}" for room, before, after, change in rows
    )


def _columns(before: int, after: int) -> tuple[str, str, str]:
    return f"{before:,}", f"{after:,}", f"{after - before:+,}"


def main(arguments: list[str] | None = None, repository: Path = Path()) -> int:
    """Print the table. Returns 1, with a reason on standard error, for an unknown commit."""
    parser = argparse.ArgumentParser(prog="python -m review.lines", description=__doc__)
    parser.add_argument("--base", required=True, help="the commit to compare with")
    parser.add_argument("--head", default="HEAD", help="the commit to compare, HEAD by default")
    given = parser.parse_args(arguments)
    try:
        counts = [lines_by_room(repository, commit) for commit in (given.base, given.head)]
    except CommitError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(*counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
