"""The golden template of each stack of production: a change is seen, and accepted, in review.

A snapshot is never the only test of an intention; those stand in tests/system.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"
DIFF_LINES_MAX = 60

# An asset's hash follows from its files; a snapshot is about the template that names it.
_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def golden(template: dict[str, Any]) -> str:
    """The template as it is kept: keys in order, hashes of assets masked."""
    text = json.dumps(template, indent=1, sort_keys=True) + "\n"
    return _HASH.sub("<asset>", text)


@pytest.fixture(scope="module")
def templates(production, request) -> dict[str, str]:
    """By name of stack; with --update-snapshots they are accepted first."""
    made = {name: golden(stack.template) for name, stack in production.stacks.items()}
    if request.config.getoption("--update-snapshots"):
        for stale in SNAPSHOTS.glob("*.json"):
            stale.unlink()
        SNAPSHOTS.mkdir(exist_ok=True)
        for name, text in made.items():
            (SNAPSHOTS / f"{name}.json").write_text(text)
    return made


def test_every_stack_has_a_snapshot_and_every_snapshot_a_stack(templates):
    kept = {path.stem for path in SNAPSHOTS.glob("*.json")}
    assert kept == set(templates), "accept what is new, and drop what is gone: make snapshots"


@pytest.mark.parametrize("name", sorted(path.stem for path in SNAPSHOTS.glob("*.json")))
def test_the_template_is_the_accepted_one(templates, name):
    if name not in templates:
        pytest.fail(f"{name} is no stack any more; drop its snapshot: make snapshots")
    accepted = (SNAPSHOTS / f"{name}.json").read_text()
    if templates[name] != accepted:
        pytest.fail(difference(name, accepted, templates[name]), pytrace=False)


def difference(name: str, accepted: str, made: str) -> str:
    """What changed, short enough to be read, and how to accept it."""
    lines = list(
        difflib.unified_diff(
            accepted.splitlines(), made.splitlines(), "accepted", "made", lineterm="", n=2
        )
    )
    left_out = len(lines) - DIFF_LINES_MAX
    shown = lines[:DIFF_LINES_MAX]
    if left_out > 0:
        shown.append(f"... and {left_out} lines more")
    return "\n".join(
        [f"{name} is not the template that was accepted:", *shown, "To accept it: make snapshots"]
    )


def test_a_difference_is_shown_in_few_lines_with_the_way_to_accept_it():
    shown = difference("a-stack", "\n".join("abc" * 100), "\n".join("xyz" * 100)).splitlines()
    assert len(shown) == DIFF_LINES_MAX + 3
    assert shown[-2:] == ["... and 543 lines more", "To accept it: make snapshots"]


def test_the_hash_of_an_asset_is_no_difference():
    one, other = ({"S3Key": f"{digit * 64}.zip"} for digit in "ab")
    assert golden(one) == golden(other)
