"""The page on the architecture names every stack, and every room with what it may import."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"


def test_every_stack_stands_in_the_table(production):
    stacks, _, _ = PAGE.read_text().partition("| room | what it is | may import |")
    rows = [line.split("|") for line in stacks.splitlines() if line.startswith("| `")]
    listed = {name.rpartition("/")[2] for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    shown = {
        artifact["displayName"].partition(" ")[0].rpartition("/")[2]
        for artifact in production.manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert listed - {"Delivery"} == shown  # which needs a repository's name


def test_every_room_stands_in_the_table_with_what_its_contract_lets_it_import():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    roots = set(linter["root_packages"])
    contracts = {
        contract["room"]: {
            each for each in contract.get("may_import", ()) if each.partition(".")[0] in roots
        }
        for contract in linter["contracts"]
        if contract["type"] == "room"
    }
    _, _, page = PAGE.read_text().partition("| room | what it is | may import |")
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| `")]
    shown = {room.strip(" `"): set(re.findall(r"`([^`]+)`", allowed)) for room, _, allowed in rows}
    assert shown == contracts
