"""Runbook pages as tests read them: sections of the one form, and the commands in their blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
# The one form: each section begins a line with its words in bold, in this order.
SECTIONS = (
    *("You see.", "Users notice.", "First command."),
    *("It worked when.", "If not.", "What is left."),
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VALUE = re.compile(r"<([a-z][a-z_]*)>")
_LISTED = re.compile(r"^\| ((?:`<[a-z_]+>`(?:, )?)+) \|", re.MULTILINE)


@dataclass(frozen=True)
class RunbookPage:
    """One page under docs/runbooks."""

    name: str
    text: str

    @property
    def commands(self) -> tuple[str, ...]:
        """Return every command of the shell blocks, in order, continued lines joined."""
        blocks = [body for kind, body in _BLOCK.findall(self.text) if kind == "sh"]
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        stripped = (re.sub(r"\s+#\s.*$|^#.*$", "", line).strip() for line in lines)
        return tuple(re.sub(r"\s+", " ", line) for line in stripped if line)

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the opening words of the sections, in the order in which they stand."""
        return tuple(re.findall(r"^\*\*([A-Z][a-z ]+\.)\*\*", self.text, re.MULTILINE))

    @property
    def values(self) -> set[str]:
        """Return the names that stand in angle brackets in the commands."""
        return {name for command in self.commands for name in _VALUE.findall(command)}


def page(name: str) -> RunbookPage:
    return RunbookPage(name, (FOLDER / f"{name}.md").read_text())


def every_page() -> list[RunbookPage]:
    return [page(path.stem) for path in sorted(FOLDER.glob("*.md")) if path != INDEX]


def listed_values() -> set[str]:
    """Return the values that the index explains."""
    return {name for row in _LISTED.findall(INDEX.read_text()) for name in _VALUE.findall(row)}
