"""The page on the architecture names every stack."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_every_stack_stands_in_the_table(production):
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    listed = {name.rpartition("/")[2] for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    shown = {
        artifact["displayName"].partition(" ")[0].rpartition("/")[2]
        for artifact in production.manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert listed - {"Delivery"} == shown  # which needs a repository's name
