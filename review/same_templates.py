"""Compares every template with those of another commit, byte for byte: `make same-templates`.

Hashes of assets are masked, because a template is about what it names and not about a function's
code. review/renamed_variables.toml lists environment variables whose name alone has changed. Exits
1 where a template differs, 2 where there is nothing to compare.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assembly.command import answer, parser
from review import two_sides
from review.worktree import resolve, worktree

RENAMED = Path("review") / "renamed_variables.toml"
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
# Properties that hold variables: a map by name (functions, canaries), or a list (containers).
_BY_NAME = ("Variables", "EnvironmentVariables")
_LISTED = ("Environment", "Secrets")


def main(argv: Sequence[str] | None = None) -> int:
    """Synthesize both sides of each environment, print what differs, and return the exit code."""
    command = parser("review.same_templates", __doc__)
    command.set_defaults(environment="production,small,dev")
    command.add_argument("--base", required=True, metavar="REF", help="git ref to compare with")
    arguments = command.parse_args(argv)
    root, differ = Path.cwd(), 0
    renamed = read_renamed(root / RENAMED)
    with (
        worktree(root, resolve(root, arguments.base)) as base,
        tempfile.TemporaryDirectory(prefix="same-templates-") as scratch,
    ):
        for environment in arguments.environment.split(","):
            made = two_sides.synthesize(root, base, environment, Path(scratch))
            if made.before is None:
                raise ValueError(f"'{arguments.base}' has no app.py: there is nothing to compare")
            before = templates(made.before, renamed)
            after = templates(made.after, {name: name for name in renamed.values()})
            found = [lines for lines in _differences(before, after) if lines]
            print("\n".join(line for lines in found for line in lines), end="\n" * bool(found))
            print(f"{len(after)} templates of {environment}, {len(found)} differ", flush=True)
            differ += len(found)
    return 1 if differ else 0


def read_renamed(file: Path) -> dict[str, str]:
    """Return new names by old ones; none where there is no file."""
    if not file.is_file():
        return {}
    try:
        names = tomllib.loads(file.read_text(encoding="utf-8")).get("variables", {})
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"'{file}' should be TOML: {error}") from None
    for old, new in names.items():
        if not isinstance(new, str):
            raise ValueError(f"'{old}' in {file} should be text, got {new!r}")
    return names


def templates(directory: Path, renamed: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each template by its file's name, asset hashes masked.

    With renamed variables, the new names stand for the old ones and variables are in the order of
    their names, which a new name changes.
    """
    found = {}
    for file in sorted(directory.rglob("*.template.json")):
        text = _HASH.sub("<asset>", file.read_text(encoding="utf-8"))
        if renamed:
            text = json.dumps(_with_new_names(json.loads(text), renamed), indent=1)
        found[_HASH.sub("<asset>", str(file.relative_to(directory)))] = text
    return found


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield each template's unified diff; a template that one side lacks differs as a whole."""
    for name in sorted(before.keys() | after.keys()):
        sides = (before.get(name, "").splitlines(), after.get(name, "").splitlines())
        yield list(difflib.unified_diff(*sides, f"base/{name}", name, lineterm="", n=2))


def _with_new_names(value: Any, renamed: Mapping[str, str], place: str = "") -> Any:
    if isinstance(value, dict):
        inner = {key: _with_new_names(item, renamed, key) for key, item in value.items()}
        if place in _BY_NAME:
            return dict(sorted((renamed.get(key, key), item) for key, item in inner.items()))
        return inner
    if isinstance(value, list):
        items = [_with_new_names(item, renamed) for item in value]
        if place in _LISTED and all(isinstance(item, dict) and "Name" in item for item in items):
            named = [item | {"Name": renamed.get(item["Name"], item["Name"])} for item in items]
            return sorted(named, key=lambda item: item["Name"])
        return items
    return value


if __name__ == "__main__":
    sys.exit(answer(main, "same templates"))
